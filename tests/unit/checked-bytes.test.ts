import { memoryBlobs } from 'lading/testing';
import { describe, expect, it } from 'vitest';
import { checkedBytes } from '../../engine/lifecycle/checked-bytes.ts';
import { type BlobStore, blobKey } from '../../ports/blob-store.ts';
import { collect, pattern, pieces, sha256 } from '../../testing/contracts/bytes.ts';

const KEY = blobKey('account-1', '01890a5d-ac96-774b-bcce-b302099a8057');
const SIZE = 1_000;
const PIECE = 100;

type Way = 'inline' | 'beside' | 'hashing first';

/** A file of a thousand bytes in pieces of a hundred, each read when it is asked for, as from a disk. */
async function file(size = SIZE, way: Way = 'inline') {
  const memory = memoryBlobs();
  const good = pattern(size);
  await memory.write(KEY, pieces(good, PIECE));
  let readBytes = 0;
  const store: BlobStore = {
    ...memory,
    async *open(key, { start = 0, end = Number.POSITIVE_INFINITY } = {}) {
      for (let at = start; at < end; at += PIECE) {
        const stop = Math.min(end, at + PIECE);
        const bytes = await collect(memory.open(key, { start: at, end: stop }));
        if (bytes.byteLength === 0) return;
        readBytes += bytes.byteLength;
        yield bytes;
      }
    },
    async hash(key) {
      return sha256(await collect(store.open(key)));
    },
  };
  const stop = new AbortController();
  const media = { byteSize: size, sha256: await sha256(good) };
  const lacks = { inline: '', beside: 'hash', 'hashing first': 'digest' }[way];
  const kept = Object.entries(store).filter(([name]) => name !== lacks);
  const blobs = Object.fromEntries(kept) as unknown as BlobStore;
  const bytes = checkedBytes(blobs, KEY, media, stop.signal);
  const spoil = (at: number): void => {
    const bad = good.slice();
    bad[at] = (bad[at] ?? 0) ^ 1;
    memory.spoil(KEY, bad);
  };
  return { bytes, good, memory, spoil, stop, read: () => readBytes };
}

const CHANGED = { code: 'source_changed' };

/** All that a read gives before it throws. */
async function givenBy(source: AsyncIterable<Uint8Array>): Promise<{
  readonly bytes: number;
  readonly error: unknown;
}> {
  let bytes = 0;
  try {
    for await (const chunk of source) bytes += chunk.byteLength;
  } catch (error) {
    return { bytes, error };
  }
  return { bytes, error: undefined };
}

describe('a file that is as it was captured', () => {
  it.each([undefined, {}, { start: 0 }, { start: 0, end: SIZE }, { end: SIZE * 2 }])(
    'is read once when it is read as a whole: %o',
    async (range) => {
      const { bytes, good, read } = await file();
      expect(await collect(bytes.open(range))).toEqual(good);
      expect(read()).toBe(SIZE);
      expect(bytes.verdict(true)).toBeUndefined();
    },
  );

  it('is read once in parts that follow each other', async () => {
    const { bytes, good, read } = await file();
    const parts = [];
    for (let start = 0; start < SIZE; start += 250) {
      parts.push(await collect(bytes.open({ start, end: Math.min(SIZE, start + 250) })));
    }
    expect(Buffer.concat(parts)).toEqual(Buffer.from(good));
    expect(read()).toBe(SIZE);
  });

  it('is read once more beside a read that begins in the middle', async () => {
    const { bytes, good, read } = await file();
    expect(await collect(bytes.open({ start: 400 }))).toEqual(good.slice(400));
    expect(read()).toBe(600 + SIZE);
  });

  it('is hashed once beside, however many parts are read at once', async () => {
    const { bytes, read } = await file();
    const starts = [600, 0, 800, 200, 400];
    await Promise.all(starts.map((start) => collect(bytes.open({ start, end: start + 200 }))));
    expect(read()).toBe(SIZE * 2);
  });

  it.each(['beside', 'hashing first'] as const)(
    'can be read whichever way its store hashes: %s',
    async (way) => {
      const { bytes, good } = await file(SIZE, way);
      expect(await collect(bytes.open())).toEqual(good);
      expect(await collect(bytes.open({ start: 400 }))).toEqual(good.slice(400));
      expect(bytes.verdict(true)).toBeUndefined();
    },
  );

  it('may be empty', async () => {
    const { bytes } = await file(0);
    expect(await collect(bytes.open())).toHaveLength(0);
    expect(await collect(bytes.open({ start: 0, end: 0 }))).toHaveLength(0);
    expect(bytes.verdict(true)).toBeUndefined();
  });

  it('is whole again when two readers crossed each other', async () => {
    const { bytes, good } = await file();
    const one = bytes.open()[Symbol.asyncIterator]();
    await one.next();
    expect(await collect(bytes.open())).toEqual(good);
    const rest = [];
    for (let next = await one.next(); next.done !== true; next = await one.next()) {
      rest.push(next.value);
    }
    expect(Buffer.concat(rest)).toEqual(Buffer.from(good.slice(PIECE)));
  });
});

