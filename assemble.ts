import { createActorRecords } from './engine/actors/actor-records.ts';
import { createAttachmentLogic } from './engine/actors/attachment-logic.ts';
import type { FreshKeys } from './engine/garbage/fresh-keys.ts';
import type { Guardrails } from './engine/guardrails/guardrails.ts';
import type { Say } from './engine/guardrails/sentences.ts';
import type { StorageView } from './engine/guardrails/storage-view.ts';
import type { HostedMachine } from './engine/host/definition.ts';
import type { Host } from './engine/host/host.ts';
import { asStream } from './engine/lifecycle/as-stream.ts';
import type { CaptureParts } from './engine/lifecycle/capture.ts';
import { captureAborted } from './engine/lifecycle/capture-aborted.ts';
import type { Credentials } from './engine/lifecycle/credentials.ts';
import type { FieldRegistry } from './engine/lifecycle/fields.ts';
import type { ForgetOptions, ForgetReport } from './engine/lifecycle/forget.ts';
import type { GateKeeper } from './engine/lifecycle/gates.ts';
import { createLifetime } from './engine/lifecycle/lifetime.ts';
import type { ProgressBoard } from './engine/lifecycle/progress.ts';
import { createUploads } from './engine/lifecycle/uploads.ts';
import { requireOptions } from './engine/lifecycle/validate.ts';
import { createViews, type LiveView } from './engine/lifecycle/views.ts';
import { createMetrics } from './engine/observe/metrics.ts';
import { createSyncViews, type SyncView } from './engine/observe/sync-view.ts';
import type { UploadLoad } from './engine/scheduling/slots.ts';
import type { Traffic } from './engine/scheduling/traffic.ts';
import type { Lading, LadingOptions, RefOrId } from './lading.ts';
import { defaultPolicy } from './machines/attachment/context.ts';
import type { MediaId, Owner } from './machines/attachment/types.ts';
import { onDemand } from './on-demand.ts';
import type { CoreStore } from './persistence/store-on.ts';
import type { BlobKey } from './ports/blob-store.ts';
import type { Cancel, Clock } from './ports/clock.ts';
import { type Logger, silentLogger } from './ports/logger.ts';
import { lazily, made, type Part } from './ports/part.ts';
import type { Random } from './ports/random.ts';
import { noSync } from './sync/no-sync.ts';
import type { CapturingVerbs } from './verbs/capturing.ts';
import type { Files } from './verbs/files.ts';
import { later } from './verbs/later.ts';
import { createLookup, isOwner, type Lookup, refOrId } from './verbs/lookup.ts';

/** What `openLading` made ready before the first verb: options with their defaults, and the open parts. */
export type Opened = Omit<LadingOptions, 'store' | 'fields' | 'clock' | 'random' | 'logger'> & {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly fields: FieldRegistry;
  readonly fresh: FreshKeys;
  readonly say: Say;
  readonly guardrails: Guardrails;
  readonly files: Part<Files>;
  readonly load: UploadLoad;
  readonly traffic: Part<Traffic>;
  readonly store: CoreStore;
  readonly gates: GateKeeper;
  readonly host: Host;
  readonly machine: HostedMachine;
  readonly progress: ProgressBoard;
  /** Who is told when the host looks for tasks whose services are not loaded. */
  onMissing(listener: () => void): void;
  /** Which credentials are in use, and who waits for newer ones. */
  readonly credentials: Part<Credentials>;
  /** The database was made from a damaged one, and what that left to be done is not done yet. */
  readonly isRecovered: boolean;
  /** Timers and services may begin. */
  startRunning(): void;
  newId(): MediaId;
  newBlobKey(accountId: string): BlobKey;
  newDerivedKey(accountId: string): BlobKey;
};

/** After opening: what the app does first comes first. */
const FIRST_GARBAGE_AFTER_MS = 30_000;
const GARBAGE_RETRY_MS = 3_600_000;

