import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSqlJs, type SqlFiles } from 'lading/sqlite/sqljs';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadSqlJs, openLoaded } from '../../persistence/drivers/sqljs/opening.ts';
import type { SqlJsModule } from '../../persistence/drivers/sqljs/sqljs-types.ts';
import type { SqlDatabase } from '../../ports/sql.ts';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { SimDisk } from '../../testing/world/sim-disk.ts';
import { simSqlFiles } from '../../testing/world/sim-sql-files.ts';
import { drivers } from '../support/drivers.ts';
import { inFolder } from '../support/store-world.ts';

let sqlJs: SqlJsModule;
beforeAll(async () => {
  sqlJs = await loadSqlJs();
});

function onDisk(disk: SimDisk, options: { maxBytes?: number; checkpointBytes?: number } = {}) {
  return openLoaded(sqlJs, 'app.db', { ...options, files: simSqlFiles(disk) });
}

function newDisk(): SimDisk {
  return new SimDisk({ random: seededRandom(1) });
}

function codeOf(work: () => unknown): unknown {
  try {
    work();
    return 'no error';
  } catch (error) {
    return (error as { readonly code?: unknown }).code ?? String(error);
  }
}

describe("':memory:'", () => {
  it('keeps nothing, and writes no file beside the app, not even a lock', async () => {
    const before = readdirSync('.');
    const [first, second] = [await openSqlJs(':memory:'), await openSqlJs(':memory:')];
    first.exec('CREATE TABLE t (s TEXT) STRICT');
    for (let n = 0; n < 50; n++) first.run('INSERT INTO t VALUES (?)', `${n}`.repeat(n));
    expect(first.get('PRAGMA wal_checkpoint(TRUNCATE)')).toMatchObject({ busy: 0 });
    first.run("INSERT INTO t VALUES ('after')");
    expect(first.get('SELECT count(*) AS n FROM t')).toEqual({ n: 51 });
    expect(codeOf(() => second.get('SELECT * FROM t'))).not.toBe('no error');
    expect(readdirSync('.').filter((name) => !before.includes(name))).toEqual([]);
    first.close();
    second.close();
  });
});

