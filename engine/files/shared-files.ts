import type { MediaId } from '../../machines/attachment/types.ts';
import type { BlobKey, BlobStore } from '../../ports/blob-store.ts';
import type { BlobContent, HoldTable } from '../../ports/blob-tables.ts';
import type { Clock } from '../../ports/clock.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { UnknownSidecars } from './unknown-sidecars.ts';

/**
 * Files that attachments with equal bytes share: each is stored once for an account, and goes with its last holder
 * (contract 5.3, design 4). Why no removal can take a file from under somebody who is about to share it:
 *
 * A file is needed by the attachments that hold it (`lading_blob`, kept by every step) and by holds. A hold begins in
 * a transaction that sees a holder; it ends in the transaction that makes its owner a holder, or when a remover finds
 * it run out and deletes it. A remover acts for an attachment whose own step has let the file go already. It looks at
 * holders and holds in one transaction, and removes only when there are none. From that look on none can appear: a hold
 * needs a holder, a holder needs a hold or the file's own writer, and keys are never given out twice. So look and
 * removal need no lock around both. Whoever finds his hold gone at his commit keeps the copy that he wrote himself.
 *
 * An attachment that was never sent and whose file is missing may find it again; it is looked at as if it held it. The
 * other one that may hold a file anew without a hold is an attachment whose own eviction failed. It was evictable, hence
 * has a verified copy at the remote: what it then does not find it fetches again.
 */
export interface SharedFiles {
  /**
   * A file of the account with these very bytes, protected for `mediaId` until the commit that makes it a holder, or
   * for ten minutes: stat and hash were taken under that protection. A damaged or missing one is never lent, and a
   * store that cannot hash lends nothing.
   * @param tried files that are not looked at; those that were looked at are added.
   */
  borrow(
    mediaId: MediaId,
    wanted: BlobContent & { readonly accountId: string },
    tried: Set<BlobKey>,
    signal?: AbortSignal,
  ): Promise<BlobKey | undefined>;
  /** Ends the protection before its time, and removes the file when nobody else needs it. */
  giveBack(key: BlobKey, mediaId: MediaId): Promise<void>;
  /** Removes a file unless an attachment or a hold needs it. Whoever asks must have let it go, in a commit. */
  removeUnneeded(key: BlobKey): Promise<void>;
  readonly holds: HoldTable;
}

/** Longer than the longest hash of a file; a dead process protects what it borrowed for this long. */
const HOLD_MS = 10 * 60_000;

export function createSharedFiles(parts: {
  readonly events: EventStore;
  readonly holds: HoldTable;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly unknown: UnknownSidecars;
}): SharedFiles {
  const { events, holds, blobs, clock, unknown } = parts;

  async function giveBack(key: BlobKey, mediaId: MediaId): Promise<void> {
    await events.transact((tx) => holds.letGo(tx, key, mediaId));
    await removeUnneeded(key);
  }

  async function removeUnneeded(key: BlobKey): Promise<void> {
    // What a lost log does not know may share it: garbage collection knows how to tell.
    if (await unknown.mayHave(key)) return;
    const now = clock.now();
    let found = events.read((tx) => holds.protection(tx, key, now));
    if (found === 'expired') {
      // Its owner may live after all: his commit must find that the protection ended.
      found = await events.transact((tx) => {
        holds.endHolds(tx, now);
        return holds.protection(tx, key, now);
      });
    }
    if (found === 'none') await blobs.remove(key);
  }

  async function isSound(
    key: BlobKey,
    { byteSize, sha256 }: BlobContent,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    try {
      const found = await blobs.stat(key);
      return found?.sizeBytes === byteSize && (await blobs.hash?.(key, signal)) === sha256;
    } catch {
      // Whatever is wrong with it, it is not to be relied on; who aborted is told so by the caller.
      return false;
    }
  }

  return {
    holds,
    giveBack,
    removeUnneeded,
    async borrow(mediaId, wanted, tried, signal) {
      for (;;) {
        const key = events.read((tx) =>
          holds.equalTo(tx, wanted.accountId, wanted).find((one) => !tried.has(one)),
        );
        if (key === undefined) return undefined;
        tried.add(key);
        if (blobs.hash === undefined) continue;
        const now = clock.now();
        const isHeld = await events.transact((tx) => {
          holds.endHolds(tx, now);
          return holds.hold(tx, key, mediaId, Math.floor(now) + HOLD_MS);
        });
        if (!isHeld) continue;
        const isGood = await isSound(key, wanted, signal);
        if (isGood && signal?.aborted !== true) return key;
        await giveBack(key, mediaId);
        signal?.throwIfAborted();
      }
    },
  };
}
