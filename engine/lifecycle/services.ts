import type { ServiceOutputs } from '../../machines/attachment/events.ts';
import type {
  AttachInput,
  DownloadInput,
  Fault,
  LocalInput,
  MediaFacts,
  RemoveRemoteInput,
  UploadInput,
} from '../../machines/attachment/types.ts';
import type { Json } from '../../machines/json.ts';
import type { CheckpointTable } from '../../ports/attachment-tables.ts';
import type { BlobKey, BlobStore } from '../../ports/blob-store.ts';
import { isCompacted } from '../../ports/compacted.ts';
import { LadingError } from '../../ports/errors.ts';
import type { EventStore, StoredEvent, StreamId } from '../../ports/event-store.ts';
import { redact } from '../../ports/redact.ts';
import { DownloadInterrupted, objectKey, type Remote } from '../../ports/remote.ts';
import type { Guardrails } from '../guardrails/guardrails.ts';
import type { Reservation } from '../guardrails/reservations.ts';
import type { Service, ServiceRun } from '../host/definition.ts';
import { asStream } from './as-stream.ts';
import { contextOf } from './consequences.ts';
import type { FieldRegistry } from './fields.ts';
import type { GateKeeper } from './gates.ts';
import type { ProgressBoard } from './progress.ts';
import type { ServiceName } from './services-on-demand.ts';
import type { UploadSlots } from './slots.ts';
import { SecretsUnavailable, type Vault } from './vault.ts';

export interface ServiceParts {
  /** The account that is open: nothing of another one reaches the remote (contract 4.8). */
  readonly accountId: string;
  readonly events: EventStore;
  readonly checkpoints: CheckpointTable;
  readonly blobs: BlobStore;
  readonly remote: Remote;
  readonly gates: GateKeeper;
  readonly slots: UploadSlots;
  readonly progress: ProgressBoard;
  readonly vault: Vault;
  readonly fields: Pick<FieldRegistry, 'find'>;
  readonly guardrails: Pick<Guardrails, 'reserve'>;
  /** A new place for fetched bytes. */
  newBlobKey(accountId: string): BlobKey;
}

/** What the attachment machine's services do (contract 3.4 to 3.6, 5). What they find re-enters as an event. */
export function attachmentServices(
  parts: ServiceParts,
): Readonly<Record<ServiceName, Service['run']>> {
  const { slots } = parts;
  return {
    upload: (input, run) =>
      unlessForeign(parts, input, () =>
        slots.use(() => unlessLocked(() => upload(parts, input as unknown as UploadInput, run))),
      ),
    attach: (input, run) =>
      unlessForeign(parts, input, () =>
        slots.use(() => unlessLocked(() => attach(parts, input as unknown as AttachInput, run))),
      ),
    removeRemote: (input, run) =>
      unlessLocked(() => removeRemote(parts, input as unknown as RemoveRemoteInput, run)),
    download: (input, run) => download(parts, input as unknown as DownloadInput, run),
    evict: (input) => dropBytes(parts, input as unknown as LocalInput),
    purge: (input) => purge(parts, input as unknown as LocalInput),
  };
}

/**
 * An upload that an earlier process left may be another account's: it never runs under these credentials. It is
 * interrupted as by a lost network, which burns nothing, so that nothing shows `uploading` meanwhile (contract 4.8).
 */
async function unlessForeign(
  parts: ServiceParts,
  input: Json,
  run: () => Promise<Json>,
): Promise<Json> {
  const { accountId } = input as { readonly accountId?: string };
  return accountId === parts.accountId
    ? await run()
    : plainOutput(fault('offline', 'other_account'));
}

/** What cannot be opened now is no handle that is lost: nothing is begun anew, and nothing taken as removed. */
async function unlessLocked(run: () => Promise<Json>): Promise<Json> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof SecretsUnavailable) return plainOutput(LOCKED);
    throw error;
  }
}

const LOCKED = fault(
  'retryable',
  'secrets_unavailable',
  'The keeper of secrets did not answer; the device or its keychain may be locked.',
);