describe('SQL that a journal could not repeat', () => {
  const schema = `CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER, s TEXT) STRICT`;
  let sql: SqlDatabase;
  beforeAll(() => {
    sql = onDisk(newDisk()).database;
    sql.exec(schema);
  });

  it.each([
    'INSERT INTO t (at) VALUES (random())',
    'INSERT INTO t (at) SELECT id FROM t ORDER BY Random  ( )',
    'UPDATE t SET s = hex("randomblob"(8))',
    'UPDATE t SET s = [random]()',
    'INSERT INTO t (at) VALUES (last_insert_rowid())',
    'UPDATE t SET at = changes() + total_changes()',
    "UPDATE t SET s = datetime('now')",
    "UPDATE t SET s = datetime(' NOW ')",
    "UPDATE t SET s = strftime('%s')",
    "UPDATE t SET s = strftime('%s', at, 'localtime')",
    'UPDATE t SET s = date()',
    'UPDATE t SET s = julianday(/* the time of the device */)',
    'UPDATE t SET s = CURRENT_TIMESTAMP',
    'WITH x AS (SELECT random() AS r) INSERT INTO t (at) SELECT r FROM x',
    'DELETE FROM t WHERE at < unixepoch()',
    'INSERT OR FAIL INTO t (id) VALUES (1), (2)',
    'CREATE TABLE d (id INTEGER, at TEXT DEFAULT CURRENT_TIMESTAMP)',
    "CREATE TABLE d (id INTEGER, at TEXT DEFAULT (datetime('now')))",
    'CREATE TABLE d (id INTEGER PRIMARY KEY ON CONFLICT FAIL)',
    'CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET at = random(); END',
    "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT RAISE(FAIL, 'no'); END",
    'CREATE VIEW v AS SELECT random() AS r',
    'CREATE TEMP TABLE x (id INTEGER)',
    'CREATE TABLE temp.x (id INTEGER)',
    "ATTACH ':memory:' AS other",
    'VACUUM',
    'PRAGMA recursive_triggers = ON',
    'PRAGMA foreign_keys = OFF',
    'PRAGMA writable_schema(1)',
  ])('is refused: %s', (statement) => {
    expect(codeOf(() => sql.exec(statement))).toBe('sql_refused');
    expect(codeOf(() => sql.run(statement))).toBe('sql_refused');
    expect(codeOf(() => sql.all(statement))).toBe('sql_refused');
    expect(sql.get('SELECT count(*) AS n FROM t')).toEqual({ n: 0 });
  });

  it('is refused when a value brings in the time of the device', () => {
    const insert = 'INSERT INTO t (s) VALUES (datetime(?))';
    expect(codeOf(() => sql.run(insert, 'now'))).toBe('sql_refused');
    expect(sql.run(insert, '2026-11-22')).toBe(1);
    sql.run('DELETE FROM t');
  });

  it.each([
    'SELECT random() % 100 AS r',
    "SELECT datetime('now') AS now",
    'SELECT changes() AS n',
    'EXPLAIN DELETE FROM t',
    "SELECT 'random()' AS text",
    'PRAGMA foreign_keys',
    'PRAGMA integrity_check',
  ])('is not what reads only: %s', (statement) => {
    expect(sql.all(statement).length).toBeGreaterThan(0);
  });

  it.each([
    `INSERT INTO t (s) VALUES ('random() and datetime(''now'') CURRENT_TIMESTAMP')`,
    'UPDATE t SET s = date(at, ?)',
    'CREATE TABLE changed (random INTEGER, "current_time" TEXT)',
    'UPDATE t SET s = replace(s, ?, s) -- random()',
    'PRAGMA user_version = 3',
    'ANALYZE',
  ])('is not what only looks like it: %s', (statement) => {
    const places = statement.split('?').length - 1;
    const values = Array.from({ length: places }, () => '+1 day');
    expect(codeOf(() => sql.run(statement, ...values))).toBe('no error');
  });

  it('is refused at the opening when another driver left it in the schema', () =>
    inFolder(async (folder) => {
      const file = join(folder, 'app.db');
      const [native] = drivers;
      const first = native?.openFile(file);
      first?.exec('CREATE TABLE d (id INTEGER, at TEXT DEFAULT CURRENT_TIMESTAMP)');
      first?.close();
      const before = readFileSync(file);
      await expect(openSqlJs(file)).rejects.toMatchObject({ code: 'sql_refused' });
      expect(readFileSync(file)).toEqual(before);
      expect(readdirSync(folder)).toEqual(['app.db']);
    }));
});

describe('one database file for all drivers', () => {
  it.each(drivers.map(({ name }) => name))(
    'what %s wrote and closed, each opens and goes on with',
    (name) =>
      inFolder((folder) => {
        const file = join(folder, 'app.db');
        const order = drivers.toSorted((a, b) => Number(b.name === name) - Number(a.name === name));
        for (const [index, { openFile }] of [...order, ...order].entries()) {
          const sql = openFile(file);
          sql.exec('CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, b BLOB) STRICT');
          expect(sql.get('SELECT count(*) AS n FROM t')).toEqual({ n: index });
          sql.run('INSERT INTO t (b) VALUES (?)', new Uint8Array(5_000).fill(index));
          expect(sql.get('PRAGMA integrity_check')).toEqual({ integrity_check: 'ok' });
          sql.close();
        }
      }),
  );

  it('that sql.js did not close is refused by the others, and theirs by sql.js, until it is closed there', () =>
    inFolder(async (folder) => {
      const file = join(folder, 'app.db');
      const mine = await openSqlJs(file);
      mine.exec('CREATE TABLE t (id INTEGER PRIMARY KEY) STRICT');
      const natives = drivers.filter(({ name }) => name !== 'sql.js');
      for (const { openFile } of natives) {
        expect(codeOf(() => openFile(file))).toBe('database_busy');
      }
      mine.close();
      for (const { openFile } of natives) {
        const native = openFile(file);
        native.exec('INSERT INTO t DEFAULT VALUES');
        await expect(openSqlJs(file)).rejects.toMatchObject({ code: 'database_busy' });
        native.close();
      }
      const again = await openSqlJs(file);
      expect(again.get('SELECT count(*) AS n FROM t')).toEqual({ n: natives.length });
      again.close();
    }));
});

