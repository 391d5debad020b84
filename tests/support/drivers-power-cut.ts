import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SqlDatabase } from 'lading';
import type { SeededRandom } from '../../testing/world/seeded-random.ts';
import type { TestDriver } from './drivers.ts';

/*
 * Power cuts for SQLite libraries whose file I/O cannot be replaced. What a cut may leave is built from the real files:
 * `durable` as they were when the last sync was over, `now` as they are, and of each 512-byte sector that differs one
 * or the other. When a sync is over is known from SQLite's own order (sqlite.org/wal.html): with `synchronous=FULL` a
 * COMMIT that returned has synced the log, and a checkpoint syncs the log first and the database last.
 *
 * Not in this model: what a library does between two syncs in another order than it wrote; names (SQLite makes its log
 * when the database is opened, long before a commit counts); media that lie about a sync. The simulated disk has the
 * first two, on SQLite's own wasm build and on sql.js.
 */

export type FileName = 'app.db' | 'app.db-wal';
export type Files = Readonly<Record<FileName, Uint8Array>>;

const SECTOR_BYTES = 512;

/** Where in the work of a database the power goes. */
export type Moment = 'in a transaction' | 'at a commit' | 'in a checkpoint';

export interface Cut {
  readonly moment: Moment;
  /** What the disk holds after it. */
  readonly files: Files;
  /** Commits that had been acknowledged. */
  readonly acknowledged: number;
  /** The log had grown since the last sync. */
  readonly isLogLonger: boolean;
}

function filesIn(folder: string): Files {
  const read = (name: FileName): Uint8Array =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name)) : new Uint8Array();
  return { 'app.db': read('app.db'), 'app.db-wal': read('app.db-wal') };
}

/** Files as a power cut may leave them; `only` names those that were written since the sync. */
function torn(durable: Files, now: Files, random: SeededRandom, only: readonly FileName[]): Files {
  const keep = random.pick([0, 0.1, 0.5, 0.9, 1]);
  const part = (name: FileName): Uint8Array =>
    only.includes(name) ? tornBytes(durable[name], now[name], random.fork(name), keep) : now[name];
  return { 'app.db': part('app.db'), 'app.db-wal': part('app.db-wal') };
}

function tornBytes(
  durable: Uint8Array,
  now: Uint8Array,
  random: SeededRandom,
  keep: number,
): Uint8Array {
  // The size is the old one, the new one, or where the file had grown to.
  const size = random.pick([
    durable.byteLength,
    now.byteLength,
    random.int(...inOrder(durable, now)),
  ]);
  const left = new Uint8Array(size);
  left.set(durable.subarray(0, size));
  for (let at = 0; at < size; at += SECTOR_BYTES) {
    const sector = now.subarray(at, Math.min(at + SECTOR_BYTES, size));
    if (random.chance(keep)) left.set(sector, at);
  }
  return left;
}

function inOrder(durable: Uint8Array, now: Uint8Array): readonly [number, number] {
  const [a, b] = [durable.byteLength, now.byteLength];
  return a < b ? [a, b] : [b, a];
}

/** Opens what a cut left with the driver itself, in a folder of its own. */
export async function afterCut<T>(
  folder: string,
  files: Files,
  driver: TestDriver,
  look: (database: SqlDatabase) => Promise<T>,
): Promise<T> {
  const place = join(folder, 'after');
  mkdirSync(place, { recursive: true });
  try {
    for (const name of ['app.db', 'app.db-wal'] as const)
      writeFileSync(join(place, name), files[name]);
    const database = driver.open(place);
    try {
      return await look(database);
    } finally {
      database.close();
    }
  } finally {
    rmSync(place, { recursive: true });
  }
}

/**
 * A database that keeps what a power cut in each of its moments would leave. Transactions spill into the log (a cache
 * of a few pages), and checkpoints happen when `checkpoint` is called, so that each is a moment of its own.
 */
export function cutRecorder(
  folder: string,
  driver: TestDriver,
  random: SeededRandom,
  onCommit: (database: SqlDatabase) => void,
) {
  let durable: Files = filesIn(folder);
  let acknowledged = 0;
  const cuts: Cut[] = [];
  const cut = (moment: Moment, only: readonly FileName[]): void => {
    const now = filesIn(folder);
    const files = torn(durable, now, random.fork(`${moment} ${cuts.length}`), only);
    const isLogLonger = now['app.db-wal'].byteLength > durable['app.db-wal'].byteLength;
    cuts.push({ moment, files, acknowledged, isLogLonger });
  };
  const database = driver.open(folder, {
    beforeCommit: () => cut('in a transaction', ['app.db-wal']),
  });
  database.exec('PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = 8; PRAGMA cache_spill = 8');
  durable = filesIn(folder);
  let depth = 0;
  const recorded: SqlDatabase = {
    ...database,
    run(sql, ...params) {
      const changed = database.run(sql, ...params);
      if (depth === 0) durable = filesIn(folder); // a commit of its own
      return changed;
    },
    exec(sql) {
      database.exec(sql);
      if (depth === 0) durable = filesIn(folder);
    },
    get inTransaction() {
      return database.inTransaction;
    },
    transaction(run) {
      depth += 1;
      try {
        const result = database.transaction(run);
        if (depth === 1) {
          cut('at a commit', ['app.db-wal']); // the last sync may not have come to its end
          acknowledged += 1;
          durable = filesIn(folder);
          onCommit(database);
        }
        return result;
      } finally {
        depth -= 1;
      }
    },
  };
  return {
    database: recorded,
    cuts,
    checkpoint() {
      database.exec('PRAGMA wal_checkpoint(PASSIVE)');
      cut('in a checkpoint', ['app.db']);
      durable = filesIn(folder);
    },
  };
}
