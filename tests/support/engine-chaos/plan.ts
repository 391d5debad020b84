import { createHash } from 'node:crypto';
import { type MediaId, type Owner, ownerKey } from '../../../machines/attachment/types.ts';
import { sampleJpeg } from '../../../testing/sample-files/index.ts';
import { seededRandom } from '../../../testing/world/seeded-random.ts';

/** When a step may begin, besides after the capture that it is about. */
export type When = 'now' | 'uploading' | 'uploaded';

export interface PlannedFile {
  readonly seed: number;
  readonly sizeBytes: number;
}

/** One thing that the app does. Its `n` is written into the app's own table by the commit that does it. */
export type Step = { readonly n: number; readonly mediaId: MediaId; readonly owner: Owner } & (
  | { readonly verb: 'capture'; readonly file: PlannedFile; readonly draft: boolean }
  | { readonly verb: 'link'; readonly of: number; readonly when: When }
  | { readonly verb: 'remove' | 'cancel' | 'read'; readonly of: number; readonly when: When }
  | {
      readonly verb: 'replace';
      readonly of: number;
      readonly when: When;
      readonly file: PlannedFile;
      /** The one that takes the place of `mediaId`. */
      readonly newId: MediaId;
    }
);

export interface PlanOptions {
  readonly seed: string;
  readonly account: string;
  readonly batches: number;
  /** Sizes of photos and of large files, in bytes, from and to. */
  readonly photoBytes: readonly [number, number];
  readonly largeBytes: readonly [number, number];
}

/** Steps in one batch. */
export const BATCH = 17;

/**
 * What the app does, from a seed; the same in the child, which does it, and in the judge, which knows what must come
 * of it. Each batch holds every verb: two files with equal bytes, drafts linked and cancelled, and removals,
 * replacements and cancellations in the middle of an upload and after one.
 */
export function planOf(options: PlanOptions): readonly Step[] {
  return Array.from({ length: options.batches }, (_, batch) => planBatch(options, batch)).flat();
}

function planBatch(options: PlanOptions, batch: number): readonly Step[] {
  const random = seededRandom(options.seed).fork(`batch ${batch}`);
  const first = batch * BATCH;
  const steps: Step[] = [];
  const newId = (): MediaId => uuidv7From(random.bytes(10), first + steps.length);
  const file = ([low, high]: readonly [number, number]): PlannedFile => ({
    seed: random.int(0, 1_000_000_000),
    sizeBytes: random.int(low, high),
  });
  const photo = (): PlannedFile => file(options.photoBytes);
  const large = (): PlannedFile => file(options.largeBytes);
  const owner = (field: string): Owner => ({
    scope: { accountId: options.account, projectId: null },
    entityType: 'item',
    entityId: `item-${batch}`,
    field,
  });
  const capture = (field: string, of: PlannedFile, draft = false): number => {
    const n = first + steps.length;
    steps.push({
      n,
      verb: 'capture',
      mediaId: newId(),
      owner: owner(field),
      file: of,
      draft,
    });
    return n;
  };
  const then = (of: number, verb: 'link' | 'remove' | 'cancel' | 'read', when: When): void => {
    const { mediaId, owner: its } = steps[of - first] as Step;
    steps.push({ n: first + steps.length, verb, of, when, mediaId, owner: its });
  };

  const twin = photo();
  capture('images', twin);
  const cancelled = capture('scans', large());
  capture('images', twin);
  const removed = capture('scans', large());
  const linked = capture('images', photo(), true);
  then(linked, 'link', 'now');
  then(cancelled, 'cancel', 'uploading');
  const dropped = capture('thumbnails', photo());
  then(removed, 'remove', 'uploading');
  const replaced = capture('logo', large());
  const never = capture('images', photo(), true);
  then(never, 'cancel', 'now');
  const { mediaId, owner: logo } = steps[replaced - first] as Step;
  steps.push({
    n: first + steps.length,
    verb: 'replace',
    of: replaced,
    when: random.pick(['now', 'uploading', 'uploaded']),
    mediaId,
    owner: logo,
    file: photo(),
    newId: newId(),
  });
  then(dropped, 'read', 'uploaded');
  const late = capture('images', photo());
  then(late, 'remove', 'uploaded');
  capture('scans', large());
  return steps;
}

/** The owner as the app's table names it. */
export function ownerName(owner: Owner): string {
  return ownerKey(owner);
}

const cache = new Map<string, Uint8Array>();

/** The bytes of a planned file; large ones are made once. */
export function bytesOf({ seed, sizeBytes }: PlannedFile): Uint8Array {
  const key = `${seed}/${sizeBytes}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  // The pixels have no byte that JPEG would have to escape, so that the size is the planned one.
  const pixels = seededRandom(seed)
    .bytes(sizeBytes)
    .map((byte) => Math.min(byte, 0xfe));
  const overhead = sampleJpeg().byteLength;
  const bytes = sampleJpeg({ body: pixels.subarray(overhead) });
  cache.set(key, bytes);
  return bytes;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Ordered by `n`, like ids that were made one after the other. */
function uuidv7From(bytes: Uint8Array, n: number): MediaId {
  const hex = Buffer.from(bytes).toString('hex');
  const time = (1_700_000_000_000 + n).toString(16).padStart(12, '0');
  const variant = '89ab'[Number.parseInt(hex[3] ?? '0', 16) % 4];
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}` as MediaId;
}
