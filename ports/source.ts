import { LadingError } from './errors.ts';

/** Where a capture gets its bytes: looked at, then stored; streamed, never whole in memory (contract 3.1, 3.2). */
export interface CaptureSource {
  /** For people to read; never part of a path, key or header (contract 10.1). */
  readonly filename?: string | undefined;
  /**
   * What the giver claims: a hint. What the bytes say is recorded; the claim counts only where bytes of that type have no
   * mark of their own, as text has none (contract 3.1, field case 60).
   */
  readonly contentType?: string | undefined;
  /** For checks before a byte is stored; what counts is what is read. Absent where nobody knows. */
  readonly sizeBytes?: number | undefined;
  /**
   * The bytes from the beginning. Called more than once for one capture: each call starts over and gives the same bytes,
   * or the capture ends with `source_changed`.
   * The iteration throws {@link LadingError} `source_missing`, `source_not_a_file`, `source_unreadable`,
   * `source_changed` or `capture_aborted`.
   */
  open(signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

/** Bytes that are in memory already: a canvas export, a small download, a test. They are not copied; do not change them. */
export function bytesSource(
  bytes: Uint8Array,
  facts: { readonly filename?: string; readonly contentType?: string } = {},
): CaptureSource {
  return {
    ...facts,
    sizeBytes: bytes.byteLength,
    async *open(signal) {
      for (let start = 0; start < bytes.byteLength; start += PIECE_BYTES) {
        if (signal?.aborted) throw aborted();
        yield bytes.subarray(start, start + PIECE_BYTES);
      }
    },
  };
}

const PIECE_BYTES = 256 * 1024;

function aborted(): LadingError {
  return new LadingError('capture_aborted', 'The capture was aborted; nothing was stored.');
}