async function upload(parts: ServiceParts, input: UploadInput, run: ServiceRun): Promise<Json> {
  // What an earlier process left may have begun on another link: it is interrupted, which burns nothing.
  if (isUnmetered(run) && !parts.gates.uploadsOpen(true)) {
    return plainOutput(fault('offline', 'metered'));
  }
  const { blobs, checkpoints, events, progress, remote } = parts;
  const { mediaId, accountId, media } = input;
  const key = input.blobKey as BlobKey;
  const stream = asStream(mediaId);
  const bytesAreBad = await checkBytes(blobs, key, media, run.signal);
  if (bytesAreBad !== null) return plainOutput(bytesAreBad);
  // The input is of the claim: a run that was killed may have been given a handle after it.
  const state = run.state();
  const stored = state === undefined ? input.handle : contextOf(state.context).handle;
  const handle = await parts.vault.open(stored);
  const claims = events.read((tx) => tx.log.read(stream)).filter(isClaim).length;

  const object = objectKey(accountId, mediaId);
  let known = handle;
  let ended = false;
  let locked: SecretsUnavailable | undefined;
  const running = remote.upload(
    { objectKey: object, media, open: (range) => blobs.open(key, range) },
    {
      idempotencyKey: object,
      signal: run.signal,
      handle,
      rerun: run.rerun || claims > 1,
      async opened(opened, { isSecret = false } = {}) {
        if (opened === known) return;
        const kept = isSecret ? await parts.vault.seal(opened).catch(remember) : opened;
        await run.send({ type: 'upload.opened', handle: kept });
        known = opened;
      },
      checkpoint: {
        load: async () => events.read((tx) => checkpoints.load(tx, stream)),
        save: (value) => events.transact((tx) => checkpoints.save(tx, stream, value)),
      },
      onProgress(sentBytes) {
        // A transfer that was stopped may still tell for a while.
        if (ended || run.signal.aborted) return;
        progress.report(mediaId, { sentBytes, totalBytes: media.byteSize });
      },
    },
  );
  function remember(error: unknown): never {
    if (error instanceof SecretsUnavailable) locked = error;
    throw error;
  }
  let outcome: Awaited<typeof running>;
  try {
    outcome = await running;
  } catch (error) {
    throw locked ?? error;
  } finally {
    ended = true;
  }
  // The adapter may have made something else of it.
  if (!outcome.ok && locked !== undefined) throw locked;
  if (!outcome.ok) return plainOutput(withoutBlame(parts, outcome));
  if (outcome.receipt.byteSize !== media.byteSize) {
    return plainOutput(
      fault('mismatch', 'size_mismatch', `the remote holds ${outcome.receipt.byteSize} bytes`),
    );
  }
  return plainOutput(outcome);
}

/** Its field keeps it to unmetered links, and nobody said otherwise. */
function isUnmetered(run: ServiceRun): boolean {
  const state = run.state();
  return state !== undefined && contextOf(state.context).policy.network === 'unmetered';
}

/** The owned copy must still be what was captured; a wrong one is never sent (field case 13). */
async function checkBytes(
  blobs: BlobStore,
  key: BlobKey,
  media: MediaFacts,
  signal: AbortSignal,
): Promise<Fault | null> {
  try {
    const found = await blobs.stat(key);
    if (found === undefined) return fault('terminal', 'source_missing');
    const same =
      found.sizeBytes === media.byteSize &&
      (blobs.hash === undefined || (await blobs.hash(key, signal)) === media.sha256);
    return same ? null : fault('terminal', 'source_changed');
  } catch (error) {
    if (!(error instanceof LadingError)) throw error;
    // An encrypting store says so itself; a key that is not at hand may be there at the next try.
    if (error.code === 'blob_corrupt') return fault('terminal', 'source_changed');
    if (error.code === 'blob_key_wrong') return fault('retryable', 'source_unreadable');
    throw error;
  }
}

/** A checkpoint stands for at least one: what it stands for was uploaded. */
function isClaim({ type }: StoredEvent): boolean {
  return type === 'upload.started' || isCompacted(type);
}

async function attach(parts: ServiceParts, input: AttachInput, run: ServiceRun): Promise<Json> {
  const { receipt, media } = input;
  if (receipt.url !== null) return plainOutput({ ok: true, url: receipt.url });
  const found = await parts.remote.head(objectKey(input.accountId, input.mediaId), {
    handle: await parts.vault.open(input.handle),
    signal: run.signal,
  });
  if (!found.ok) return plainOutput(withoutBlame(parts, found));
  if (!found.exists) return plainOutput(fault('mismatch', 'object_missing'));
  const same =
    found.byteSize === media.byteSize && (found.sha256 === null || found.sha256 === media.sha256);
  return plainOutput(same ? { ok: true, url: found.url } : fault('mismatch', 'object_differs'));
}

async function removeRemote(
  parts: ServiceParts,
  input: RemoveRemoteInput,
  run: ServiceRun,
): Promise<Json> {
  const handle = await parts.vault.open(input.handle);
  const outcome = await parts.remote.remove(objectKey(input.accountId, input.mediaId), {
    handle,
    signal: run.signal,
  });
  // What only a lost address leads to may still be there: nobody can look.
  if (outcome.ok && handle === null && input.handle !== null) return plainOutput(HANDLE_LOST);
  return plainOutput(outcome.ok ? outcome : withoutBlame(parts, outcome));
}

const HANDLE_LOST = fault(
  'terminal',
  'handle_lost',
  'The address of its upload cannot be opened any more; an unfinished upload may remain at the remote.',
);

