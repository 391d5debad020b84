import { expect, it } from 'vitest';
import type { SqlDatabase, SqlValue } from '../../ports/sql.ts';
import type { SqlBench } from './sql-driver-bench.ts';

/** What goes in comes out, in every driver alike. */
export function describeSqlValues({ open, traits }: SqlBench): void {
  const table = (): SqlDatabase => {
    const database = open();
    database.exec(
      'CREATE TABLE t (id INTEGER PRIMARY KEY, i INTEGER, f REAL, s TEXT, b BLOB) STRICT',
    );
    return database;
  };
  const kept = (column: string, value: SqlValue): SqlValue | undefined => {
    const database = open();
    database.exec(`CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, ${column}) STRICT`);
    database.run(`INSERT OR REPLACE INTO t VALUES (1, ?)`, value);
    const row = database.get(`SELECT ${column.split(' ')[0]} AS v FROM t`);
    database.close();
    return row?.['v'];
  };

  it.each([0, -1, 2 ** 31, -(2 ** 31) - 1, 1_790_000_000_000, Number.MAX_SAFE_INTEGER])(
    'keeps the integer %d',
    (value) => expect(kept('i INTEGER', value)).toBe(value),
  );

  it.each([0.1, -1.5, 1e-300, 4_503_599_627_370_495.5])('keeps the fraction %d', (value) =>
    expect(kept('f REAL', value)).toBe(value),
  );

  it.each(['', 'é😀 – 漢字 العربية', "it's; -- not a comment", 'x'.repeat(100_000)])(
    'keeps the text %j',
    (value) => expect(kept('s TEXT', value)).toBe(value),
  );

  it('keeps a byte order mark, which is part of the text', () => {
    const text = '\uFEFFafter a byte order mark';
    const found = kept('s TEXT', text);
    expect(found).toBe(traits.dropsByteOrderMark === true ? text.slice(1) : text);
  });

  it('keeps blobs, the empty one too, and gives them as plain byte arrays', () => {
    for (const value of [
      new Uint8Array(),
      Uint8Array.of(0, 255, 0),
      new Uint8Array(300_000).fill(7),
    ]) {
      const found = kept('b BLOB', value);
      expect(Object.getPrototypeOf(found)).toBe(Uint8Array.prototype);
      expect(found).toEqual(value);
    }
  });

  it('stores the part of a buffer that a byte array shows, as it was at the call', () => {
    const database = table();
    const bytes = Uint8Array.of(1, 2, 3, 4);
    database.transaction(() => {
      database.run('INSERT INTO t (id, b) VALUES (1, ?)', bytes.subarray(1, 3));
      bytes.fill(9);
    });
    database.close();
    expect(open().get('SELECT b FROM t')).toEqual({ b: Uint8Array.of(2, 3) });
  });

  it('keeps null, and leaves out nothing of a row', () => {
    const database = table();
    database.run('INSERT INTO t (id, i, f, s, b) VALUES (?, ?, ?, ?, ?)', 1, null, 1, null, null);
    expect(database.get('SELECT * FROM t')).toEqual({ id: 1, i: null, f: 1, s: null, b: null });
  });

  it.each([
    ['a boolean', true],
    ['undefined', undefined],
    ['a Date', new Date(0)],
    ['a bigint', 5n],
    ['an ArrayBuffer', new ArrayBuffer(2)],
    ['NaN', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['an integer past 2^53', 2 ** 53],
    ['text with NUL', 'a\0b'],
    ['half of a surrogate pair', '\ud800'],
  ])('refuses %s, and stores nothing', (_, value) => {
    const database = table();
    const insert = (): unknown =>
      database.run('INSERT INTO t (id, s) VALUES (1, ?)', value as never);
    expect(insert).toThrow(TypeError);
    expect(database.get('SELECT count(*) AS n FROM t')).toEqual({ n: 0 });
  });

  it('refuses to round an integer of 64 bits that SQL computed', () => {
    const database = open();
    expect(() => database.get('SELECT 9007199254740993 AS n')).toThrow(RangeError);
    expect(database.get('SELECT 9007199254740991 AS n, 1e300 AS f')).toEqual({
      n: 2 ** 53 - 1,
      f: 1e300,
    });
  });

  it('refuses more values than there are places for', () => {
    const database = table();
    expect(() => database.run('INSERT INTO t (id) VALUES (?)', 1, 2)).toThrow(Error);
    expect(database.get('SELECT count(*) AS n FROM t')).toEqual({ n: 0 });
  });

  it('forgets the values of the call before', () => {
    const database = table();
    const insert = 'INSERT INTO t (s, b) VALUES (?, ?)';
    database.run(insert, 'first', Uint8Array.of(1));
    database.run(insert, null, null);
    expect(database.get('SELECT s, b FROM t WHERE id = 2')).toEqual({ s: null, b: null });
  });

  it('tells how many rows a statement changed', () => {
    const database = table();
    expect(database.run("INSERT INTO t (id, s) VALUES (1, 'a'), (2, 'b')")).toBe(2);
    expect(database.run("UPDATE t SET s = 'c'")).toBe(2);
    expect(database.run('DELETE FROM t WHERE id = 9')).toBe(0);
    expect(database.run("INSERT INTO t (id, s) VALUES (1, 'x') ON CONFLICT DO NOTHING")).toBe(0);
    expect(database.run('INSERT INTO t (id) VALUES (3) RETURNING id')).toBe(1);
    expect(database.run('DELETE FROM t')).toBe(3);
  });

  it('gives back what RETURNING returns, and has stored it', () => {
    const database = table();
    const insert = 'INSERT INTO t (s) VALUES (?) RETURNING id, s';
    expect(database.get(insert, 'a')).toEqual({ id: 1, s: 'a' });
    expect(database.all(insert, 'b')).toEqual([{ id: 2, s: 'b' }]);
    database.close();
    expect(open().all('SELECT id FROM t ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }]);
  });

  it('finds no row where there is none', () => {
    const database = table();
    expect(database.get('SELECT * FROM t')).toBeUndefined();
    expect(database.all('SELECT * FROM t')).toEqual([]);
  });

  it('has the SQL that the engine is written in: strict tables, upserts, JSON, window functions', () => {
    const database = table();
    expect(() => database.run("INSERT INTO t (i) VALUES ('text')")).toThrow(/cannot store TEXT/);
    database.run(
      `INSERT INTO t (id, s) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET s = excluded.s`,
      '{"a":[1,2]}',
    );
    expect(database.get(`SELECT s ->> '$.a[1]' AS v FROM t`)).toEqual({ v: 2 });
    expect(database.get('SELECT row_number() OVER (ORDER BY id) AS n FROM t')).toEqual({ n: 1 });
    expect(database.get('SELECT count(*) AS n FROM json_each(?)', '[1,2,3]')).toEqual({ n: 3 });
  });

  it('names the constraint that a row breaks', () => {
    const database = table();
    database.run('INSERT INTO t (id) VALUES (1)');
    expect(() => database.run('INSERT INTO t (id) VALUES (1)')).toThrow(
      /UNIQUE constraint failed: t\.id/,
    );
    expect(() => database.get('SELECT * FROM missing')).toThrow(/no such table: missing/);
  });
}
