import { createActorRecords } from './engine/actors/actor-records.ts';
import { createAttachmentLogic } from './engine/actors/attachment-logic.ts';
import type { Guardrails } from './engine/guardrails/guardrails.ts';
import type { Say } from './engine/guardrails/sentences.ts';
import type { StorageView } from './engine/guardrails/storage-view.ts';
import type { HostedMachine } from './engine/host/definition.ts';
import type { Host } from './engine/host/host.ts';
import { type CaptureParts, captureAll } from './engine/lifecycle/capture.ts';
import type { Commands } from './engine/lifecycle/commands.ts';
import type { FieldRegistry } from './engine/lifecycle/fields.ts';
import type { ForgetOptions, ForgetReport } from './engine/lifecycle/forget.ts';
import type { GateKeeper } from './engine/lifecycle/gates.ts';
import { createLifetime } from './engine/lifecycle/lifetime.ts';
import { asStream } from './engine/lifecycle/lists.ts';
import { notAvailable } from './engine/lifecycle/not-available.ts';
import { wrongAccount } from './engine/lifecycle/prepare-capture.ts';
import type { ProgressBoard } from './engine/lifecycle/progress.ts';
import { createScheduler } from './engine/lifecycle/scheduler.ts';
import type { UploadSlots } from './engine/lifecycle/slots.ts';
import {
  mediaIdOf,
  requireKeyId,
  requireObject,
  requireOptions,
} from './engine/lifecycle/validate.ts';
import { createViews, type LiveView } from './engine/lifecycle/views.ts';
import { createMetrics } from './engine/observe/metrics.ts';
import { createSyncViews, type SyncView } from './engine/observe/sync-view.ts';
import type { Attachment, Lading, LadingOptions, RefOrId } from './lading.ts';
import { defaultPolicy } from './machines/attachment/context.ts';
import { refOf } from './machines/attachment/ref-of.ts';
import { type MediaId, type Owner, ownerKey } from './machines/attachment/types.ts';
import { made, onDemand } from './on-demand.ts';
import type { CoreStore } from './persistence/store-on.ts';
import type { BlobKey } from './ports/blob-store.ts';
import type { Clock } from './ports/clock.ts';
import { LadingError } from './ports/errors.ts';
import { type Logger, silentLogger } from './ports/logger.ts';
import type { Random } from './ports/random.ts';
import { noSync } from './sync/no-sync.ts';

/** What `openLading` made ready before the first verb: options with their defaults, and the open parts. */
export type Opened = Omit<LadingOptions, 'store' | 'fields' | 'clock' | 'random' | 'logger'> & {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly fields: FieldRegistry;
  readonly say: Say;
  readonly guardrails: Guardrails;
  readonly slots: UploadSlots;
  readonly store: CoreStore;
  readonly gates: GateKeeper;
  readonly host: Host;
  readonly machine: HostedMachine;
  readonly progress: ProgressBoard;
  newId(): MediaId;
  newBlobKey(accountId: string): BlobKey;
};

