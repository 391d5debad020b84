import { isEvictableNow } from '../../machines/attachment/facts.ts';
import type { MediaId } from '../../machines/attachment/types.ts';
import type { AttachmentTables } from '../../ports/attachment-tables.ts';
import type { BlobKey, BlobStore } from '../../ports/blob-store.ts';
import type { CacheTable } from '../../ports/blob-tables.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { Logger } from '../../ports/logger.ts';
import type { Change } from '../host/definition.ts';
import { isClosed, isStorageTrouble } from '../host/faults.ts';
import type { Host } from '../host/host.ts';
import type { Work } from '../host/work.ts';
import { asStream } from '../lifecycle/as-stream.ts';
import { contextOf } from '../lifecycle/consequences.ts';
import { ATTACHMENT } from '../lifecycle/hosted.ts';
import type { CacheOptions } from './cache-options.ts';
import type { Recency } from './recency.ts';

/**
 * Lets go of bytes that the remote has too, the least recently opened first (contract 6). An eviction is an event of
 * each attachment that holds the file; refs and ops know nothing of it, and what is read again is fetched again.
 */
export interface Cache {
  /** Keeps to the limits from now on: at once, when uploads have settled, and every 30 s. */
  start(): void;
  /**
   * Evicts until `missing` is made up for, and waits until the files are away.
   * @param missing bytes; or asked anew before each batch, since others may have made room.
   * @param options `whole`: nothing goes when all that could go would not be enough.
   * @returns bytes that were let go; less than `missing` when there was no more.
   */
  freeRoom(
    missing: number | (() => number),
    options?: { readonly signal?: AbortSignal | undefined; readonly whole?: boolean },
  ): Promise<number>;
  close(): void;
}

/** A screen that was just given a file's bytes is about to read them. */
const JUST_OPENED_MS = 10_000;
const LOOK_EVERY_MS = 30_000;
/** Uploads that settle together are looked at together. */
const SETTLE_MS = 1_000;
/** Files in one transaction: other commits wait no longer than for these. */
const BATCH_FILES = 50;
/** A removal that takes longer is not waited for. */
const PATIENCE_MS = 10_000;

export interface CacheParts {
  readonly accountId: string;
  readonly events: EventStore;
  readonly tables: AttachmentTables;
  readonly table: CacheTable;
  readonly recency: Recency;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly options: CacheOptions;
  readonly blobs: Pick<BlobStore, 'remove'>;
  /** Somebody in this process reads it now. */
  isRead(key: BlobKey): boolean;
  host(): Host;
  /** Bytes that the device is short of now (contract 7.2), 0 when it is not. */
  shortBytes(): number;
}

/** A file on its way out, and who held it. */
interface Leaving {
  readonly mediaIds: readonly MediaId[];
  readonly byteSize: number;
  /** A derived file, which nobody held: its row is gone, and it is to be removed. */
  readonly derived?: BlobKey;
}

