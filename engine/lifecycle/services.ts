import type {
  AttachInput,
  DownloadInput,
  DownloadOutput,
  Fault,
  LocalInput,
  MediaFacts,
  Receipt,
  RemoveRemoteInput,
  UploadInput,
  UploadOutput,
} from '../../machines/attachment/types.ts';
import type { Json } from '../../machines/json.ts';
import type { AttachmentTables, CheckpointTable } from '../../ports/attachment-tables.ts';
import type { BlobKey, BlobStore } from '../../ports/blob-store.ts';
import { isCompacted } from '../../ports/compacted.ts';
import type { DerivedTable } from '../../ports/derived-table.ts';
import type { EventStore, StoredEvent, StreamId } from '../../ports/event-store.ts';
import type { Part } from '../../ports/part.ts';
import { objectKey, type UploadOutcome, type UploadRequest } from '../../ports/remote.ts';
import type { Readers } from '../files/readers.ts';
import type { Service, ServiceRun } from '../host/definition.ts';
import { hostOf, type Traffic } from '../scheduling/traffic.ts';
import { type Advances, createAdvances } from './advances.ts';
import { asStream } from './as-stream.ts';
import { bytesInHand } from './bytes-in-hand.ts';
import type { CheckedBytes } from './checked-bytes.ts';
import { cleanStart, isTainted } from './clean-start.ts';
import { contextOf } from './consequences.ts';
import type { Credentials } from './credentials.ts';
import { type DownloadFiles, type DownloadParts, download } from './download.ts';
import { fault, messageOf, plainOutput, withoutBlame } from './outputs.ts';
import type { ProgressBoard } from './progress.ts';
import type { ServiceName } from './services-on-demand.ts';
import { underCredentials } from './under-credentials.ts';
import { SecretsUnavailable, type Vault } from './vault.ts';

export interface ServiceParts extends DownloadParts {
  /** The account that is open: nothing of another one reaches the remote (contract 4.8). */
  readonly accountId: string;
  readonly events: EventStore;
  readonly checkpoints: CheckpointTable;
  readonly tables: Pick<AttachmentTables, 'media'>;
  readonly files: Part<
    { readonly readers: Readers; readonly derived: Pick<DerivedTable, 'dropOf'> } & DownloadFiles
  >;
  readonly traffic: Traffic;
  readonly progress: ProgressBoard;
  readonly vault: Vault;
  readonly credentials: Part<Credentials>;
}

/** What the attachment machine's services do (contract 3.4 to 3.6, 5). What they find re-enters as an event. */
export function attachmentServices(
  parts: ServiceParts,
): Readonly<Record<ServiceName, Service['run']>> {
  const advances = createAdvances(parts.tables);
  return {
    upload: (input, run) =>
      ours(parts, input, run, () =>
        upload({ ...parts, advances }, input as unknown as UploadInput, run),
      ),
    attach: (input, run) =>
      ours(parts, input, run, () => attach(parts, input as unknown as AttachInput, run)),
    removeRemote: (input, run) =>
      unlessLocked(() => removeRemote(parts, input as unknown as RemoveRemoteInput, run)),
    async download(input, run) {
      const wanted = input as unknown as DownloadInput;
      const fetching = async () =>
        (await download(parts, wanted, run)) as unknown as DownloadOutput;
      return plainOutput(await parts.traffic.ask(run, fetching, hostOf(wanted.url)));
    },
    evict: (input) => evict(parts, input as unknown as LocalInput),
    async purge(input) {
      const output = await purge(parts, input as unknown as LocalInput);
      advances.forget(asStream((input as unknown as LocalInput).mediaId));
      return output;
    },
  };
}

/**
 * An upload that an earlier process left may be another account's: it never runs under these credentials. It is
 * interrupted as by a lost network, which burns nothing, so that nothing shows `uploading` meanwhile (contract 4.8).
 */
