import { Unreadable } from './troubles.ts';

/** Reads a stream in the pieces that a format is made of; holds no more than what was asked for (contract 3.2). */
export interface Reader {
  /** Bytes that were consumed. */
  readonly position: number;
  /** Exactly `length` bytes, a copy that may be changed. @throws {Unreadable} when the stream ends before. */
  take(length: number): Promise<Uint8Array>;
  /** At most `length` bytes, which stay to be read. */
  peek(length: number): Promise<Uint8Array>;
  /** What is there, in whatever size; undefined at the end. */
  next(): Promise<Uint8Array | undefined>;
  /** Puts back what was consumed last. */
  unread(bytes: Uint8Array): void;
  /** Exactly `length` bytes as they come. @throws {Unreadable} when the stream ends before. */
  pass(length: number): AsyncGenerator<Uint8Array>;
  /** Lets the source go, also one that was not read to its end: it may hold a file open. */
  close(): Promise<void>;
}

/** What any one structure may need in memory: more is passed through, blanked, or refused. */
export const MAX_BUFFERED_BYTES = 1024 * 1024;

export function createReader(source: AsyncIterable<Uint8Array>): Reader {
  const iterator = source[Symbol.asyncIterator]();
  const buffered: Uint8Array[] = [];
  let available = 0;
  let position = 0;
  let isDone = false;

  async function fill(length: number): Promise<void> {
    while (available < length) {
      const { done, value } = await iterator.next();
      if (done === true) {
        isDone = true;
        return;
      }
      if (value.byteLength === 0) continue;
      buffered.push(value);
      available += value.byteLength;
    }
  }

  /** At most `limit` bytes of the first piece, consumed. */
  function shift(limit: number): Uint8Array | undefined {
    const first = buffered.shift();
    if (first === undefined) return undefined;
    const taken = first.subarray(0, limit);
    if (taken.byteLength < first.byteLength) buffered.unshift(first.subarray(limit));
    available -= taken.byteLength;
    position += taken.byteLength;
    return taken;
  }

  function collect(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const piece of buffered) {
      const part = piece.subarray(0, length - at);
      bytes.set(part, at);
      at += part.byteLength;
      if (at === length) break;
    }
    return bytes;
  }

  return {
    get position() {
      return position;
    },
    async take(length) {
      if (length > MAX_BUFFERED_BYTES) throw new Unreadable('one of its parts is too large');
      await fill(length);
      if (available < length) throw new Unreadable('it ends too early');
      const bytes = collect(length);
      for (let left = length; left > 0; ) left -= shift(left)?.byteLength ?? left;
      return bytes;
    },
    async peek(length) {
      await fill(length);
      return collect(Math.min(length, available));
    },
    async next() {
      await fill(1);
      return shift(Number.POSITIVE_INFINITY);
    },
    unread(bytes) {
      if (bytes.byteLength === 0) return;
      buffered.unshift(bytes);
      available += bytes.byteLength;
      position -= bytes.byteLength;
    },
    async *pass(length) {
      for (let left = length; left > 0; ) {
        await fill(1);
        const piece = shift(left);
        if (piece === undefined) throw new Unreadable('it ends too early');
        left -= piece.byteLength;
        yield piece;
      }
    },
    async close() {
      if (isDone) return;
      isDone = true;
      try {
        await iterator.return?.();
      } catch {
        // As with `for await`: what ended the reading is what counts.
      }
    },
  };
}

/** Reads a source through `walk`, and lets it go whatever happens: an end, a refusal, a store that stops reading. */
export async function* readThrough(
  source: AsyncIterable<Uint8Array>,
  walk: (reader: Reader) => AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const reader = createReader(source);
  try {
    yield* walk(reader);
  } finally {
    await reader.close();
  }
}

/** Chunks, segments, blocks: no sound file has more of them, nor more beyond these than one for so many bytes. */
const FREE_PARTS = 10_000;
const BYTES_PER_PART = 256;

/** Counts the parts of a file: each costs time, and a small file can have millions. @throws {Unreadable}. */
export function countParts(reader: Reader): () => void {
  let parts = 0;
  return () => {
    parts += 1;
    if (parts > FREE_PARTS + reader.position / BYTES_PER_PART) {
      throw new Unreadable('it has too many parts');
    }
  };
}

/** Consumes `length` bytes, and gives as many zeros. */
export async function* blanked(reader: Reader, length: number): AsyncGenerator<Uint8Array> {
  for await (const piece of reader.pass(length)) yield new Uint8Array(piece.byteLength);
}

/** Consumes `length` bytes. */
export async function skip(reader: Reader, length: number): Promise<void> {
  const pieces = reader.pass(length);
  while ((await pieces.next()).done !== true);
}

/** Consumes all that is left. */
export async function skipRest(reader: Reader): Promise<void> {
  while ((await reader.next()) !== undefined);
}
