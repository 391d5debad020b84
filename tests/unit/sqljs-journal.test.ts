import { beforeAll, describe, expect, it } from 'vitest';
import { journalPath } from '../../persistence/drivers/sqljs/journal-path.ts';
import { loadSqlJs, openLoaded } from '../../persistence/drivers/sqljs/opening.ts';
import type { SqlJsModule } from '../../persistence/drivers/sqljs/sqljs-types.ts';
import type { SqlDatabase } from '../../ports/sql.ts';
import { type SeededRandom, seededRandom } from '../../testing/world/seeded-random.ts';
import { SimDisk } from '../../testing/world/sim-disk.ts';
import { simSqlFiles } from '../../testing/world/sim-sql-files.ts';

let sqlJs: SqlJsModule;
beforeAll(async () => {
  sqlJs = await loadSqlJs();
});

const FILE = 'app.db';
const JOURNAL = journalPath(FILE);
const SCHEMA = 'CREATE TABLE IF NOT EXISTS event (seq INTEGER PRIMARY KEY, body TEXT) STRICT';

function opened(disk: SimDisk, options: { checkpointBytes?: number; syncs?: boolean } = {}) {
  const { syncs = true, ...rest } = options;
  return openLoaded(sqlJs, FILE, { ...rest, files: simSqlFiles(disk, { syncs }) });
}

function newDisk(seed: number | string = 1): SimDisk {
  return new SimDisk({ random: seededRandom(seed) });
}

function add(sql: SqlDatabase, seq: number, body = 'x'): void {
  sql.run('INSERT INTO event (seq, body) VALUES (?, ?)', seq, body);
}

function seqs(sql: SqlDatabase): readonly unknown[] {
  return sql.all('SELECT seq FROM event ORDER BY seq').map(({ seq }) => seq);
}

/** A database with three commits in its journal, whose process was killed. */
function killed(): SimDisk {
  const disk = newDisk();
  const { database, abandon } = opened(disk);
  database.exec(SCHEMA);
  for (const seq of [1, 2, 3]) add(database, seq);
  abandon();
  return disk;
}

function codeOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return (error as { readonly code?: unknown }).code;
  }
}

