import { v7 as uuidv7 } from 'uuid';
import { openHost } from './engine/host/index.ts';
import { type CaptureParts, capture } from './engine/lifecycle/capture.ts';
import { createCommands } from './engine/lifecycle/commands.ts';
import { createConsequences } from './engine/lifecycle/consequences.ts';
import { createFieldRegistry } from './engine/lifecycle/fields.ts';
import { createGateKeeper } from './engine/lifecycle/gates.ts';
import { hostedAttachment } from './engine/lifecycle/hosted.ts';
import { asStream } from './engine/lifecycle/lists.ts';
import { createProgressBoard } from './engine/lifecycle/progress.ts';
import { resolveBytes } from './engine/lifecycle/resolve.ts';
import { createScheduler } from './engine/lifecycle/scheduler.ts';
import { attachmentServices } from './engine/lifecycle/services.ts';
import { createSettled } from './engine/lifecycle/settled.ts';
import { createUploadSlots } from './engine/lifecycle/slots.ts';
import { mediaIdOf, requireId } from './engine/lifecycle/validate.ts';
import { createVerify } from './engine/lifecycle/verify.ts';
import { createViews, type LiveView } from './engine/lifecycle/views.ts';
import type { Attachment, Lading, LadingOptions, RefOrId } from './lading.ts';
import { refOf } from './machines/attachment/ref-of.ts';
import { type MediaId, type Owner, ownerKey } from './machines/attachment/types.ts';
import { openStore } from './persistence/index.ts';
import { blobKey } from './ports/blob-store.ts';
import { systemClock } from './ports/clock.ts';
import type { Connectivity } from './ports/connectivity.ts';
import { LadingError } from './ports/errors.ts';
import { silentLogger } from './ports/logger.ts';
import { systemRandom } from './ports/random.ts';
import { openSync } from './sync/open-sync.ts';

/**
 * Opens the engine on a database. What an earlier process left is taken up at once: that is the normal start.
 * @throws {LadingError} `database_newer`, `database_corrupt`, `database_read_only`, `invalid_id`, `invalid_option`.
 */
