import type { BlobKey } from '../../ports/blob-store.ts';
import type { CacheTable } from '../../ports/blob-tables.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';
import type { EventStore, StoreTransaction } from '../../ports/event-store.ts';

/**
 * When files were last opened: noted in memory, and written together about once a minute, so that reading costs no sync
 * to disk. What a crash loses of it is order, and nothing else (contract 6).
 */
export interface Recency {
  opened(key: BlobKey): void;
  /** Writes what was noted: who evicts decides by the present. */
  writeInto(tx: StoreTransaction): void;
  /** Writes what was noted, and notes no more. Never throws. */
  close(): Promise<void>;
}

const WRITE_EVERY_MS = 60_000;

export function createRecency(parts: {
  readonly events: EventStore;
  readonly table: CacheTable;
  readonly clock: Clock;
}): Recency {
  const { events, table, clock } = parts;
  const noted = new Map<BlobKey, number>();
  let cancel: Cancel | undefined;
  let closed = false;

  function writeInto(tx: StoreTransaction): void {
    for (const [key, at] of noted) table.opened(tx, key, at);
    noted.clear(); // also when the transaction fails: it is a hint
  }

  async function write(): Promise<void> {
    cancel = undefined;
    // No loss worth a word: the order of eviction is a little older.
    if (noted.size > 0) await events.transact(writeInto).catch(() => {});
  }

  return {
    opened(key) {
      if (closed) return;
      noted.set(key, Math.floor(clock.now()));
      cancel ??= clock.schedule(WRITE_EVERY_MS, () => void write(), { background: true });
    },
    writeInto,
    async close() {
      closed = true;
      cancel?.();
      await write();
    },
  };
}