describe('the journal of a sql.js database', () => {
  it('is replayed after a kill, and opening writes nothing', () => {
    const disk = killed();
    const { operations } = disk;
    const { database, abandon } = opened(disk);
    expect(seqs(database)).toEqual([1, 2, 3]);
    expect(disk.operations).toBe(operations);
    abandon();
  });

  it('is synced once for a commit of any number of statements', () => {
    const disk = newDisk();
    const { database } = opened(disk);
    database.exec(SCHEMA);
    const { syncs } = disk;
    database.transaction(() => {
      for (let seq = 1; seq <= 100; seq++) add(database, seq);
    });
    expect(disk.syncs - syncs).toBe(1);
  });

  it('holds nothing of reads, and of statements that changed nothing', () => {
    const disk = newDisk();
    const { database } = opened(disk);
    database.exec(SCHEMA);
    const { operations } = disk;
    database.read(() => seqs(database));
    database.run('UPDATE event SET body = NULL WHERE seq = 9');
    database.transaction(() => database.run('DELETE FROM event'));
    expect(disk.operations).toBe(operations);
  });

  it('writes a statement once, and names it by a number from then on', () => {
    const disk = newDisk();
    const { database } = opened(disk);
    database.exec(SCHEMA);
    add(database, 1);
    const before = disk.contents().get(JOURNAL)?.byteLength ?? 0;
    for (let seq = 2; seq <= 11; seq++) add(database, seq);
    expect((disk.contents().get(JOURNAL)?.byteLength ?? 0) - before).toBeLessThan(10 * 60);
  });

  it('is gone after a close: the image alone is the database', () => {
    const disk = killed();
    opened(disk).database.close();
    expect([...disk.contents().keys()]).toEqual([FILE]);
    expect(seqs(opened(disk).database)).toEqual([1, 2, 3]);
  });

  it('becomes an image when it has grown, again and again, and nothing is lost between', () => {
    const disk = newDisk();
    const first = opened(disk, { checkpointBytes: 2_000 });
    first.database.exec(SCHEMA);
    let checkpoints = 0;
    let size = 0;
    for (let seq = 1; seq <= 200; seq++) {
      add(first.database, seq, 'body '.repeat(20));
      const now = disk.contents().get(JOURNAL)?.byteLength ?? 0;
      if (now < size) checkpoints += 1;
      size = now;
    }
    expect(checkpoints).toBeGreaterThan(8);
    first.abandon();
    expect(seqs(opened(disk).database)).toHaveLength(200);
  });

  it('never replays on another image: the pair is refused, and stays as it is', () => {
    const disk = killed();
    const other = newDisk();
    const { database } = opened(other);
    database.exec('CREATE TABLE other (id INTEGER) STRICT');
    database.close();
    const image = other.contents().get(FILE) ?? new Uint8Array();
    disk.open(FILE, 'write-or-create').write(0, image);
    const before = disk.contents();
    expect(codeOf(() => opened(disk))).toBe('database_corrupt');
    expect(disk.contents()).toEqual(before);
  });

  it('with one bit turned in a frame that others follow is refused, not cut', () => {
    for (const at of [30, 60, 100]) {
      const disk = killed();
      disk.corrupt(JOURNAL, at);
      expect({ at, code: codeOf(() => opened(disk)) }).toEqual({ at, code: 'database_corrupt' });
    }
  });

  it('is cut behind the last whole frame, whatever came after it', () => {
    const disk = killed();
    const { byteLength } = disk.contents().get(JOURNAL) ?? new Uint8Array();
    disk
      .open(JOURNAL, 'write')
      .write(byteLength, Uint8Array.of(0x4c, 0x44, 0x47, 0x46, 4, 0, 0, 0));
    const { database } = opened(disk);
    add(database, 4);
    database.close();
    expect(seqs(opened(disk).database)).toEqual([1, 2, 3, 4]);
  });

  it('does not replay what a savepoint took back, a constraint refused, or SQLite gave up', () => {
    const disk = newDisk();
    const { database, abandon } = opened(disk);
    database.exec(
      `${SCHEMA}; CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, of INTEGER UNIQUE) STRICT`,
    );
    const count = 'INSERT OR IGNORE INTO counted (of) VALUES (?)';
    database.transaction(() => {
      add(database, 1);
      database.run(count, 1);
      expect(() =>
        database.transaction(() => {
          add(database, 2);
          database.run(count, 2);
          throw new Error('back');
        }),
      ).toThrow('back');
      database.run(count, 1); // changes nothing, but takes a number
      database.run(count, 3);
      expect(() => database.run('INSERT INTO event (seq) VALUES (9), (1)')).toThrow(/UNIQUE/);
    });
    const live = database.all('SELECT * FROM counted ORDER BY id');
    abandon();
    const again = opened(disk).database;
    expect(seqs(again)).toEqual([1]);
    expect(again.all('SELECT * FROM counted ORDER BY id')).toEqual(live);
  });

  it('makes the same database as the one that was killed, for random lives', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const disk = newDisk(seed);
      let life = opened(disk, { checkpointBytes: 3_000 });
      life.database.exec(`CREATE TABLE a (id INTEGER PRIMARY KEY, n REAL, s TEXT, b BLOB) STRICT;
        CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT) STRICT;
        CREATE TRIGGER t AFTER UPDATE ON a BEGIN INSERT INTO log (what) VALUES (NEW.s); END`);
      const random = seededRandom(seed).fork('life');
      for (let step = 0; step < 40; step++) liveOn(life.database, random.fork(`step ${step}`));
      const dump = dumpOf(life.database);
      life.abandon();
      life = opened(disk);
      expect({ seed, dump: dumpOf(life.database) }).toEqual({ seed, dump });
      expect(life.database.get('PRAGMA integrity_check')).toEqual({ integrity_check: 'ok' });
      life.abandon();
    }
  });
});

function liveOn(sql: SqlDatabase, random: SeededRandom): void {
  const id = random.int(1, 12);
  const act = random.int(0, 5);
  try {
    sql.transaction(() => {
      if (act === 0) sql.run('DELETE FROM a WHERE id = ?', id);
      if (act === 1) sql.run('UPDATE a SET n = n * 1.1 + ?, s = s || ? WHERE id <= ?', 1, 'é', id);
      if (act >= 2) {
        const row = [random.next() * 1e6, `text ${act}`, random.bytes(random.int(0, 50))] as const;
        sql.run('INSERT INTO a (id, n, s, b) VALUES (?, ?, ?, ?)', id, ...row);
      }
      if (act === 5) liveOn(sql, random.fork('nested'));
      if (random.chance(0.3)) throw new Error('taken back');
    });
  } catch (error) {
    if (!/taken back|UNIQUE/.test(String(error))) throw error;
  }
}

