import { expect, it } from 'vitest';
import type { SqlDatabase } from '../../ports/sql.ts';
import { codeOf, type SqlBench } from './sql-driver-bench.ts';

/** What is durable, who else may be there, and what is refused, untouched. */
export function describeSqlFiles(bench: SqlBench): void {
  const { open, traits } = bench;
  const many = traits.connections === 'many';
  const SCHEMA = 'CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, s TEXT) STRICT';

  const holds = (text: string): boolean =>
    bench.world.readFiles().some((bytes) => new TextDecoder('latin1').decode(bytes).includes(text));

  it('finds everything again after it was closed and opened, many times', () => {
    for (let round = 0; round < 5; round++) {
      const database = open();
      database.exec(SCHEMA);
      expect(count(database)).toBe(round * 40);
      for (let n = 0; n < 20; n++) {
        database.run('INSERT INTO t (s) VALUES (?)', `${round}.${n} ${'x'.repeat(n * 100)}`);
      }
      database.transaction(() => {
        for (let n = 0; n < 20; n++) database.run('INSERT INTO t (s) VALUES (?)', 'batch');
      });
      database.close();
    }
    const database = open();
    expect(count(database)).toBe(200);
    expect(database.get('PRAGMA integrity_check')).toEqual({ integrity_check: 'ok' });
  });

  it('keeps schema, indexes, triggers and the version that belongs to the app', () => {
    const first = open();
    first.exec(`${SCHEMA}; CREATE INDEX by_s ON t (s); CREATE TABLE log (id INTEGER) STRICT;
      CREATE TRIGGER told AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.id); END;
      PRAGMA user_version = 7`);
    first.run("INSERT INTO t (id, s) VALUES (5, 'a')");
    first.close();
    const database = open();
    expect(database.get('PRAGMA user_version')).toEqual({ user_version: 7 });
    expect(database.all('SELECT id FROM log')).toEqual([{ id: 5 }]);
    database.run("INSERT INTO t (id, s) VALUES (6, 'b')");
    expect(database.all('SELECT id FROM log')).toEqual([{ id: 5 }, { id: 6 }]);
  });

  it.runIf(many)('lets a second connection see what is committed, and nothing else', () => {
    const first = open();
    first.exec(SCHEMA);
    const second = open();
    first.transaction(() => {
      first.run("INSERT INTO t (s) VALUES ('a')");
      expect(count(second)).toBe(0);
      expect(codeOf(() => second.transaction(() => 1))).toBe('database_busy');
      expect(codeOf(() => second.run('DELETE FROM t'))).toBe('database_busy');
    });
    expect(count(second)).toBe(1);
    second.run("INSERT INTO t (s) VALUES ('b')");
    expect(count(first)).toBe(2);
  });

  it.runIf(many)('reads one state while another connection commits', () => {
    const first = open();
    first.exec(SCHEMA);
    const second = open();
    const seen = first.read(() => {
      const before = count(first);
      second.run("INSERT INTO t (s) VALUES ('b')");
      return [before, count(first)];
    });
    expect(seen).toEqual([0, 0]);
    expect(count(first)).toBe(1);
  });

  it.runIf(!many)('is busy for a second connection, until the first is closed', () => {
    const first = open();
    first.exec(SCHEMA);
    expect(codeOf(open)).toBe('database_busy');
    first.run("INSERT INTO t (s) VALUES ('a')");
    first.close();
    expect(count(open())).toBe(1);
  });

  it('leaves nothing of deleted rows in any of its files, once it was asked to write them down (contract 10.7)', () => {
    const database = open();
    database.exec(SCHEMA);
    for (let n = 0; n < 60; n++) {
      database.run('INSERT INTO t (s) VALUES (?)', `SECRET ${n} ${'s'.repeat(n * 40)}`);
    }
    database.run("INSERT INTO t (id, s) VALUES (1000, 'KEPT')");
    database.run('UPDATE t SET s = ? WHERE id = 1', 'SECRET that was replaced');
    expect(holds('SECRET')).toBe(true);
    database.run('DELETE FROM t WHERE id < 1000');
    expect(database.get('PRAGMA wal_checkpoint(TRUNCATE)')).toMatchObject({ busy: 0 });
    expect(holds('SECRET')).toBe(false);
    expect(holds('KEPT')).toBe(true);
    // Also when there is nothing more to write down, and when it goes on afterwards.
    expect(database.get('PRAGMA wal_checkpoint(TRUNCATE)')).toMatchObject({ busy: 0 });
    database.run("INSERT INTO t (id, s) VALUES (1001, 'LATER')");
    database.close();
    expect(open().all('SELECT s FROM t ORDER BY id')).toEqual([{ s: 'KEPT' }, { s: 'LATER' }]);
    expect(holds('SECRET')).toBe(false);
  });

  it('writes nothing down in the middle of a transaction', () => {
    const database = open();
    database.exec(SCHEMA);
    const attempt = (): unknown =>
      database.transaction(() => {
        database.run("INSERT INTO t (s) VALUES ('a')");
        const said = busyOr(() => database.get('PRAGMA wal_checkpoint(TRUNCATE)')?.['busy']);
        expect(said).toBe(1);
        throw new Error('back');
      });
    expect(attempt).toThrow('back');
    expect(count(database)).toBe(0);
    database.close();
    expect(count(open())).toBe(0);
  });

  it('refuses a file that is no database, and leaves it as it is', () => {
    const { writeFile, readFile } = bench.world;
    for (const text of ['my diary, page one. '.repeat(500), 'SQLite format 3\0'.repeat(600)]) {
      const bytes = new TextEncoder().encode(text);
      writeFile(bytes);
      expect(codeOf(open)).toBe('database_corrupt');
      expect(sameBytes(readFile(), bytes)).toBe(true);
    }
  });

  it('refuses a database of a newer version, and leaves it as it is (contract 9.4)', () => {
    const first = open();
    first.exec(
      'CREATE TABLE lading_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID',
    );
    first.run("INSERT INTO lading_meta VALUES ('schema_version', '999')");
    first.close();
    const before = bench.world.readFile()?.slice() ?? new Uint8Array();
    expect(codeOf(open)).toBe('database_newer');
    expect(sameBytes(bench.world.readFile(), before)).toBe(true);
  });

  it('finds damage when it reads it, and says so', () => {
    const { writeFile, readFile } = bench.world;
    const first = open();
    first.exec(SCHEMA);
    for (let n = 0; n < 200; n++) first.run('INSERT INTO t (s) VALUES (?)', 'x'.repeat(200));
    first.close();
    const bytes = readFile()?.slice() ?? new Uint8Array();
    bytes.fill(0xff, 4096, 12_288); // the root page of the table; with auto_vacuum a map of pages is before it
    writeFile(bytes);
    expect(codeOf(() => count(open()))).toBe('database_corrupt');
  });

  it('answers database_unopenable where there is no such folder', () => {
    expect(codeOf(bench.world.openInMissingFolder)).toBe('database_unopenable');
  });

  it.runIf(traits.readOnly !== false)(
    'answers database_read_only where it may not write, and reads',
    () => {
      const first = open();
      first.exec(SCHEMA);
      first.run("INSERT INTO t (s) VALUES ('a')");
      first.close();
      let database: SqlDatabase | undefined;
      const use = (): unknown => {
        database = bench.world.openReadOnly?.() ?? open();
        expect(count(database)).toBe(1);
        return database.run("INSERT INTO t (s) VALUES ('b')");
      };
      expect(codeOf(use)).toBe('database_read_only');
      database?.close();
      expect(count(open())).toBe(1);
    },
  );
}

/** SQLite refuses it with an error of its own, or answers that it is busy. */
function busyOr(ask: () => unknown): unknown {
  try {
    return ask();
  } catch {
    return 1;
  }
}

function count(database: SqlDatabase): unknown {
  return database.get('SELECT count(*) AS n FROM t')?.['n'];
}

function sameBytes(left: Uint8Array | undefined, right: Uint8Array): boolean {
  return left?.byteLength === right.byteLength && left.every((byte, at) => byte === right[at]);
}