export async function openLading(options: LadingOptions): Promise<Lading> {
  const clock = options.clock ?? systemClock();
  const random = options.random ?? systemRandom;
  const logger = options.logger ?? silentLogger;
  const account = requireId('accountId', options.account);
  const fields = createFieldRegistry(options.fields);
  const slots = createUploadSlots(requireCount('concurrency', options.concurrency ?? 3));
  const store = openStore(options.store, clock, random);
  const { events, tables, outbox } = store;
  const gates = createGateKeeper({
    connectivity: options.connectivity ?? ALWAYS_ONLINE,
    clock,
    debounceMs: options.onlineDebounceMs ?? 500,
  });
  const progress = createProgressBoard(clock);
  const newId = (): MediaId => uuidv7({ msecs: clock.now(), random: random.bytes(16) }) as MediaId;
  const newBlobKey = (accountId: string) => blobKey(accountId, newId());

  const machine = hostedAttachment({
    services: attachmentServices({
      events,
      checkpoints: store.checkpoints,
      blobs: options.blobs,
      remote: options.remote,
      gates,
      slots,
      progress,
      newBlobKey,
    }),
    tables,
    consequences: createConsequences({
      tables,
      outbox,
      fields,
      installationId: store.installationId,
    }),
  });
  const host = await openHost({
    store: events,
    clock,
    random,
    logger,
    machines: [machine],
    ...(options.runner === undefined ? {} : { lease: options.runner }),
    ...(options.crashPoint === undefined ? {} : { crashPoint: options.crashPoint }),
  });
  const scheduler = createScheduler({
    host,
    events,
    tables,
    accountId: account,
    gates,
    slots,
    clock,
    logger,
  });
  const views = createViews({ host, events, tables, gates, slots, progress });
  const sync = openSync({
    host,
    store,
    backend: options.backend,
    accountId: account,
    projects: options.projects ?? [null],
    isOnline: gates.remoteOpen,
    onOnline: gates.subscribe,
    clock,
    random,
    logger,
  });
  const parts: CaptureParts = {
    host,
    events,
    tables,
    blobs: options.blobs,
    fields,
    accountId: account,
    clock,
    newMediaId: newId,
    newBlobKey,
  };
  const commands = createCommands(parts);
  const settled = createSettled({
    host,
    events,
    tables,
    accountId: account,
    gates,
    slots,
    scheduler,
    clock,
    syncIdle: sync.isIdle,
    unsyncedOps: sync.pending,
  });
  let retrying: ReturnType<Lading['retrySync']> | undefined;

  function attachment(mediaId: MediaId, owner: Owner): Attachment {
    return {
      id: mediaId,
      get ref() {
        const { media, row } = events.read((tx) => ({
          media: tables.media(tx, mediaId),
          row: tables.refsOfOwner(tx, ownerKey(owner)).find((ref) => ref.mediaId === mediaId),
        }));
        if (media === undefined) throw notFound(mediaId);
        // A draft, or one that this owner let go, is nobody's primary.
        return row?.ref ?? refOf(media, { isPrimary: false });
      },
      get view() {
        return views.view(mediaId);
      },
    };
  }

  async function retrySync(): ReturnType<Lading['retrySync']> {
    const retried = await scheduler.retryAll();
    return { retried, ...(await sync.now()) };
  }

  await scheduler.start();
  sync.start();

  return {
    account,
    newMediaId: newId,
    capture: async (source, captureOptions) =>
      attachment(await capture(parts, source, captureOptions), captureOptions.owner),
    view: (ref) => views.view(refOrId(ref)),
    list: views.list,
    resolve: (ref, { signal } = {}) =>
      resolveBytes({ host, events, tables, blobs: options.blobs }, refOrId(ref), signal),
    watch: (target: RefOrId | Owner, listener: (shown: never) => void) =>
      isOwner(target)
        ? views.watchOwner(target, listener as Parameters<typeof views.watchOwner>[1])
        : views.watchOne(refOrId(target), listener as (view: LiveView) => void),
    link: (ref, owner, verb) => commands.link(mediaIdOf(ref), owner, verb),
    remove: (ref, owner, verb) => commands.remove(mediaIdOf(ref), owner, verb),
    async replace(ref, source, owner, replaceOptions) {
      const { mediaId, undo } = await commands.replace(
        mediaIdOf(ref),
        source,
        owner,
        replaceOptions,
      );
      return { attachment: attachment(mediaId, owner), undo };
    },
    move: (ref, owner, position, verb) => commands.move(mediaIdOf(ref), owner, position, verb),
    setPrimary: (ref, owner, verb) => commands.setPrimary(mediaIdOf(ref), owner, verb),
    cancel: (ref, verb) => commands.cancel(mediaIdOf(ref), verb),
    ownerDeleted: commands.ownerDeleted,
    undo: commands.undo,
    async retry(ref) {
      await host.send(asStream(mediaIdOf(ref)), { type: 'retry.requested' });
    },
    retrySync() {
      retrying ??= retrySync().finally(() => {
        retrying = undefined;
      });
      return retrying;
    },
    async pause(ref) {
      if (ref === undefined) gates.pause();
      else await host.send(asStream(mediaIdOf(ref)), { type: 'held' });
    },
    async resume(ref) {
      if (ref === undefined) gates.resume();
      else await host.send(asStream(mediaIdOf(ref)), { type: 'resumed' });
    },
    settled,
    verify: createVerify({ events, tables, machine, clock }),
    history(ref) {
      const mediaId = mediaIdOf(ref);
      const found = host.history(asStream(mediaId));
      if (found.length === 0) throw notFound(mediaId);
      return found;
    },
    storage() {
      const { bytes, blobs } = events.read((tx) => tables.usage(tx, account));
      return { usedBytes: bytes, files: blobs };
    },
    async close() {
      scheduler.close();
      gates.close();
      views.close();
      await sync.close();
      await host.close();
      await events.close();
    },
  };
}

const ALWAYS_ONLINE: Connectivity = {
  current: () => ({ online: true, metered: false }),
  subscribe: () => () => {},
};

function refOrId(ref: RefOrId): MediaId | Exclude<RefOrId, string> {
  return typeof ref === 'string' ? mediaIdOf(ref) : ref;
}

function isOwner(target: RefOrId | Owner): target is Owner {
  return typeof target !== 'string' && 'entityType' in target;
}

function requireCount(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1) return value;
  throw new LadingError('invalid_option', `${name} must be a whole number of 1 or more.`, {
    details: { name, value },
  });
}

function notFound(mediaId: MediaId): LadingError {
  return new LadingError('not_found', `There is no attachment ${mediaId} on this device.`, {
    details: { mediaId },
  });
}