describe('a file of the same size with one other byte', () => {
  it.each([
    ['inline', 0],
    ['inline', SIZE - 1],
    ['beside', 0],
    ['hashing first', 0],
  ] as const)('never gives its last chunk: %s, byte %i', async (way, at) => {
    const { bytes, spoil } = await file(SIZE, way);
    spoil(at);
    const { bytes: given, error } = await givenBy(bytes.open());
    expect(error).toMatchObject(CHANGED);
    expect(given).toBeLessThanOrEqual(SIZE - PIECE);
    expect(bytes.verdict(true)).toMatchObject({ class: 'terminal', ...CHANGED });
  });

  it('gives the middle to whoever resumes there, and not the end', async () => {
    const { bytes, spoil } = await file();
    spoil(0);
    const { bytes: given, error } = await givenBy(bytes.open({ start: 400 }));
    expect(error).toMatchObject(CHANGED);
    expect(given).toBeLessThan(600);
  });

  it('is told at any later read of the run, whatever its range', async () => {
    const { bytes, spoil, memory, good } = await file();
    spoil(500);
    await givenBy(bytes.open());
    memory.spoil(KEY, good);
    expect(await givenBy(bytes.open({ start: 0, end: 10 }))).toMatchObject({ bytes: 0 });
    expect(bytes.verdict(true)).toMatchObject(CHANGED);
  });

  it.each([PIECE, SIZE - PIECE])('is noticed when it changes after %i bytes', async (after) => {
    const { bytes, spoil } = await file();
    let given = 0;
    const reading = async (): Promise<void> => {
      for await (const chunk of bytes.open()) {
        given += chunk.byteLength;
        if (given === after) spoil(SIZE - 1);
      }
    };
    await expect(reading()).rejects.toMatchObject(CHANGED);
    expect(given).toBe(SIZE - PIECE);
  });
});

describe('a file of another size', () => {
  it.each([
    ['longer', SIZE + 1],
    ['much longer', SIZE * 3],
    ['shorter', SIZE - 1],
    ['empty', 0],
  ])('never gives its last chunk: %s', async (_, size) => {
    const { bytes, memory } = await file();
    memory.spoil(KEY, pattern(size));
    const { bytes: given, error } = await givenBy(bytes.open());
    expect(error).toMatchObject(CHANGED);
    expect(given).toBeLessThan(SIZE);
  });

  it('is noticed in a part that ends early', async () => {
    const { bytes, memory } = await file();
    memory.spoil(KEY, pattern(150));
    expect(await givenBy(bytes.open({ start: 0, end: 200 }))).toMatchObject({ error: CHANGED });
  });

  it('is noticed where nothing was captured at all', async () => {
    const { bytes, memory } = await file(0);
    memory.spoil(KEY, pattern(1));
    expect(await givenBy(bytes.open())).toMatchObject({ bytes: 0, error: CHANGED });
  });
});

describe('a file that cannot be read', () => {
  it('is missing for good once it was found so', async () => {
    const { bytes, memory } = await file();
    memory.lose(KEY);
    expect(await givenBy(bytes.open())).toMatchObject({ error: { code: 'blob_missing' } });
    expect(bytes.verdict(true)).toMatchObject({ class: 'terminal', code: 'source_missing' });
  });

  it('may be read at the next try, and explains a run that failed meanwhile (field case 15)', async () => {
    const memory = memoryBlobs();
    const good = pattern(SIZE);
    await memory.write(KEY, pieces(good, PIECE));
    let isLocked = true;
    const store: BlobStore = {
      ...memory,
      async *open(...read) {
        if (isLocked) throw Object.assign(new Error('locked'), { code: 'EPERM' });
        yield* memory.open(...read);
      },
    };
    const media = { byteSize: SIZE, sha256: await sha256(good) };
    const bytes = checkedBytes(store, KEY, media, new AbortController().signal);
    expect(await givenBy(bytes.open())).toMatchObject({ error: { code: 'EPERM' } });
    expect(bytes.verdict(false)).toMatchObject({ class: 'retryable', code: 'source_unreadable' });
    expect(bytes.verdict(true)).toBeUndefined();
    isLocked = false;
    expect(await collect(bytes.open())).toEqual(good);
    expect(bytes.verdict(false)).toBeUndefined();
  });

  it('says nothing of a run that was stopped', async () => {
    const { bytes, memory, stop } = await file();
    stop.abort();
    memory.lose(KEY);
    await givenBy(bytes.open());
    expect(bytes.verdict(false)).toBeUndefined();
  });
});