/** Puts the verbs together, each from its own part of the engine, and starts the work. */
export async function assemble(base: Opened): Promise<Lading> {
  const { account, gates, guardrails, host, slots, store } = base;
  const { events, tables } = store;
  const lifetime = createLifetime();
  const parts = { ...base, events, tables, accountId: account, ending: lifetime.ending };
  const scheduler = createScheduler(parts);
  const views = createViews(parts);
  const sync = await openSyncOf(parts);
  const syncViews = createSyncViews({ ...parts, sync, hasBackend: base.backend !== undefined });
  const captureParts: CaptureParts = {
    ...parts,
    intake: onDemand.intake,
    newMediaId: () => base.newId(),
  };
  const metrics = createMetrics({ ...parts, outbox: store.outbox });
  const records = createActorRecords({ ...parts, views });
  const actors = made(onDemand.actors, ({ createActors }) =>
    createActors({ ...parts, views, records, parse: refOrId, verbs: () => lading }),
  );
  const attachmentLogic = createAttachmentLogic({
    acting: actors,
    newMediaId: () => base.newId(),
    parse: refOrId,
    look: records.look,
  });
  let retrying: ReturnType<Lading['retrySync']> | undefined;
  let closing: Promise<void> | undefined;
  let closeInspector = (): void => {};

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

  /** @throws {LadingError} `invalid_id`, `not_found`, `wrong_account`. */
  function own(ref: RefOrId): MediaId {
    const mediaId = mediaIdOf(ref);
    const media = events.read((tx) => tables.media(tx, mediaId));
    if (media === undefined) throw notFound(mediaId);
    if (media.accountId !== account) throw wrongAccount(media.accountId);
    return mediaId;
  }

  /** A verb that changes refs; none is needed before something was captured. */
  const change = <T>(verb: (commands: Commands) => Promise<T>): Promise<T> =>
    lifetime.run(async () => {
      const { createCommands } = await lifetime.load(onDemand.commands);
      return verb(createCommands(captureParts));
    });

  /** A verb of one attachment that is an event of it. */
  const tell = (ref: RefOrId, type: string): Promise<void> =>
    lifetime.run(async () => {
      await host.send(asStream(own(ref)), { type });
    });

  async function retrySync(): ReturnType<Lading['retrySync']> {
    const retried = await scheduler.retryAll();
    return { retried, ...(await sync.now()) };
  }

  async function forget(of: string, options?: ForgetOptions): Promise<ForgetReport> {
    const accountId = requireKeyId('account', of);
    const { forgetAccount, requireForgettable } = await lifetime.load(onDemand.forget);
    const { accountRows } = await lifetime.load(onDemand.accountRows);
    const { runner } = host;
    const forgetting = { ...parts, blobs: base.blobs, rows: accountRows(store.database), runner };
    if (accountId !== account) {
      return lifetime.run(() => forgetAccount(forgetting, accountId, options));
    }
    await lifetime.run(async () => requireForgettable(forgetting, accountId, options ?? {}));
    let report: ForgetReport | undefined;
    closing ??= close(async () => {
      report = await forgetAccount(forgetting, accountId, options);
    });
    await closing;
    if (report === undefined) throw new LadingError('closed', 'Lading was closed meanwhile.');
    return report;
  }

  /**
   * Each part is closed, whatever the one before says; the first trouble is the answer.
   * @param last what is done when nothing runs any more and the database is still open; not when something went wrong.
   */
  async function close(last?: () => Promise<void>): Promise<void> {
    const verbs = lifetime.end();
    scheduler.close();
    gates.close();
    slots.close();
    views.close();
    guardrails.close();
    syncViews.close();
    const failures: unknown[] = [];
    const steps = [
      () => sync.close(),
      () => verbs,
      () => host.close(),
      async () => closeInspector(),
      async () => (failures.length === 0 ? await last?.() : undefined),
      () => events.close(),
    ];
    for (const step of steps) await step().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }

  if (base.logger !== silentLogger) (await onDemand.narrate()).narrate(parts);
  if (base.inspect !== undefined) {
    closeInspector = (await onDemand.inspect()).feedInspector({ ...parts, inspect: base.inspect });
  }
  await scheduler.start();
  sync.start();
  host.subscribe(() => guardrails.update());
  host.onElsewhere(() => guardrails.update());
  guardrails.start();

  const lading: Lading = {
    account,
    newMediaId: () => base.newId(),
    capture: (source, captureOptions) =>
      lifetime.run(async () => {
        const { kind, id, filename, ...options } = requireOptions('options', captureOptions);
        const file = {
          source,
          kind,
          ...(id === undefined ? {} : { id }),
          ...(filename === undefined ? {} : { filename }),
        };
        const [mediaId] = await captureAll(captureParts, [file], options);
        return attachment(mediaId as MediaId, options.owner);
      }),
    captureAll: (files, options) =>
      lifetime.run(async () => {
        const ids = await captureAll(captureParts, files, requireOptions('options', options));
        return ids.map((mediaId) => attachment(mediaId, options.owner));
      }),
    view: (ref) => views.view(refOrId(ref)),
    list: (of) => views.list(of),
    resolve: (ref, { signal } = {}) =>
      lifetime.run(async () => {
        const mediaId = refOrId(ref);
        const { resolveBytes } = await lifetime.load(onDemand.resolve);
        return resolveBytes(parts, mediaId, signal);
      }),
    watch(target: RefOrId | Owner, listener: (shown: never) => void) {
      if (target === 'storage') return guardrails.watch(listener as (view: StorageView) => void);
      if (target === 'sync') return syncViews.watch(listener as (view: SyncView) => void);
      return isOwner(target)
        ? views.watchOwner(target, listener as Parameters<typeof views.watchOwner>[1])
        : views.watchOne(refOrId(target), listener as (view: LiveView) => void);
    },
    link: (ref, owner, verb) =>
      change(async (commands) => commands.link(mediaIdOf(ref), owner, verb)),
    linkAll: (links, verb) => change((commands) => commands.linkAll(links, verb)),
    remove: (ref, owner, verb) =>
      change(async (commands) => commands.remove(mediaIdOf(ref), owner, verb)),
    replace: (ref, source, owner, replaceOptions) =>
      change(async (commands) => {
        const old = mediaIdOf(ref);
        const { mediaId, undo } = await commands.replace(old, source, owner, replaceOptions);
        return { attachment: attachment(mediaId, owner), undo };
      }),
    move: (ref, owner, position, verb) =>
      change(async (commands) => commands.move(mediaIdOf(ref), owner, position, verb)),
    setPrimary: (ref, owner, verb) =>
      change(async (commands) => commands.setPrimary(mediaIdOf(ref), owner, verb)),
    cancel: (ref, verb) => change(async (commands) => commands.cancel(mediaIdOf(ref), verb)),
    ownerDeleted: (owner, verb) => change((commands) => commands.ownerDeleted(owner, verb)),
    undo: (token, verb) => change((commands) => commands.undo(token, verb)),
    retry: (ref) => tell(ref, 'retry.requested'),
    retrySync: () => {
      retrying ??= lifetime.run(retrySync).finally(() => {
        retrying = undefined;
      });
      return retrying;
    },
    async pause(ref) {
      if (ref === undefined) gates.pause();
      else await tell(ref, 'held');
    },
    async resume(ref) {
      if (ref === undefined) gates.resume();
      else await tell(ref, 'resumed');
    },
    async pin(ref, pinned = true) {
      await tell(ref, pinned ? 'pinned' : 'unpinned');
    },
    sendNow: (ref) => tell(ref, 'network.waived'),
    prefer: () => lifetime.run(async () => notAvailable('prefer')),
    credentials: () => lifetime.run(async () => notAvailable('credentials')),
    signOut: () => lifetime.run(async () => notAvailable('signOut')),
    forget,
    collectGarbage: () => lifetime.run(async () => notAvailable('collectGarbage')),
    settled: () =>
      lifetime.run(async () => {
        const { createSettled } = await lifetime.load(onDemand.settled);
        const { isIdle: syncIdle, pending: unsyncedOps } = sync;
        return createSettled({ ...parts, scheduler, syncIdle, unsyncedOps })();
      }),
    verify: (verifyOptions) =>
      lifetime.run(async () => {
        const { createVerify } = await lifetime.load(onDemand.verify);
        const { attachmentAudit } = await lifetime.load(onDemand.audit);
        return createVerify({ ...parts, tables: attachmentAudit })(verifyOptions);
      }),
    importRefs: (rows, importOptions) =>
      lifetime.run(async () => {
        const { importRefs } = await lifetime.load(onDemand.importing);
        return importRefs(captureParts, rows, importOptions);
      }),
    history: (ref) => host.history(asStream(own(ref))),
    explain: (ref, explainOptions) =>
      lifetime.run(async () => {
        const { explain } = await lifetime.load(onDemand.explain);
        const events = host.history(asStream(own(ref)));
        const around = { gates: { ...gates.current(), slotFree: slots.free } };
        return explain(events, base.machine, around, explainOptions);
      }),
    storage: () => guardrails.view(),
    attachmentLogic,
    actor: (ref) => lifetime.run(async () => (await lifetime.load(actors)).open(ref)),
    metrics,
    close() {
      closing ??= close();
      return closing;
    },
  };
  return lading;
}

