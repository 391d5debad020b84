import type { Fault, MediaFacts } from '../../machines/attachment/types.ts';
import type { BlobKey, BlobStore, Digest } from '../../ports/blob-store.ts';
import { LadingError } from '../../ports/errors.ts';
import { sourceFaultOf, type UploadRequest } from '../../ports/remote.ts';

/** The bytes of one run of an upload, checked before or while they are read (contract 4.4, field cases 12 and 13). */
export interface CheckedBytes {
  /** As an adapter is lent it. */
  readonly open: UploadRequest['open'];
  /** Hashes all of it before anything is read. @throws as `open`. */
  prove(): Promise<void>;
  /**
   * What the run ends with, whatever its outcome was: once found wrong or gone, bytes are so for this run. Those that
   * could not be read at the last try only explain a run that failed.
   */
  verdict(isSuccess: boolean): Fault | undefined;
  /** Stops hashing. */
  close(): void;
}

/** Bytes that were hashed as they flowed, from the first one on, whoever read them. */
interface Line {
  readonly digest: Digest;
  at: number;
}

/**
 * The last byte of a file leaves the device only when the whole of it was hashed and was right. What is read from the
 * first byte on, in one read or in reads that follow each other, is hashed as it flows; any other read flows at once
 * while one hash of the whole is under way beside it. Either way the chunk with the last byte is held back until the
 * hash is known.
 *
 * Bytes that change after they were hashed beside, and before they are read, are seen only by the remote's checksum.
 */
export function checkedBytes(
  blobs: BlobStore,
  key: BlobKey,
  media: Pick<MediaFacts, 'byteSize' | 'sha256'>,
  signal: AbortSignal,
): CheckedBytes {
  const { byteSize, sha256 } = media;
  const closing = new AbortController();
  const ended = AbortSignal.any([signal, closing.signal]);
  /** The line that later reads may continue. */
  let line: Line | undefined;
  let beside: Promise<void> | undefined;
  let wrong: { readonly error: unknown; readonly fault: Fault } | undefined;
  let trouble: Fault | undefined;

  /** Notes what is wrong, for good or for now, and gives it back to be thrown. */
  function note(error: unknown): unknown {
    if (signal.aborted || closing.signal.aborted) return error;
    const fault = sourceFaultOf(error);
    if (fault.class === 'terminal') wrong ??= { error, fault };
    else trouble = fault;
    return error;
  }

  function requireNothingWrong(): void {
    if (wrong !== undefined) throw wrong.error;
  }

  function changed(): LadingError {
    return new LadingError('source_changed', 'The stored bytes are not those that were captured.', {
      details: { byteSize },
    });
  }

  function requireRight(found: string): void {
    if (found !== sha256) throw note(changed());
  }

  function proveBeside(): Promise<void> {
    beside ??= hashBeside();
    return beside;
  }

  async function hashBeside(): Promise<void> {
    let found: string | undefined;
    try {
      found = await hashOf(blobs, key, ended);
    } catch (error) {
      beside = undefined; // what could not be read now may be read at the next try
      throw note(error);
    }
    if (found !== undefined) requireRight(found);
  }

  /** The line that a read from `start` is on, if it is on one. */
  function lineFrom(start: number): Line | undefined {
    if (start === 0) {
      const digest = blobs.digest?.();
      line = digest === undefined ? undefined : { digest, at: 0 };
    }
    return line?.at === start ? line : undefined;
  }

  async function* open({
    start = 0,
    end = Number.POSITIVE_INFINITY,
  }: Parameters<UploadRequest['open']>[0] = {}): AsyncIterable<Uint8Array> {
    requireNothingWrong();
    trouble = undefined;
    const isToTheEnd = end >= byteSize;
    let mine = lineFrom(start);
    // Awaited where it counts; until then it may fail unheard.
    if (mine === undefined) proveBeside().catch(() => {});
    let at = start;
    let last: Uint8Array | undefined;
    try {
      for await (const bytes of blobs.open(key, isToTheEnd ? { start } : { start, end })) {
        requireNothingWrong();
        // Another read may have gone on with the line meanwhile.
        if (mine?.at === at) {
          mine.digest.update(bytes);
          mine.at += bytes.byteLength;
        } else mine = undefined;
        at += bytes.byteLength;
        if (last !== undefined || at > byteSize) throw changed(); // it grew
        if (at < byteSize) yield bytes;
        else last = bytes;
      }
      if (at < Math.min(end, byteSize)) throw changed(); // it shrank
    } catch (error) {
      throw note(error);
    }
    if (!isToTheEnd) return;
    if (mine?.at === byteSize) requireRight(once(mine));
    else await proveBeside();
    if (last !== undefined) yield last;
  }

  return {
    open,
    prove: proveBeside,
    verdict: (isSuccess) => wrong?.fault ?? (isSuccess ? undefined : trouble),
    close: () => closing.abort(),
  };
}

/** A digest ends but once; nothing can follow it on its line. */
function once(line: Line): string {
  line.at = Number.POSITIVE_INFINITY;
  return line.digest.hex();
}

/** Undefined: this store cannot hash. */
async function hashOf(
  blobs: BlobStore,
  key: BlobKey,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (blobs.hash !== undefined) return blobs.hash(key, signal);
  const digest = blobs.digest?.();
  if (digest === undefined) return undefined;
  for await (const bytes of blobs.open(key)) {
    signal.throwIfAborted();
    digest.update(bytes);
  }
  return digest.hex();
}
