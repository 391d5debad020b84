import { bytesSource, type CaptureSource, type Fields, type Lading } from 'lading';
import { gate, owner, type World, type WorldOptions, world } from './lading-world.ts';

/** Fields that take any bytes. */
const ANY = {
  'item.files': { kinds: ['file'], maxBytes: 100_000_000 },
  'item.far': { kinds: ['file'], maxBytes: 100_000_000, guardrails: 'offline' },
} as const satisfies Fields;

export const OWNER = owner('item.files');
export const FILE = { owner: OWNER, kind: 'file' } as const;

/** A device that takes any bytes. */
export function device(options: WorldOptions = {}): World {
  return world({ fields: ANY, online: false, ...options });
}

/** A file of so many bytes, different from all others: equal ones would be stored once. */
export function sized(bytes: number): CaptureSource {
  return bytesSource(marked(new Uint8Array(bytes).fill(7)));
}

let files = 0;

function marked(bytes: Uint8Array): Uint8Array {
  files += 1;
  const digits = new TextEncoder().encode(String(files));
  bytes.set(digits.subarray(0, bytes.byteLength));
  return bytes;
}

/** The same, but nobody knows how many before they are read. */
export function unsized(bytes: number, pieceBytes = 64_000): CaptureSource {
  const first = marked(new Uint8Array(Math.min(bytes, pieceBytes)).fill(7));
  return {
    async *open() {
      if (bytes > 0) yield first;
      for (let left = bytes - pieceBytes; left > 0; left -= pieceBytes) {
        yield new Uint8Array(Math.min(left, pieceBytes)).fill(7);
      }
    },
  };
}

/** A source that waits in the middle: `reached` when it is there, until `open` is called. */
export function slow(bytes: number, { tellsSize = true } = {}) {
  const [here, held] = [gate(), gate()];
  const half = Math.floor(bytes / 2);
  const first = marked(new Uint8Array(half).fill(7));
  const source: CaptureSource = {
    ...(tellsSize ? { sizeBytes: bytes } : {}),
    async *open() {
      yield first;
      here.open();
      await held.promise;
      yield new Uint8Array(bytes - half).fill(7);
    },
  };
  return { source, reached: here.promise, open: () => held.open() };
}

/** Captures a file of so many bytes. */
export async function fill(phone: World, lading: Lading, bytes: number): Promise<string> {
  return (await phone.until(lading.capture(sized(bytes), FILE))).id;
}

/** Bytes in the blob store, by its own listing. */
export async function storedBytes(phone: World): Promise<number> {
  let sum = 0;
  for await (const { sizeBytes } of phone.blobs.list()) sum += sizeBytes;
  return sum;
}
