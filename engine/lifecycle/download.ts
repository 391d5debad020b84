import type { DownloadInput, MediaFacts, MediaId } from '../../machines/attachment/types.ts';
import type { Json } from '../../machines/json.ts';
import type { BlobKey, BlobStore } from '../../ports/blob-store.ts';
import type { BlobContent } from '../../ports/blob-tables.ts';
import { LadingError } from '../../ports/errors.ts';
import type { Part } from '../../ports/part.ts';
import { DownloadInterrupted, type Remote } from '../../ports/remote.ts';
import type { Cache } from '../files/cache.ts';
import { letGo } from '../files/let-go.ts';
import type { SharedFiles } from '../files/shared-files.ts';
import type { Guardrails } from '../guardrails/guardrails.ts';
import type { Reservation } from '../guardrails/reservations.ts';
import type { ServiceRun } from '../host/definition.ts';
import { contextOf } from './consequences.ts';
import type { Credentials } from './credentials.ts';
import type { FieldRegistry } from './fields.ts';
import type { GateKeeper } from './gates.ts';
import { fault, messageOf, plainOutput, withoutBlame } from './outputs.ts';
import { underCredentials } from './under-credentials.ts';

/** What else lies on this device. */
export interface DownloadFiles {
  readonly shared: SharedFiles;
  readonly cache: Pick<Cache, 'freeRoom'>;
}

export interface DownloadParts {
  readonly blobs: BlobStore;
  readonly files: Part<DownloadFiles>;
  readonly remote: Remote;
  readonly gates: GateKeeper;
  readonly credentials: Part<Credentials>;
  readonly fields: Pick<FieldRegistry, 'find'>;
  readonly guardrails: Pick<Guardrails, 'reserve'>;
  /** A new place for fetched bytes. */
  newBlobKey(accountId: string): BlobKey;
}

/** Bytes that somebody asks for fill the disk too: not past the whole of it (contract 7.3). */
export async function download(
  parts: DownloadParts,
  input: DownloadInput,
  run: ServiceRun,
): Promise<Json> {
  const { mediaId, media } = input;
  // Another attachment may have them here: nothing is fetched, and nothing written (contract 5.3).
  const twin = media.sha256 === '' ? undefined : await borrow(parts, input, media, run);
  if (twin !== undefined) {
    await offer(parts, mediaId, twin, run);
    return plainOutput({ ok: true, blobKey: twin });
  }
  const file = { mediaId, sizeBytes: media.byteSize };
  let room: Reservation | undefined;
  try {
    room = await parts.guardrails.reserve([file], 'download', run.signal);
    return await fetchOnce(parts, input, run, room).catch(async (error: unknown) => {
      if (!isFull(error) || error.code !== 'disk_full' || room === undefined) throw error;
      // The system had less than it said: others make room, and it is fetched once more (field case 6).
      const { cache } = await parts.files();
      const missing = mostBytes(parts, media, run);
      const freedBytes = await cache.freeRoom(missing, { signal: run.signal }).catch(() => 0);
      if (freedBytes === 0) throw error;
      return fetchOnce(parts, input, run, room);
    });
  } catch (error) {
    if (isFull(error) && !run.signal.aborted) return plainOutput(fault('retryable', error.code));
    throw error;
  } finally {
    room?.release();
  }
}

/**
 * The result's commit ends the protection. Should that never come, it runs out; and should the file go nevertheless,
 * its reader finds that out and fetches it.
 */
async function borrow(
  parts: DownloadParts,
  { mediaId, accountId }: DownloadInput,
  { byteSize, sha256 }: BlobContent,
  run: ServiceRun,
): Promise<BlobKey | undefined> {
  const { shared } = await parts.files();
  return shared.borrow(mediaId, { accountId, byteSize, sha256 }, new Set(), run.signal);
}

/** The attachment may go before the result is in the log: then nobody takes the file, and the protection ends. */
async function offer(
  parts: DownloadParts,
  mediaId: MediaId,
  key: BlobKey,
  run: ServiceRun,
): Promise<void> {
  const { shared } = await parts.files();
  run.ifDropped(() => shared.giveBack(key, mediaId));
}

/** What a field takes by default: the most for a ref of an older app that belongs to no field known here. */
const UNKNOWN_SIZE_BYTES = 10 * 1024 * 1024;

/**
 * Never more than the ref says; where it does not, than its fields would have taken (contract 10.3, 10.6). A size
 * without a hash is what an older app said of it: a hint, by which nothing is refused.
 */
function mostBytes(
  { fields }: DownloadParts,
  { byteSize, sha256 }: MediaFacts,
  run: ServiceRun,
): number {
  if (byteSize > 0 && sha256 !== '') return byteSize;
  const state = run.state();
  const refs = state === undefined ? [] : contextOf(state.context).refs;
  const limits = refs.map(({ owner }) => fields.find(owner)?.maxBytes ?? UNKNOWN_SIZE_BYTES);
  return limits.length === 0 ? UNKNOWN_SIZE_BYTES : Math.max(...limits);
}

/**
 * Fetches bytes that are not here, and takes them only when they are the ones that were captured (contract 3.6).
 * @throws {LadingError} `disk_full`, `storage_full`.
 */
async function fetchOnce(
  parts: DownloadParts,
  input: DownloadInput,
  run: ServiceRun,
  room: Reservation,
): Promise<Json> {
  const { blobs, remote } = parts;
  const { media } = input;
  const credentials = await parts.credentials();
  let { generation } = credentials;
  const outcome = await underCredentials(
    credentials,
    run.signal,
    () => {
      ({ generation } = credentials);
      return remote.download(input.url, { signal: run.signal });
    },
    { waits: true },
  );
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
      const twin = await borrow(parts, input, learnt, run);
      if (twin !== undefined) await blobs.remove(key);
      await offer(parts, input.mediaId, twin ?? key, run);
      return plainOutput({
        ok: true,
        blobKey: twin ?? key,
        ...(media.sha256 === '' ? learnt : {}),
      });
    }
    return plainOutput(fault('retryable', 'hash_mismatch'));
  } catch (error) {
    letGo(outcome.body); // the write may have failed before it read anything
    // A write that failed left nothing; what was written, nobody knows. Else it is garbage, which is collected.
    await blobs.remove(key).catch(() => {});
    if (run.signal.aborted || isFull(error)) throw error;
    if (error instanceof DownloadInterrupted) {
      if (error.fault.class === 'auth') credentials.refused(generation, error.fault.code);
      return plainOutput(withoutBlame(parts, error.fault));
    }
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