/** Bytes that somebody asks for fill the disk too: not past the whole of it (contract 7.3). */
async function download(parts: ServiceParts, input: DownloadInput, run: ServiceRun): Promise<Json> {
  const { mediaId, media } = input;
  const file = { mediaId, sizeBytes: media.byteSize };
  let room: Reservation;
  try {
    room = await parts.guardrails.reserve([file], 'download', run.signal);
  } catch (error) {
    if (isFull(error)) return plainOutput(fault('retryable', error.code));
    throw error;
  }
  return fetchBytes(parts, input, run, room).finally(() => room.release());
}

/** What a field takes by default: the most for a ref of an older app that belongs to no field known here. */
const UNKNOWN_SIZE_BYTES = 10 * 1024 * 1024;

/** Never more than the ref says; where it does not, than its fields would have taken (contract 10.3, 10.6). */
/** A size without a hash is what an older app said of it: a hint, by which nothing is refused. */
function mostBytes(
  { fields }: ServiceParts,
  { byteSize, sha256 }: MediaFacts,
  run: ServiceRun,
): number {
  if (byteSize > 0 && sha256 !== '') return byteSize;
  const state = run.state();
  const refs = state === undefined ? [] : contextOf(state.context).refs;
  const limits = refs.map(({ owner }) => fields.find(owner)?.maxBytes ?? UNKNOWN_SIZE_BYTES);
  return limits.length === 0 ? UNKNOWN_SIZE_BYTES : Math.max(...limits);
}

/** Fetches bytes that are not here, and takes them only when they are the ones that were captured (contract 3.6). */
async function fetchBytes(
  parts: ServiceParts,
  input: DownloadInput,
  run: ServiceRun,
  room: Reservation,
): Promise<Json> {
  const { blobs, remote } = parts;
  const { media } = input;
  const outcome = await remote.download(input.url, { signal: run.signal });
  if (!outcome.ok) return plainOutput(withoutBlame(parts, outcome));
  const key = parts.newBlobKey(input.accountId);
  try {
    const written = await blobs.write(key, room.metered(input.mediaId, outcome.body), {
      signal: run.signal,
      maxBytes: mostBytes(parts, media, run),
    });
    const isHint = media.byteSize === 0 || media.sha256 === '';
    const rightSize = isHint || written.sizeBytes === media.byteSize;
    const rightHash = media.sha256 === '' || written.sha256 === media.sha256;
    if (run.signal.aborted || !rightSize || !rightHash) await blobs.remove(key);
    run.signal.throwIfAborted(); // nobody takes the result: the bytes would dangle
    if (rightSize && rightHash) {
      // Where the ref said nothing, what came is what counts from now on.
      const learnt = { byteSize: written.sizeBytes, sha256: written.sha256 };
      return plainOutput({ ok: true, blobKey: key, ...(media.sha256 === '' ? learnt : {}) });
    }
    return plainOutput(fault('retryable', 'hash_mismatch'));
  } catch (error) {
    if (run.signal.aborted) throw error;
    if (error instanceof DownloadInterrupted) {
      return plainOutput(withoutBlame(parts, error.fault));
    }
    if (isFull(error)) return plainOutput(fault('retryable', error.code));
    if (error instanceof LadingError && error.code === 'file_too_large') {
      return plainOutput(fault('retryable', 'hash_mismatch'));
    }
    return plainOutput(
      withoutBlame(parts, fault('retryable', 'download_broken', messageOf(error))),
    );
  }
}

function isFull(error: unknown): error is LadingError {
  return error instanceof LadingError && ['disk_full', 'storage_full'].includes(error.code);
}

async function dropBytes({ blobs }: ServiceParts, input: LocalInput): Promise<Json> {
  try {
    if (input.blobKey !== null) await blobs.remove(input.blobKey as BlobKey);
    return plainOutput({ ok: true });
  } catch (error) {
    return plainOutput(fault('retryable', 'blob_not_removed', messageOf(error)));
  }
}

async function purge(parts: ServiceParts, input: LocalInput): Promise<Json> {
  const output = await dropBytes(parts, input);
  const stream: StreamId = asStream(input.mediaId);
  await parts.events.transact((tx) => parts.checkpoints.remove(tx, stream));
  parts.progress.clear(input.mediaId);
  return output;
}

/** While offline no attempt is burnt (contract 4.4): a failure that the network explains is nobody's. */
function withoutBlame(parts: ServiceParts, found: Fault): Fault {
  return found.class === 'retryable' && !parts.gates.remoteOpen()
    ? { ...found, class: 'offline' }
    : found;
}

function fault(cls: Fault['class'], code: string, message?: string): Fault {
  return { ok: false, class: cls, code, ...(message === undefined ? {} : { message }) };
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 200);
}

/** A service's output as the JSON that is stored: what an adapter says of a fault may quote what it was told. */
function plainOutput(output: ServiceOutputs[keyof ServiceOutputs]): Json {
  if (output.ok || output.message === undefined) return output as Json;
  return { ...output, message: redact(output.message) };
}