async function ours(
  { accountId, traffic }: ServiceParts,
  input: Json,
  run: ServiceRun,
  work: () => Promise<Json>,
): Promise<Json> {
  const isOurs = (input as { readonly accountId?: string }).accountId === accountId;
  return isOurs
    ? await traffic.count(run, () => unlessLocked(work))
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

async function upload(
  parts: ServiceParts & { readonly advances: Advances },
  input: UploadInput,
  run: ServiceRun,
): Promise<Json> {
  const { advances, blobs, checkpoints, events, progress, remote } = parts;
  const { mediaId, accountId, media } = input;
  const stream = asStream(mediaId);
  // The input is of the claim: a run that was killed may have been given a handle after it.
  const { state, log } = events.read((tx) => {
    advances.tidy(tx);
    return { state: run.state(), log: tx.log.read(stream) };
  });
  const now = state === undefined ? undefined : contextOf(state.context);
  // What an earlier process left may have begun on another link: it is interrupted, which burns nothing.
  if (now?.policy.network === 'unmetered' && !parts.gates.uploadsOpen(true)) {
    return plainOutput(fault('offline', 'metered'));
  }
  const credentials = await parts.credentials();
  const key = input.blobKey as BlobKey;
  const claims = log.filter(isClaim).length;
  const rerun = run.rerun || claims > 1;
  const { signal } = run;
  const bytes = await bytesInHand(blobs, key, media, { signal, mayBeThere: rerun });
  if ('ok' in bytes) return plainOutput(bytes);
  let handle = await parts.vault.open(now === undefined ? input.handle : now.handle);
  if (isTainted(log)) {
    const isAttached = now?.attached === true;
    const options = { bytes, handle, isAttached, signal: run.signal };
    const inTheWay = await parts.traffic.ask(run, () =>
      underCredentials(credentials, run.signal, () => cleanStart(remote, input, options)),
    );
    if (!inTheWay.ok) return plainOutput(withoutBlame(parts, inTheWay));
    await events.transact((tx) => checkpoints.remove(tx, stream));
    handle = null;
  }

  const object = objectKey(accountId, mediaId);
  let known = handle;
  let ended = false;
  let moved: true | undefined;
  let locked: SecretsUnavailable | undefined;
  const attempt = (isRepeat: boolean, gotOn: () => void): Promise<UploadOutcome> =>
    remote.upload(
      { objectKey: object, media, open: bytes.open, ...fileOf(blobs, key, bytes) },
      {
        idempotencyKey: object,
        signal: run.signal,
        handle: known,
        rerun: isRepeat || rerun,
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
        onProgress(sentBytes, confirmedBytes = 0) {
          // A transfer that was stopped may still tell for a while.
          if (ended || run.signal.aborted) return;
          if (advances.reached(stream, confirmedBytes)) {
            moved = true;
            gotOn();
          }
          progress.report(mediaId, { sentBytes, totalBytes: media.byteSize });
        },
      },
    );
  function remember(error: unknown): never {
    if (error instanceof SecretsUnavailable) locked = error;
    throw error;
  }
  let outcome: UploadOutput;
  try {
    // All is ready when it gets a slot: none waits for a disk.
    outcome = await parts.traffic.send(run, (gotOn) =>
      underCredentials(credentials, run.signal, (isRepeat) => attempt(isRepeat, gotOn)),
    );
  } catch (error) {
    const found = bytes.verdict(false);
    if (locked === undefined && found !== undefined) return plainOutput(found);
    throw locked ?? error;
  } finally {
    ended = true;
    bytes.close();
  }
  const found = bytes.verdict(outcome.ok);
  if (found !== undefined) return plainOutput(found);
  // The adapter may have made something else of it.
  if (!outcome.ok && locked !== undefined) throw locked;
  if (!outcome.ok) {
    const told = withoutBlame(parts, outcome);
    return plainOutput(moved ? { ...told, moved } : told);
  }
  advances.forget(stream);
  return plainOutput(refusalOf(outcome.receipt, media) ?? outcome);
}

/** For who sends it while the app is dead, and is not asked whether the bytes were right: they are hashed before. */
function fileOf(
  blobs: BlobStore,
  key: BlobKey,
  bytes: CheckedBytes,
): Pick<UploadRequest, 'file'> | undefined {
  if (blobs.file === undefined) return undefined;
  return {
    async file() {
      await bytes.prove();
      return blobs.file?.(key);
    },
  };
}

/** What the remote says that it holds must be what was captured, before it counts as uploaded (field case 12). */
function refusalOf({ byteSize, sha256 }: Receipt, media: MediaFacts): Fault | null {
  if (byteSize !== media.byteSize) {
    return fault('mismatch', 'size_mismatch', `the remote holds ${byteSize} bytes`);
  }
  return sha256 === undefined || sha256 === media.sha256
    ? null
    : fault('mismatch', 'hash_mismatch');
}

/** A checkpoint stands for at least one: what it stands for was uploaded. */
function isClaim({ type }: StoredEvent): boolean {
  return type === 'upload.started' || isCompacted(type);
}

async function attach(parts: ServiceParts, input: AttachInput, run: ServiceRun): Promise<Json> {
  const { receipt, media } = input;
  if (receipt.url !== null) return plainOutput({ ok: true, url: receipt.url });
  const handle = await parts.vault.open(input.handle);
  const credentials = await parts.credentials();
  const { signal } = run;
  const object = objectKey(input.accountId, input.mediaId);
  const found = await parts.traffic.send(run, () =>
    underCredentials(credentials, signal, () => parts.remote.head(object, { handle, signal })),
  );
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
  const credentials = await parts.credentials();
  const { signal } = run;
  const object = objectKey(input.accountId, input.mediaId);
  const outcome = await parts.traffic.ask(run, () =>
    underCredentials(credentials, signal, () => parts.remote.remove(object, { handle, signal })),
  );
  // What only a lost address leads to may still be there: nobody can look.
  if (outcome.ok && handle === null && input.handle !== null) return plainOutput(HANDLE_LOST);
  return plainOutput(outcome.ok ? outcome : withoutBlame(parts, outcome));
}

const HANDLE_LOST = fault(
  'terminal',
  'handle_lost',
  'The address of its upload cannot be opened any more; an unfinished upload may remain at the remote.',
);

/** The cache leaves alone what somebody reads; what is gone for good goes under his eyes, who may read to the end. */
async function evict(parts: ServiceParts, input: LocalInput): Promise<Json> {
  const { readers } = await parts.files();
  const isRead = input.blobKey !== null && readers.has(input.blobKey as BlobKey);
  return isRead ? plainOutput(fault('busy', 'in_use')) : dropBytes(parts, input);
}

/** The file itself stays as long as others hold it (contract 5.3). */
async function dropBytes(parts: ServiceParts, input: LocalInput): Promise<Json> {
  try {
    const { shared } = await parts.files();
    if (input.blobKey !== null) await shared.removeUnneeded(input.blobKey as BlobKey);
    return plainOutput({ ok: true });
  } catch (error) {
    return plainOutput(fault('retryable', 'blob_not_removed', messageOf(error)));
  }
}

async function purge(parts: ServiceParts, input: LocalInput): Promise<Json> {
  const output = await dropBytes(parts, input);
  const stream: StreamId = asStream(input.mediaId);
  const { derived } = await parts.files();
  const made = await parts.events.transact((tx) => {
    parts.checkpoints.remove(tx, stream);
    return derived.dropOf(tx, input.mediaId);
  });
  // Their rows are gone: what cannot be removed now is garbage, which is collected.
  for (const key of made) await parts.blobs.remove(key).catch(() => {});
  parts.progress.clear(input.mediaId);
  return output;
}
