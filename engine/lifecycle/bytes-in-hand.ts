import type { Fault, MediaFacts } from '../../machines/attachment/types.ts';
import type { BlobKey, BlobStore } from '../../ports/blob-store.ts';
import { sourceFaultOf } from '../../ports/remote.ts';
import { type CheckedBytes, checkedBytes } from './checked-bytes.ts';
import { fault } from './outputs.ts';

/** Files up to this size are read as a whole before they are sent; so much memory each run of an upload may hold. */
const SMALL_BYTES = 256 * 1024;

/**
 * The bytes of one run of an upload, or why they cannot be sent: what is gone, or not what was captured, needs no remote
 * to be found so (contract 4.4, field case 13). A small file is in hand and proven before it asks for a slot: a disk costs
 * as much time as a short request does, and no slot waits for one. A larger one is checked while it is read.
 *
 * @param mayBeThere an earlier run may have sent all of it, and its answer was lost: the remote is looked at before other
 *   bytes are a reason to give up.
 */
export async function bytesInHand(
  blobs: BlobStore,
  key: BlobKey,
  media: Pick<MediaFacts, 'byteSize' | 'sha256'>,
  { signal, mayBeThere }: { readonly signal: AbortSignal; readonly mayBeThere: boolean },
): Promise<CheckedBytes | Fault> {
  try {
    if (media.byteSize > SMALL_BYTES || blobs.digest === undefined) {
      const found = await blobs.stat(key);
      if (found === undefined) return fault('terminal', 'source_missing');
      if (found.sizeBytes !== media.byteSize) return fault('terminal', 'source_changed');
      return checkedBytes(blobs, key, media, signal);
    }
    const whole = await readWhole(blobs, key, media.byteSize);
    const digest = blobs.digest();
    digest.update(whole);
    if (whole.byteLength !== media.byteSize) return fault('terminal', 'source_changed');
    if (digest.hex() === media.sha256) return proven(whole);
    return mayBeThere
      ? checkedBytes(blobs, key, media, signal)
      : fault('terminal', 'source_changed');
  } catch (error) {
    return sourceFaultOf(error);
  }
}

/** One byte more than it should have, where it grew. */
async function readWhole(blobs: BlobStore, key: BlobKey, byteSize: number): Promise<Uint8Array> {
  const read: Uint8Array[] = [];
  for await (const bytes of blobs.open(key, { end: byteSize + 1 })) read.push(bytes);
  const [one = new Uint8Array()] = read;
  return read.length > 1 ? joined(read) : one; // mostly it comes as one
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}

function proven(whole: Uint8Array): CheckedBytes {
  return {
    async *open({ start = 0, end = whole.byteLength } = {}) {
      if (start < Math.min(end, whole.byteLength)) yield whole.subarray(start, end);
    },
    prove: async () => {},
    verdict: () => undefined,
    close() {},
  };
}
