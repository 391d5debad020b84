import type { MediaId } from '../../machines/attachment/types.ts';
import type { BlobKey } from '../../ports/blob-store.ts';
import type { BlobContent } from '../../ports/blob-tables.ts';
import type { Clock } from '../../ports/clock.ts';
import type { StoreTransaction } from '../../ports/event-store.ts';
import type { SharedFiles } from './shared-files.ts';

/** Files that one commit is about to share instead of the copies that were just written. */
export interface Loans {
  /** Looks for equal files of all that have none yet. */
  borrow(signal?: AbortSignal): Promise<void>;
  /** Equal bytes were committed since `borrow` looked: it is to look again. */
  areOutdated(tx: StoreTransaction): boolean;
  /** The file to share, if its protection still stands. */
  keyOf(tx: StoreTransaction, mediaId: MediaId): BlobKey | undefined;
  /** Ends what no commit took over. Never throws: what it cannot end runs out by itself. */
  giveBack(taken?: ReadonlySet<MediaId>): Promise<void>;
}

export function createLoans(
  files: SharedFiles,
  clock: Pick<Clock, 'now'>,
  accountId: string,
  contents: ReadonlyMap<MediaId, BlobContent>,
): Loans {
  const borrowed = new Map<MediaId, BlobKey>();
  const tried = new Map<MediaId, Set<BlobKey>>();
  const triedBy = (mediaId: MediaId): Set<BlobKey> => {
    const known = tried.get(mediaId) ?? new Set();
    tried.set(mediaId, known);
    return known;
  };
  const { holds } = files;
  const keyOf: Loans['keyOf'] = (tx, mediaId) => {
    const key = borrowed.get(mediaId);
    return key !== undefined && holds.isHeldBy(tx, key, mediaId, clock.now()) ? key : undefined;
  };
  return {
    keyOf,
    async borrow(signal) {
      for (const [mediaId, content] of contents) {
        if (borrowed.has(mediaId)) continue;
        const wanted = { accountId, ...content };
        const key = await files.borrow(mediaId, wanted, triedBy(mediaId), signal);
        if (key !== undefined) borrowed.set(mediaId, key);
      }
    },
    areOutdated: (tx) =>
      [...contents].some(
        ([mediaId, content]) =>
          !borrowed.has(mediaId) &&
          holds.equalTo(tx, accountId, content).some((key) => !triedBy(mediaId).has(key)),
      ),
    async giveBack(taken) {
      for (const [mediaId, key] of borrowed) {
        borrowed.delete(mediaId);
        if (taken?.has(mediaId) === true) continue;
        await files.giveBack(key, mediaId).catch(() => {});
      }
    },
  };
}