describe('the single owner of a sql.js database', () => {
  it('is one handle, within a process too', () =>
    inFolder(async (folder) => {
      const file = join(folder, 'app.db');
      const first = await openSqlJs(file);
      await expect(openSqlJs(file)).rejects.toMatchObject({ code: 'database_busy' });
      first.close();
      (await openSqlJs(file)).close();
      expect(readdirSync(folder)).toEqual([]);
    }));

  it('that was killed is followed at once by the next, which finds what it had committed', () =>
    inFolder(async (folder) => {
      const file = join(folder, 'app.db');
      const entry = new URL('../../persistence/drivers/sqljs.ts', import.meta.url).href;
      const script = `import { openSqlJs } from '${entry}';
        const sql = await openSqlJs(process.argv[1]);
        sql.exec('CREATE TABLE t (id INTEGER PRIMARY KEY) STRICT; INSERT INTO t VALUES (7)');
        console.log('committed');
        setInterval(() => {}, 1000);`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', script, file]);
      await once(child.stdout, 'data');
      await expect(openSqlJs(file)).rejects.toMatchObject({ code: 'database_busy' });
      child.kill('SIGKILL');
      await once(child, 'exit');
      const next = await openSqlJs(file);
      expect(next.all('SELECT id FROM t')).toEqual([{ id: 7 }]);
      next.close();
      expect(readdirSync(folder)).toEqual(['app.db']);
    }));

  it('is not taken for dead on another machine, and for alive after a restart of this one or with its id given away', () =>
    inFolder(async (folder) => {
      const file = join(folder, 'app.db');
      const sql = await openSqlJs(file);
      const [own = ''] = readdirSync(folder);
      sql.close();
      const [host, boot, pid, start] = own.replace('app.db-lading-lock-', '').split('-');
      const lock = (...parts: unknown[]): string =>
        join(folder, `app.db-lading-lock-${parts.join('-')}`);
      for (const dead of [
        lock(host, 'otherboot', pid, start, 1),
        lock(host, boot, pid, '1', 1),
        lock(host, boot, 4_194_999, start, 1),
      ]) {
        writeFileSync(dead, '');
        (await openSqlJs(file)).close();
        expect(readdirSync(folder)).toEqual([]);
      }
      writeFileSync(lock('otherhost', boot, 4_194_999, start, 1), '');
      await expect(openSqlJs(file)).rejects.toMatchObject({ code: 'database_busy' });
    }));
});