function dumpOf(sql: SqlDatabase): unknown {
  return [sql.all('SELECT * FROM a ORDER BY id'), sql.all('SELECT * FROM log ORDER BY id')];
}

describe('the power goes while a sql.js database works', () => {
  it('nothing acknowledged is lost in 120 cuts at random operations, checkpoints included', () => {
    const toll = cutPower(120, true);
    expect(toll.acknowledged).toBeGreaterThan(1_000);
    expect(toll.lost).toBe(0);
    expect(toll.survived).toBeGreaterThan(0);
    expect(toll.checkpoints).toBeGreaterThan(100);
  });

  it('the cuts have teeth: without syncs they lose what was acknowledged', () => {
    expect(cutPower(24, false).lost).toBeGreaterThan(8);
  });

  it('nothing is lost at any sync, before and after it, of a life with three checkpoints and a close', () => {
    const whole = lifeUntil(newDisk('whole'), true, 24);
    expect(whole.disk.syncs).toBeGreaterThan(30);
    for (let sync = 1; sync <= whole.disk.syncs; sync++) {
      for (const when of ['before', 'after'] as const) {
        const disk = newDisk(`${sync} ${when}`);
        disk.cutAtSync(sync, () => {}, when);
        const { acknowledged } = lifeUntil(disk, true, 24);
        const found = foundAfter(disk.powerCut());
        expect({ sync, when, isEnough: found >= acknowledged }).toEqual({
          sync,
          when,
          isEnough: true,
        });
      }
    }
  });
});

/** Rows in the next boot; fails when they are not 1, 2, 3 … without a gap. */
function foundAfter(disk: SimDisk): number {
  const { database, abandon } = opened(disk);
  const table = database.get(`SELECT 1 AS found FROM sqlite_schema WHERE name = 'event'`);
  const rows = table === undefined ? [] : seqs(database);
  expect(rows).toEqual(rows.map((_, index) => index + 1));
  expect(database.get('PRAGMA integrity_check')).toEqual({ integrity_check: 'ok' });
  if (table === undefined) database.exec(SCHEMA);
  add(database, rows.length + 1); // and it goes on
  abandon();
  return rows.length;
}

function lifeUntil(disk: SimDisk, syncs: boolean, most: number, random?: SeededRandom) {
  let acknowledged = 0;
  let checkpoints = 0;
  let abandon = (): void => {};
  try {
    const life = opened(disk, { checkpointBytes: 1_000, syncs });
    ({ abandon } = life);
    life.database.exec(SCHEMA);
    let size = 0;
    for (let seq = 1; seq <= most; seq++) {
      add(life.database, seq, 'x'.repeat(random?.int(1, 600) ?? 60));
      acknowledged = seq;
      const now = disk.contents().get(JOURNAL)?.byteLength ?? 0;
      if (now < size) checkpoints += 1;
      size = now;
    }
    life.database.close();
  } catch (error) {
    if (!disk.isDark) throw error;
  } finally {
    abandon();
  }
  return { disk, acknowledged, checkpoints };
}

function cutPower(cuts: number, syncs: boolean) {
  const toll = { acknowledged: 0, lost: 0, survived: 0, checkpoints: 0 };
  for (let seed = 0; seed < cuts; seed++) {
    const random = seededRandom(seed).fork('sql.js');
    const disk = new SimDisk({ random: random.fork('disk') });
    disk.cutAtOp(random.int(1, 120), () => {});
    const life = lifeUntil(disk, syncs, 1_000, random);
    const rows = syncs ? foundAfter(disk.powerCut()) : quietly(() => foundAfter(disk.powerCut()));
    toll.acknowledged += life.acknowledged;
    toll.checkpoints += life.checkpoints;
    if (rows < life.acknowledged) toll.lost += 1;
    if (rows > life.acknowledged) toll.survived += 1;
  }
  return toll;
}

function quietly(work: () => number): number {
  try {
    return work();
  } catch {
    return -1; // what is left is no database at all
  }
}