export function createCache(parts: CacheParts): Cache {
  const { accountId, events, tables, table, recency, clock, logger } = parts;
  const { maxBytes, maxAgeMs } = parts.options;
  const ending = new AbortController();
  let stops: readonly Cancel[] = [];
  let cancelSettled: Cancel | undefined;
  let cancelTick: Cancel | undefined;
  let last: Promise<unknown> = Promise.resolve();
  /** Attachments whose trouble was told: one that stays would fill the log. */
  const told = new Set<MediaId>();

  /**
   * One after the other: the second sees what the first has freed. Who gives up waiting for his turn frees nothing, and
   * hears so at once.
   */
  function inTurn(work: () => Promise<number>, signal = ending.signal): Promise<number> {
    const running = last.then(() => (signal.aborted ? 0 : work()));
    last = running.catch(() => {});
    return new Promise((resolve, reject) => {
      const leave = (): void => resolve(0);
      signal.addEventListener('abort', leave);
      if (signal.aborted) leave();
      running.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    });
  }

  /**
   * Begins to evict files of up to `bytes`, in one transaction; what the machine will not let go now stays.
   * @param kept files that cannot go now; those that turn out so are added, and nobody waits for them.
   * @returns nothing when there is nothing more.
   */
  async function evictSome(
    account: string,
    bytes: number,
    before: number,
    kept: Set<BlobKey>,
  ): Promise<readonly Leaving[]> {
    for (;;) {
      const known = kept.size;
      const leaving = await evictAmong(account, bytes, before, kept);
      if (leaving.length > 0 || kept.size === known) return leaving;
    }
  }

  function evictAmong(
    account: string,
    bytes: number,
    before: number,
    kept: Set<BlobKey>,
  ): Promise<readonly Leaving[]> {
    const now = Math.floor(clock.now());
    return parts.host().transact((work) => {
      recency.writeInto(work.tx);
      table.clampOpened(work.tx, account, now);
      const chosen: (Leaving & { readonly key: BlobKey })[] = [];
      let sum = 0;
      const oldest = table.unused(work.tx, account, before, BATCH_FILES + kept.size);
      for (const { key, byteSize, isDerived } of oldest) {
        if (sum >= bytes || chosen.length === BATCH_FILES) break;
        if (kept.has(key)) continue;
        if (isDerived && (parts.isRead(key) || !table.dropDerived(work.tx, key))) {
          kept.add(key);
          continue;
        }
        sum += byteSize;
        chosen.push(
          isDerived
            ? { key, byteSize, mediaIds: [], derived: key }
            : { key, byteSize, mediaIds: table.holders(work.tx, key) },
        );
      }
      const going = new Set(
        chosen
          .flatMap(({ mediaIds }) => mediaIds)
          .toSorted()
          .filter((mediaId) => begins(work, mediaId)),
      );
      return chosen.filter(({ key, mediaIds, derived }) => {
        const goes = derived !== undefined || mediaIds.some((id) => going.has(id));
        if (!goes) kept.add(key);
        return goes;
      });
    });
  }

  /** One whose log cannot be read, or whose step throws, keeps no other from going (contract 4.6). */
  function begins(work: Work, mediaId: MediaId): boolean {
    try {
      return work.send(asStream(mediaId), { type: 'evict.requested' }).outcome === 'changed';
    } catch (error) {
      if (isClosed(error) || isStorageTrouble(error)) throw error;
      if (!told.has(mediaId))
        logger.warn('a file could not be evicted', { stream: mediaId, error });
      told.add(mediaId);
      return false;
    }
  }

  /** Waits until their files are away, or are being read after all. @returns bytes that are away. */
  async function away(leaving: readonly Leaving[], signal: AbortSignal): Promise<number> {
    const removed = new Set<BlobKey>();
    let isRemoving = true;
    const removing = removeDerived(leaving, removed).finally(() => {
      isRemoving = false;
    });
    const ids = leaving.flatMap(({ mediaIds }) => mediaIds);
    const isOver = (): boolean =>
      !isRemoving &&
      events.read((tx) => ids.every((id) => tables.media(tx, id)?.facts.local !== 'evicting'));
    await changes(ids, removing, signal, isOver);
    return events.read((tx) =>
      leaving
        .filter(({ derived }) => derived === undefined || removed.has(derived))
        .filter(({ mediaIds }) => mediaIds.every((id) => tables.media(tx, id)?.hasBytes !== true))
        .reduce((sum, { byteSize }) => sum + byteSize, 0),
    );
  }

  /** After the commit: what a crash leaves in between is garbage, which is collected; so is what cannot be removed. */
  async function removeDerived(leaving: readonly Leaving[], removed: Set<BlobKey>): Promise<void> {
    for (const { derived } of leaving) {
      if (derived === undefined) continue;
      try {
        await parts.blobs.remove(derived);
        removed.add(derived);
      } catch (error) {
        logger.warn('a file could not be evicted', { error });
      }
    }
  }

  /** Resolves when `isOver` after a commit or after `removing`, when it takes too long, and when `signal` aborts. */
  function changes(
    ids: readonly MediaId[],
    removing: Promise<void>,
    signal: AbortSignal,
    isOver: () => boolean,
  ): Promise<void> {
    const streams = new Set<string>(ids);
    return new Promise((resolve) => {
      let isDone = false;
      const check = (): void => {
        if (isDone) return;
        try {
          if (!isOver()) return;
        } catch {
          // Nobody can look any more, as after the end: nobody waits either.
        }
        done();
      };
      const host = parts.host();
      const ends = [
        host.subscribe((committed) => {
          if (committed.some(({ stream }) => streams.has(stream))) check();
        }),
        host.onElsewhere(check), // another process may carry it out
        clock.schedule(PATIENCE_MS, () => done(), { background: true }),
        () => signal.removeEventListener('abort', done),
      ];
      function done(): void {
        isDone = true;
        for (const end of ends) end();
        resolve();
      }
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
      else check();
      void removing.then(check);
    });
  }

  async function free(
    accounts: readonly string[],
    missing: (freedBytes: number) => number,
    { before = Number.POSITIVE_INFINITY, signal = ending.signal } = {},
  ): Promise<number> {
    let freedBytes = 0;
    const kept = new Set<BlobKey>();
    for (const account of accounts) {
      for (;;) {
        const bytes = missing(freedBytes);
        if (signal.aborted || bytes <= 0) return freedBytes;
        const oldest = Math.min(before, Math.floor(clock.now()) - JUST_OPENED_MS);
        const leaving = await evictSome(account, bytes, oldest, kept);
        if (leaving.length === 0) break;
        freedBytes += await away(leaving, signal);
      }
    }
    return freedBytes;
  }

  /** All accounts of this database: a full disk is full for each of them. */
  const everybody = (): readonly string[] =>
    events.read((tx) => table.accountsWithUnused(tx, accountId));

  function overBytes(): number {
    if (maxBytes === undefined) return 0;
    return events.read((tx) => tables.usage(tx, accountId).evictableBytes) - maxBytes;
  }

  async function freeOld(before: number): Promise<void> {
    const hasOld = events.read((tx) => table.unused(tx, accountId, before, 1).length > 0);
    if (hasOld) await free([accountId], () => Number.POSITIVE_INFINITY, { before });
  }

  async function look(): Promise<void> {
    try {
      await inTurn(async () => {
        await free([accountId], overBytes);
        if (maxAgeMs !== undefined) await freeOld(Math.floor(clock.now()) - maxAgeMs);
        return free(everybody(), () => parts.shortBytes());
      });
    } catch (error) {
      if (!ending.signal.aborted && !isClosed(error)) {
        logger.error('the cache could not be looked at', { error });
      }
    }
  }

  function tick(): void {
    void look();
    cancelTick = clock.schedule(LOOK_EVERY_MS, tick, { background: true });
  }

  function settled(): void {
    cancelSettled ??= clock.schedule(SETTLE_MS, () => {
      cancelSettled = undefined;
      void look();
    });
  }

  return {
    start() {
      stops = [
        parts.host().subscribe((committed) => {
          const news = committed.some(
            ({ machine, before, after }) =>
              machine === ATTACHMENT && couldGo(after) && !couldGo(before),
          );
          if (news) settled();
        }),
      ];
      tick();
    },

    freeRoom(missing, { signal, whole = false } = {}) {
      const until = signal === undefined ? ending.signal : AbortSignal.any([signal, ending.signal]);
      const left =
        typeof missing === 'function' ? missing : (freedBytes: number) => missing - freedBytes;
      return inTurn(async () => {
        const enough = !whole || left(0) <= events.read((tx) => table.unusedBytes(tx));
        return enough ? await free(everybody(), left, { signal: until }) : 0;
      }, until);
    },

    close() {
      ending.abort();
      cancelTick?.();
      cancelSettled?.();
      for (const stop of stops) stop();
    },
  };
}

function couldGo(state: Change['after'] | null): boolean {
  return state !== null && isEvictableNow(state.value, contextOf(state.context));
}
