import type { LadingOptions } from 'lading';
import type { BlobKey, BlobStore } from '../../ports/blob-store.ts';
import type { Remote, UploadContext, UploadRequest } from '../../ports/remote.ts';
import { collect } from '../../testing/contracts/bytes.ts';
import { image, picture, pictureBytes, type World, world } from './lading-world.ts';

/** Takes what it is sent, as it comes, and checks nothing: what only the engine can notice gets past it. */
export type Way = (
  request: UploadRequest,
  context: UploadContext,
  held: Uint8Array,
) => AsyncIterable<Uint8Array>;

/** More than is read as a whole before it is sent: these bytes are checked while they flow. */
export const SIZE = 300_000;
const PART = 30_000;
const PIECE = 9_000;

export async function* whole(request: UploadRequest): AsyncIterable<Uint8Array> {
  yield* request.open();
}

export async function* inOrder(
  request: UploadRequest,
  _context: UploadContext,
  held: Uint8Array,
): AsyncIterable<Uint8Array> {
  for (let start = held.byteLength; start < request.media.byteSize; start += PART) {
    yield* request.open({ start, end: start + PART });
  }
}

async function* atOnce(request: UploadRequest): AsyncIterable<Uint8Array> {
  const starts = Array.from(
    { length: Math.ceil(request.media.byteSize / PART) },
    (_, n) => n * PART,
  );
  const parts = starts
    .toReversed()
    .map((start) => collect(request.open({ start, end: start + PART })));
  yield* await Promise.all(parts.toReversed());
}

export const WAYS: readonly (readonly [string, Way])[] = [
  ['whole', whole],
  ['parts in order', inOrder],
  ['parts at once', atOnce],
];

export interface Trouble {
  /** Ends the run with a broken connection after so many bytes, that many times. */
  cutAfter?: number;
  cuts?: number;
  /** Called after each piece that arrived, with the bytes so far. */
  onArrival?: (bytes: number) => unknown;
  /** What the remote says that it has. */
  says?: { readonly byteSize?: number; readonly sha256?: string };
}

/** A remote without any check of its own, on the objects of the world's. */
export function naive(
  phone: World,
  way: Way,
  trouble: Trouble = {},
): Remote & { removals: number } {
  const { remote } = phone;
  let cuts = trouble.cuts ?? 0;
  const naiveRemote = {
    ...remote,
    removals: 0,
    async upload(request: UploadRequest, context: UploadContext) {
      const { objectKey: key, media } = request;
      const there = remote.objects.get(key);
      const receipt = { url: `https://objects.example/${key}`, token: null };
      if (there !== undefined) {
        return { ok: true as const, receipt: { ...receipt, byteSize: there.bytes.byteLength } };
      }
      const handle = `upload:${key}`;
      await context.opened(handle);
      // A way that sends everything forgets what it had sent.
      let held =
        way === inOrder ? (remote.unfinished.get(handle) ?? new Uint8Array()) : new Uint8Array();
      for await (const bytes of way(request, context, held)) {
        held = Buffer.concat([held, bytes]);
        remote.unfinished.set(handle, held);
        await trouble.onArrival?.(held.byteLength);
        if (cuts > 0 && held.byteLength >= (trouble.cutAfter ?? 0)) {
          cuts -= 1;
          return { ok: false as const, class: 'retryable' as const, code: 'network' };
        }
      }
      remote.unfinished.delete(handle);
      remote.objects.set(key, { bytes: held, media });
      return {
        ok: true as const,
        receipt: { ...receipt, byteSize: held.byteLength, ...trouble.says },
      };
    },
    async remove(...asked: Parameters<Remote['remove']>) {
      naiveRemote.removals += 1;
      return remote.remove(...asked);
    },
  };
  return naiveRemote;
}

/** Reads in small pieces, each from what lies there then, and counts. */
export function asFromDisk(phone: World): BlobStore & { readBytes: number } {
  const { blobs } = phone;
  const store = {
    ...blobs,
    readBytes: 0,
    async *open(key: BlobKey, { start = 0, end = Number.POSITIVE_INFINITY } = {}) {
      for (let at = start; at < end; ) {
        const bytes = await collect(blobs.open(key, { start: at, end: Math.min(end, at + PIECE) }));
        if (bytes.byteLength === 0) return;
        at += bytes.byteLength;
        store.readBytes += bytes.byteLength;
        yield bytes;
      }
    },
    async hash(key: BlobKey): Promise<string> {
      const digest = blobs.digest?.();
      for await (const bytes of store.open(key)) digest?.update(bytes);
      return digest?.hex() ?? '';
    },
  };
  return store;
}

/** An app with one picture that waits for the network. */
export async function waiting(
  phone: World,
  remote: Remote,
  more: Partial<LadingOptions> = {},
): Promise<{
  readonly lading: Awaited<ReturnType<World['open']>>;
  readonly id: string;
  readonly key: BlobKey;
  readonly blobs: BlobStore & { readBytes: number };
}> {
  const blobs = asFromDisk(phone);
  const lading = await phone.open({ remote, blobs, ...more });
  const { id } = await phone.until(lading.capture(picture('right', SIZE), image()));
  blobs.readBytes = 0;
  return { lading, id, key: phone.blobs.keys[0] as BlobKey, blobs };
}

export const right = (): Uint8Array => pictureBytes('right', SIZE);
export const other = (at = 0): Uint8Array => {
  const bytes = right().slice();
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
};

export function offline(): World {
  return world({ online: false });
}

export function objectsOf(phone: World): readonly Buffer[] {
  return [...phone.remote.objects.values()].map(({ bytes }) => Buffer.from(bytes));
}
