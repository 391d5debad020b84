import { beforeAll, describe, expect, it } from 'vitest';
import { type SeededRandom, seededRandom } from '../../testing/world/seeded-random.ts';
import { SimDisk } from '../../testing/world/sim-disk.ts';
import { loadSimSqlite, type SimSqlite } from '../../testing/world/sim-sqlite.ts';

let sqlite: SimSqlite;
beforeAll(async () => {
  sqlite = await loadSimSqlite();
});

interface Toll {
  readonly cuts: number;
  readonly acknowledged: number;
  readonly cutsThatLost: number;
  readonly unacknowledgedThatSurvived: number;
}

describe('SQLite on the simulated disk', () => {
  it('loses nothing acknowledged in 300 power cuts with synchronous=FULL (design 3, field case 9)', () => {
    const toll = cutPower(300, 'FULL');
    expect(toll.cuts).toBe(300);
    expect(toll.acknowledged).toBeGreaterThan(3_000);
    expect(toll.cutsThatLost).toBe(0);
    expect(toll.unacknowledgedThatSurvived).toBeGreaterThan(0);
  });

  it('shows that the cuts have teeth: synchronous=NORMAL loses acknowledged rows', () => {
    expect(cutPower(60, 'NORMAL').cutsThatLost).toBeGreaterThan(30);
  });

  it('is busy while another process holds the database, and free once that one is dead', () => {
    const disk = new SimDisk({ random: seededRandom(1) });
    const first = sqlite.open(disk);
    first.sql.exec('CREATE TABLE t (n INTEGER) STRICT');
    expect(() => sqlite.open(disk)).toThrow(expect.objectContaining({ code: 'database_busy' }));
    first.abandon();
    const second = sqlite.open(disk);
    expect(second.sql.all('SELECT * FROM t')).toEqual([]);
    second.sql.close();
    second.abandon();
    expect(() => first.sql.get('SELECT * FROM t')).toThrow('closed');
  });

  it('keeps a committed row when the process is killed, takes back an open transaction, and lets a dead process write nothing', () => {
    const disk = new SimDisk({ random: seededRandom(1) });
    const first = sqlite.open(disk);
    first.sql.exec('CREATE TABLE t (n INTEGER) STRICT');
    first.sql.run('INSERT INTO t VALUES (?)', 1);
    const { operations } = disk;
    const dying = (): void => {
      first.sql.run('INSERT INTO t VALUES (?)', 2);
      first.abandon();
    };
    expect(() => first.sql.transaction(dying)).toThrow(
      expect.objectContaining({ code: 'database_io_failed' }),
    );
    expect(disk.operations).toBe(operations);
    const second = sqlite.open(disk);
    expect(second.sql.all('SELECT n FROM t')).toEqual([{ n: 1 }]);
    second.sql.close();
  });

  it('keeps what was committed to a WAL that a process made and died before it wrote to it', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const disk = new SimDisk({ random: seededRandom(seed) });
      const before = sqlite.open(disk);
      before.sql.exec('CREATE TABLE t (n INTEGER) STRICT');
      before.sql.close(); // its WAL is gone
      const dying = sqlite.open(disk);
      dying.sql.all('SELECT n FROM t');
      dying.abandon();
      const first = sqlite.open(disk);
      first.sql.run('INSERT INTO t VALUES (?)', 1);
      const kept = disk.powerCut();
      first.abandon();
      const second = sqlite.open(kept);
      expect(second.sql.all('SELECT n FROM t')).toEqual([{ n: 1 }]);
      second.sql.close();
    }
  });

  it('says disk_full when the disk is full, takes the transaction back and goes on when there is room', () => {
    const disk = new SimDisk({ random: seededRandom(1) });
    const { sql } = sqlite.open(disk);
    sql.exec('CREATE TABLE t (b BLOB) STRICT');
    disk.capacityBytes = disk.usedBytes + 10_000;
    const fill = (): unknown => sql.run('INSERT INTO t VALUES (?)', new Uint8Array(50_000));
    expect(fill).toThrow(expect.objectContaining({ code: 'disk_full' }));
    expect(sql.get('SELECT count(*) AS n FROM t')).toEqual({ n: 0 });
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    fill();
    expect(sql.get('SELECT count(*) AS n FROM t')).toEqual({ n: 1 });
  });

  it('carries every portable value and two databases on one disk', () => {
    const disk = new SimDisk({ random: seededRandom(1) });
    const one = sqlite.open(disk, { path: 'one.db' }).sql;
    const two = sqlite.open(disk, { path: 'two.db' }).sql;
    for (const sql of [one, two]) sql.exec('CREATE TABLE t (i INTEGER, f REAL, s TEXT, b BLOB)');
    one.run(
      'INSERT INTO t VALUES (?, ?, ?, ?)',
      1_790_000_000_000,
      1.5,
      'é😀',
      Uint8Array.of(1, 2),
    );
    expect(one.get('SELECT * FROM t')).toEqual({
      i: 1_790_000_000_000,
      f: 1.5,
      s: 'é😀',
      b: Uint8Array.of(1, 2),
    });
    expect(two.get('SELECT count(*) AS n FROM t')).toEqual({ n: 0 });
    expect(one.run('DELETE FROM t WHERE i = ?', 5)).toBe(0);
  });
});

/** Writes rows, one a transaction, until the power goes at a random operation; then counts what the next boot finds. */
function cutPower(cuts: number, synchronous: 'FULL' | 'NORMAL'): Toll {
  const toll = { cuts: 0, acknowledged: 0, cutsThatLost: 0, unacknowledgedThatSurvived: 0 };
  for (let seed = 0; seed < cuts; seed++) {
    const random = seededRandom(seed).fork(synchronous);
    const { acknowledged, next } = writeUntilCut(random, synchronous);
    const { sql } = sqlite.open(next);
    expect(sql.get('PRAGMA integrity_check')).toEqual({ integrity_check: 'ok' });
    const hasTable = sql.get("SELECT 1 FROM sqlite_schema WHERE name = 'event'") !== undefined;
    const rows = hasTable ? sql.all('SELECT seq FROM event ORDER BY seq') : [];
    expect(rows.map(({ seq }) => seq)).toEqual(rows.map((_, index) => index + 1));
    sql.close();
    toll.cuts += 1;
    toll.acknowledged += acknowledged;
    if (rows.length < acknowledged) toll.cutsThatLost += 1;
    if (rows.length > acknowledged) toll.unacknowledgedThatSurvived += 1;
  }
  return toll;
}

function writeUntilCut(
  random: SeededRandom,
  synchronous: 'FULL' | 'NORMAL',
): { readonly acknowledged: number; readonly next: SimDisk } {
  const disk = new SimDisk({ random: random.fork('disk') });
  disk.cutAtOp(random.int(1, 150), () => {});
  let acknowledged = 0;
  try {
    const database = sqlite.open(disk, { synchronous });
    try {
      database.sql.exec('PRAGMA wal_autocheckpoint = 20');
      database.sql.exec('CREATE TABLE event (seq INTEGER PRIMARY KEY, body TEXT) STRICT');
      for (let seq = 1; ; seq++) {
        database.sql.run('INSERT INTO event VALUES (?, ?)', seq, 'x'.repeat(random.int(1, 600)));
        acknowledged = seq;
      }
    } finally {
      database.abandon();
    }
  } catch (error) {
    if (!disk.isDark) throw error;
  }
  return { acknowledged, next: disk.powerCut() };
}