/** Puts the verbs together, each from its own part of the engine, and starts the work. */
export async function assemble(base: Opened): Promise<Lading> {
  const { account, gates, guardrails, host, store } = base;
  const { events, tables } = store;
  const lifetime = createLifetime();
  const parts = { ...base, events, tables, accountId: account, ending: lifetime.ending };
  const uploads = createUploads({
    ...parts,
    scheduler: (track) =>
      made(onDemand.uploading, ({ scheduling }) =>
        scheduling({ ...parts, traffic: base.traffic.here as Traffic, track }),
      ),
  });
  base.onMissing(uploads.look);
  const views = createViews(parts);
  const sync = await openSyncOf(parts);
  const syncViews = createSyncViews({ ...parts, sync, hasBackend: base.backend !== undefined });
  const lookup = createLookup(store, views, account);
  const { own } = lookup;
  const captureParts: CaptureParts & Lookup = {
    ...parts,
    ...lookup,
    intake: onDemand.intake,
    newMediaId: () => base.newId(),
  };
  const capturing = made(onDemand.capturing, ({ capturingVerbs }) => capturingVerbs(captureParts));
  const change = later(
    lifetime,
    made(onDemand.changing, ({ changingVerbs }) => changingVerbs(captureParts)),
  );
  const garbage = made(onDemand.garbage, ({ collecting }) =>
    collecting({ ...parts, checkpoints: store.checkpoints }, base.garbage),
  );
  /** One maker for all who ask: it knows what is being made. */
  const deriving = lazily(async () =>
    (await lifetime.load(onDemand.deriving)).deriving(parts, await lifetime.load(base.files)),
  );
  const session = made(onDemand.session, ({ sessionVerbs }) =>
    sessionVerbs({ ...parts, lifetime, uploads, sync, closeAfter }),
  );
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
  const healing = made(onDemand.healing, (part) => part.healing(parts));
  let retrying: ReturnType<Lading['retrySync']> | undefined;
  let closing: Promise<void> | undefined;
  let cancelGarbage: Cancel | undefined;
  let closeInspector: (() => void) | undefined;

  /** A verb of one attachment that is an event of it. */
  const tell = (ref: RefOrId, type: string): Promise<void> =>
    lifetime.run(async () => {
      gates.broken.delete(own(ref)); // if its step still throws, that is found out again
      await host.send(asStream(own(ref)), { type });
    });

  /** Who gives up while the part is loaded is told so at once; nothing was done yet. */
  async function loadCapturing(options: {
    readonly signal?: AbortSignal;
  }): Promise<CapturingVerbs> {
    const { signal } = requireOptions('options', options);
    try {
      return await lifetime.load(capturing, signal);
    } catch (error) {
      throw signal?.aborted === true && !lifetime.ending.aborted ? captureAborted(error) : error;
    }
  }

  const importSalt = (): Promise<string> =>
    events.transact((tx) => store.keepImportSalt(tx, base.newId()));

  async function retrySync(): ReturnType<Lading['retrySync']> {
    return { ...(await uploads.retryAll()), ...(await sync.now()) };
  }

  function closeAfter(last: () => Promise<void>): Promise<void> {
    closing ??= close(last);
    return closing;
  }

  async function forget(of: string, options?: ForgetOptions): Promise<ForgetReport> {
    const verb = await lifetime.load(onDemand.forget);
    return verb.forget({ ...parts, lifetime, closeAfter }, of, options);
  }

  /** A part that cannot be loaded now, as in a page that is offline, is tried again. */
  function startGarbage(afterMs: number): void {
    if (base.garbage?.everyMs === Number.POSITIVE_INFINITY) return;
    const load = (): void =>
      void lifetime.load(garbage).then(
        (one) => one.start(),
        () => lifetime.ending.aborted || startGarbage(GARBAGE_RETRY_MS),
      );
    cancelGarbage = base.clock.schedule(afterMs, load, { background: true });
  }

  /** What only watches is missing in a page that is offline and has not loaded it: it opens all the same. */
  function unlessMissing<T>(part: Promise<T>): Promise<T | undefined> {
    return part.catch((error: unknown) => {
      base.logger.warn('a part that only watches could not be loaded', { error });
      return undefined;
    });
  }

  /**
   * Each part is closed, whatever the one before says; the first trouble is the answer.
   * @param last what is done when nothing runs any more and the database is still open; not when something went wrong.
   */
  async function close(last?: () => Promise<void>): Promise<void> {
    const verbs = lifetime.end();
    cancelGarbage?.();
    uploads.close();
    views.close();
    guardrails.close();
    base.files.here?.cache.close(); // verbs that wait for room do so no longer
    syncViews.close();
    const failures: unknown[] = [];
    const steps = [
      async () => gates.close(),
      () => sync.close(),
      async () => base.credentials.here?.close(),
      () => verbs,
      async () => garbage.here?.close(),
      async () => base.files.here?.close(),
      () => host.close(),
      async () => healing.here?.close(),
      async () => closeInspector?.(),
      async () => (failures.length === 0 ? await last?.() : undefined),
      () => events.close(),
    ];
    for (const step of steps) await step().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }

  if (base.logger !== silentLogger) (await unlessMissing(onDemand.narrate()))?.narrate(parts);
  if (base.inspect !== undefined) {
    const part = await unlessMissing(onDemand.inspect());
    closeInspector = part?.feedInspector({ ...parts, inspect: base.inspect });
  }
  if (base.isRecovered) await (await onDemand.healing()).restore(parts, await healing());
  if (base.garbage?.roots !== undefined) await (await garbage()).watchRoots(host);
  base.startRunning();
  await uploads.start();
  sync.start();
  // Off the critical path; a page that is offline and has not loaded it mends sidecars at its next start.
  void unlessMissing(healing().then((part) => part.start()));
  host.subscribe(() => guardrails.update());
  host.onElsewhere(() => guardrails.update());
  void unlessMissing(guardrails.start());
  startGarbage(FIRST_GARBAGE_AFTER_MS);
  if (base.cache !== undefined) (await base.files()).cache.start();

  const lading: Lading = {
    account,
    newMediaId: () => base.newId(),
    capture: (source, options) =>
      lifetime.run(async () => (await loadCapturing(options)).capture(source, options)),
    captureAll: (files, options) =>
      lifetime.run(async () => (await loadCapturing(options)).captureAll(files, options)),
    view: (ref) => views.view(refOrId(ref)),
    list: (of) => views.list(of),
    resolve: (ref, { signal } = {}) =>
      lifetime.run(async () => {
        const mediaId = refOrId(ref);
        const { resolveBytes } = await lifetime.load(onDemand.resolve);
        return resolveBytes(parts, mediaId, signal);
      }),
    derive: (ref, name, make) =>
      lifetime.run(async () => {
        const verb = await deriving();
        return verb.derive(own(ref), name, make);
      }),
    watch(target: RefOrId | Owner, listener: (shown: never) => void) {
      if (target === 'storage') return guardrails.watch(listener as (view: StorageView) => void);
      if (target === 'sync') return syncViews.watch(listener as (view: SyncView) => void);
      return isOwner(target)
        ? views.watchOwner(target, listener as Parameters<typeof views.watchOwner>[1])
        : views.watchOne(refOrId(target), listener as (view: LiveView) => void);
    },
    link: change('link'),
    linkAll: change('linkAll'),
    remove: change('remove'),
    replace: change('replace'),
    move: change('move'),
    setPrimary: change('setPrimary'),
    cancel: change('cancel'),
    ownerDeleted: change('ownerDeleted'),
    undo: change('undo'),
    retry(ref) {
      const told = tell(ref, 'retry.requested');
      base.traffic.here?.letOneThrough();
      base.credentials.here?.doubt();
      return told;
    },
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
    prefer: (ref) =>
      lifetime.run(async () => (await lifetime.load(onDemand.preferring)).prefer(parts, own(ref))),
    credentials: async (next) => (await lifetime.load(session)).credentials(next),
    signOut: async (options) => (await lifetime.load(session)).signOut(options),
    forget,
    collectGarbage: (collectOptions) =>
      lifetime.run(async () => (await lifetime.load(garbage)).collect(collectOptions)),
    settled: () =>
      lifetime.run(async () => {
        const { createSettled } = await lifetime.load(onDemand.settled);
        const { isIdle: syncIdle, pending: unsyncedOps } = sync;
        return createSettled({ ...parts, uploads, syncIdle, unsyncedOps })();
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
        return importRefs({ ...captureParts, salt: importSalt }, rows, importOptions);
      }),
    recover: (recoverOptions) =>
      lifetime.run(async () => (await lifetime.load(healing)).recover(recoverOptions)),
    history: (ref) => host.history(asStream(own(ref))),
    explain: (ref, explainOptions) =>
      lifetime.run(async () => {
        const { explain } = await lifetime.load(onDemand.explain);
        const mediaId = own(ref);
        const story = host.history(asStream(mediaId));
        return explain(story, base.machine, { gates: gates.current(mediaId) }, explainOptions);
      }),
    storage: () => guardrails.view(),
    freeRoom: (bytes) =>
      lifetime.run(async () => (await lifetime.load(base.files)).freeRoom(bytes)),
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