/** Sync with the backend, or none. */
async function openSyncOf(
  parts: Opened & { readonly accountId: string },
): Promise<ReturnType<typeof noSync>> {
  const { backend, fields, gates, store } = parts;
  if (backend === undefined) return noSync(parts);
  const { openSync } = await onDemand.sync();
  const { cursorTable, outboxQueue } = await onDemand.syncTables();
  return openSync({
    ...parts,
    store: { ...store, outbox: outboxQueue, cursors: cursorTable },
    backend,
    projects: parts.projects ?? [null],
    isOnline: () => gates.remoteOpen(),
    onOnline: (listener) => gates.subscribe(listener),
    policyOf: (owner) => fields.find(owner)?.policy ?? defaultPolicy,
  });
}

function refOrId(ref: RefOrId): MediaId | Exclude<RefOrId, string> {
  if (typeof ref === 'string') return mediaIdOf(ref);
  // Without a url it says no more than its id does.
  return typeof requireObject('ref', ref).url === 'string' ? ref : mediaIdOf(ref);
}

function isOwner(target: RefOrId | Owner): target is Owner {
  return typeof target === 'object' && target !== null && 'entityType' in target;
}

function notFound(mediaId: MediaId): LadingError {
  return new LadingError('not_found', `There is no attachment ${mediaId} on this device.`, {
    details: { mediaId },
  });
}
