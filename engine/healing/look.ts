import type { MediaId } from '../../machines/attachment/types.ts';
import type { BlobKey, BlobStore } from '../../ports/blob-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { HealingRows, KnownBytes } from '../../ports/healing-rows.ts';
import type { Logger } from '../../ports/logger.ts';
import { createSlices, type Slices } from '../garbage/slices.ts';
import type { Host } from '../host/host.ts';
import { asStream } from '../lifecycle/as-stream.ts';

/** What the look at start found about the bytes that only this device has. */
export interface LookReport {
  /**
   * `gone`: not one file that the log knows is there, and nothing says that the store is the right one: a card that is
   * not mounted, cleared storage, another base directory (field case 4). `unreadable`: the store cannot be asked. In both
   * cases nothing was changed or deleted.
   */
  readonly blobs: 'ok' | 'gone' | 'unreadable';
  /** Their bytes are not here any more, and were never uploaded: they show `failed` with `source_missing`. */
  readonly missing: readonly MediaId[];
  /** Their bytes turned up again: they upload. */
  readonly found: readonly MediaId[];
  /** Their files have another size than was captured: they are not sent. */
  readonly changed: readonly MediaId[];
}

export interface LookParts {
  readonly host: Pick<Host, 'transact'>;
  readonly events: Pick<EventStore, 'read'>;
  readonly rows: HealingRows;
  readonly blobs: BlobStore;
  readonly accountId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborted when Lading closes. */
  readonly ending: AbortSignal;
}

const PAGE = 100;
/** What one slice of work may take before others have their turn. */
const SLICE_MS = 8;
/** So many files that are not there, and none that is, say that the whole store is another one. */
const SAMPLE = 32;
const NOTHING = { missing: [], found: [], changed: [] } as const;

/**
 * Looks for the files of attachments that were not sent: one that is gone is told at once, not when its turn to upload
 * comes (field cases 1, 2, 14). Works in slices, changes nothing that is as it should be, and may be repeated.
 * @throws what the event store throws, and the reason of the engine's end.
 */
export async function lookAtBytes(parts: LookParts): Promise<LookReport> {
  const { logger } = parts;
  const slices = createSlices(parts.clock, SLICE_MS, parts.ending);
  try {
    const known = parts.events.read((tx) => parts.rows.someFiles(tx, SAMPLE));
    if (known.length > 0 && !(await isOurStore(parts, known, slices))) {
      logger.error(
        'no file that the log knows is in the blob store: is its storage there, and its directory the right one?',
        { code: 'blobs_gone', known: known.length },
      );
      return { ...NOTHING, blobs: 'gone' };
    }
    return { blobs: 'ok', ...(await lookAtAll(parts, slices)) };
  } catch (error) {
    if (parts.ending.aborted || !(error instanceof Unaskable)) throw error;
    logger.error('the blob store cannot be read; nothing was changed', {
      code: 'blobs_unreadable',
      error: error.cause,
    });
    return { ...NOTHING, blobs: 'unreadable' };
  }
}

/** What the blob store throws when it is asked for what may not be there. */
class Unaskable extends Error {}

/** One file that should be there is proof enough; so is a sidecar, which lies under the same base. */
async function isOurStore(
  { blobs, accountId }: LookParts,
  known: readonly BlobKey[],
  slices: Slices,
): Promise<boolean> {
  for (const key of known) {
    await slices.breathe();
    if ((await sizeOf(blobs, key)) !== undefined) return true;
  }
  try {
    const names = blobs.sidecars?.list(accountId)[Symbol.asyncIterator]();
    const first = await names?.next();
    await names?.return?.();
    return first?.done === false;
  } catch (cause) {
    throw new Unaskable('sidecars', { cause });
  }
}

async function sizeOf(blobs: BlobStore, key: BlobKey): Promise<number | undefined> {
  try {
    return (await blobs.stat(key))?.sizeBytes;
  } catch (cause) {
    throw new Unaskable(key, { cause });
  }
}

async function lookAtAll(parts: LookParts, slices: Slices): Promise<Omit<LookReport, 'blobs'>> {
  const { blobs, logger } = parts;
  const report = { missing: [] as MediaId[], found: [] as MediaId[], changed: [] as MediaId[] };
  for await (const one of all(parts, (...page) => parts.rows.unsent(...page))) {
    await slices.breathe();
    const size = await sizeOf(blobs, one.blobKey);
    if (size === undefined) {
      if (await tell(parts, one, 'bytes.missing')) report.missing.push(one.mediaId);
    } else if (size !== one.byteSize) {
      const { mediaId, byteSize } = one;
      logger.warn('a file has another size than was captured', { stream: mediaId, byteSize, size });
      report.changed.push(mediaId);
    }
  }
  for await (const one of all(parts, (...page) => parts.rows.lost(...page))) {
    await slices.breathe();
    if ((await sizeOf(blobs, one.blobKey)) !== one.byteSize) continue;
    if (await tell(parts, one, 'bytes.found')) report.found.push(one.mediaId);
  }
  return report;
}

/** Page by page: commits of others, and our own, go on in between. */
async function* all(
  { events, accountId }: LookParts,
  rowsOf: HealingRows['unsent'],
): AsyncIterable<KnownBytes> {
  for (let after = ''; ; ) {
    const page = events.read((tx) => rowsOf(tx, accountId, after, PAGE));
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = last.mediaId;
  }
}

/** Only where the log still says what the row said when the file was looked for. */
async function tell(
  { host }: LookParts,
  { mediaId, blobKey }: KnownBytes,
  type: 'bytes.missing' | 'bytes.found',
): Promise<boolean> {
  return host.transact((work) => {
    const context = work.peek(asStream(mediaId))?.context;
    if (context?.['blobKey'] !== blobKey || context['gone'] === true) return false;
    if (context['bytes'] !== (type === 'bytes.missing')) return false;
    return work.send(asStream(mediaId), { type }).outcome === 'changed';
  });
}