describe('a sql.js database whose disk fails', () => {
  const table = 'CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT) STRICT';

  it('is poisoned when a commit could not be synced: nothing more is read or written, and the next opening decides', () => {
    const disk = newDisk();
    const { database } = onDisk(disk);
    database.exec(table);
    disk.fault = (operation) => (operation === 'sync' ? 'EIO' : undefined);
    expect(codeOf(() => database.run('INSERT INTO t (id) VALUES (1)'))).toBe('database_poisoned');
    disk.fault = undefined;
    for (const use of [
      () => database.get('SELECT * FROM t'),
      () => database.run('INSERT INTO t (id) VALUES (2)'),
      () => database.exec('SELECT 1'),
      () => database.transaction(() => 1),
      () => database.read(() => 1),
    ]) {
      expect(codeOf(use)).toBe('database_poisoned');
    }
    database.close();
    const again = onDisk(disk).database;
    expect([0, 1]).toContain(again.get('SELECT count(*) AS n FROM t')?.['n']);
    again.run('INSERT INTO t (id) VALUES (3)');
    again.close();
  });

  it('answers disk_full before it commits when the journal finds no room, and goes on when there is some', () => {
    const disk = newDisk();
    const { database, abandon } = onDisk(disk);
    database.exec(table);
    database.run('INSERT INTO t (id) VALUES (1)');
    disk.capacityBytes = disk.usedBytes + 500;
    const insert = 'INSERT INTO t (id, s) VALUES (?, ?)';
    expect(codeOf(() => database.run(insert, 2, 'x'.repeat(2_000)))).toBe('disk_full');
    expect(
      codeOf(() => database.transaction(() => database.run(insert, 3, 'x'.repeat(2_000)))),
    ).toBe('disk_full');
    database.run(insert, 4, 'small');
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    database.run(insert, 5, 'x'.repeat(2_000));
    abandon();
    expect(onDisk(disk).database.all('SELECT id FROM t')).toEqual([
      { id: 1 },
      { id: 4 },
      { id: 5 },
    ]);
  });

  it('keeps its journal when there is no room for an image, and makes one later', () => {
    const disk = newDisk();
    const { database } = onDisk(disk, { checkpointBytes: 1_000 });
    database.exec(table);
    disk.capacityBytes = disk.usedBytes + 3_000;
    for (let id = 1; id <= 20; id++)
      database.run('INSERT INTO t (id, s) VALUES (?, ?)', id, 'x'.repeat(60));
    expect(disk.contents().has('app.db')).toBe(false);
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    for (let id = 21; id <= 60; id++)
      database.run('INSERT INTO t (id, s) VALUES (?, ?)', id, 'x'.repeat(60));
    expect(disk.contents().has('app.db')).toBe(true);
    database.close();
    expect(onDisk(disk).database.get('SELECT count(*) AS n FROM t')).toEqual({ n: 60 });
  });

  it('says commit_failed, and has nothing of it, when the journal cannot be written at all', () => {
    const disk = newDisk();
    const { database } = onDisk(disk);
    database.exec(table);
    disk.fault = (operation) => (operation === 'write' ? 'EIO' : undefined);
    expect(codeOf(() => database.run('INSERT INTO t (id) VALUES (1)'))).toBe('commit_failed');
    disk.fault = undefined;
    database.run('INSERT INTO t (id) VALUES (2)');
    database.close();
    expect(onDisk(disk).database.all('SELECT id FROM t')).toEqual([{ id: 2 }]);
  });
});

describe('the limit of a sql.js database', () => {
  it('is told by its number before it is exceeded, and what was there stays', () => {
    const disk = newDisk();
    const { database, abandon } = onDisk(disk, { maxBytes: 100_000 });
    database.exec(
      'CREATE TABLE t (id INTEGER PRIMARY KEY, b BLOB) STRICT; PRAGMA max_page_count = 1000000',
    );
    let stored = 0;
    const fill = (): void => {
      for (;;) {
        database.run('INSERT INTO t (b) VALUES (?)', new Uint8Array(10_000));
        stored += 1;
      }
    };
    expect(fill).toThrow(
      expect.objectContaining({ code: 'disk_full', details: { limitBytes: 100_000 } }),
    );
    expect(stored).toBeGreaterThan(5);
    expect(database.get('SELECT count(*) AS n FROM t')).toEqual({ n: stored });
    abandon();
    expect(codeOf(() => onDisk(disk, { maxBytes: 70_000 }))).toBe('disk_full');
    onDisk(disk, { maxBytes: 100_000 }).database.close();
    expect(codeOf(() => onDisk(disk, { maxBytes: 70_000 }))).toBe('database_unopenable');
    expect(onDisk(disk).database.get('SELECT count(*) AS n FROM t')).toEqual({ n: stored });
  });

  it.each([0, 1.5, 2 ** 40, Number.NaN])(
    'is refused as an option when it is %d',
    async (maxBytes) => {
      const files: SqlFiles = simSqlFiles(newDisk());
      await expect(openSqlJs('app.db', { files, maxBytes })).rejects.toMatchObject({
        code: 'invalid_option',
      });
    },
  );

  it.each(['', ' '])('and a path %j', async (file) => {
    await expect(openSqlJs(file)).rejects.toMatchObject({ code: 'invalid_option' });
  });
});
