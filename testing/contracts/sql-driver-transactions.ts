import { expect, it } from 'vitest';
import type { SqlDatabase } from '../../ports/sql.ts';
import { codeOf, type SqlBench } from './sql-driver-bench.ts';

/** All or nothing, also in parts, also when SQLite itself gives up. */
export function describeSqlTransactions(bench: SqlBench): void {
  const { open } = bench;
  const table = (options?: Parameters<SqlBench['open']>[0]): SqlDatabase => {
    const database = open(options);
    database.exec('CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, s TEXT) STRICT');
    return database;
  };
  const reopened = (database: SqlDatabase): SqlDatabase => {
    database.close();
    return open();
  };

  it('commits what a transaction did, and gives its result', () => {
    const database = table();
    const result = database.transaction(() => {
      expect(database.inTransaction).toBe(true);
      insert(database, 1);
      return 'done';
    });
    expect(result).toBe('done');
    expect(database.inTransaction).toBe(false);
    expect(ids(reopened(database))).toEqual([1]);
  });

  it('takes back what a transaction did that throws, and throws the same', () => {
    const database = table();
    const boom = new Error('boom');
    const failing = (): unknown =>
      database.transaction(() => {
        insert(database, 1);
        throw boom;
      });
    expect(failing).toThrow(boom);
    expect(ids(database)).toEqual([]);
    expect(ids(reopened(database))).toEqual([]);
  });

  it('takes back only the nested transaction that throws, at any depth, for good', () => {
    const database = table();
    const attempt = (work: () => void, fails: boolean): void => {
      try {
        database.transaction(() => {
          work();
          if (fails) throw new Error('inner');
        });
      } catch (error) {
        if (!fails) throw error;
      }
    };
    database.transaction(() => {
      insert(database, 1);
      attempt(() => {
        insert(database, 2);
        attempt(() => insert(database, 3), false);
      }, true);
      insert(database, 4);
      attempt(() => {
        insert(database, 5);
        attempt(() => insert(database, 6), true);
        insert(database, 7);
      }, false);
      attempt(() => database.run("UPDATE t SET s = 'gone'"), true);
    });
    expect(ids(database)).toEqual([1, 4, 5, 7]);
    const after = reopened(database);
    expect(ids(after)).toEqual([1, 4, 5, 7]);
    expect(after.get('SELECT count(s) AS n FROM t')).toEqual({ n: 0 });
  });

  it('takes nested transactions back that succeeded, when the outer one throws', () => {
    const database = table();
    const failing = (): unknown =>
      database.transaction(() => {
        database.transaction(() => insert(database, 1));
        throw new Error('outer');
      });
    expect(failing).toThrow('outer');
    expect(ids(reopened(database))).toEqual([]);
  });

  it('commits the rest of a transaction after a statement that broke a constraint', () => {
    const database = table();
    insert(database, 1);
    database.transaction(() => {
      insert(database, 2);
      expect(() => database.run('INSERT INTO t (id) VALUES (3), (1)')).toThrow(/UNIQUE/);
      insert(database, 4);
    });
    expect(ids(reopened(database))).toEqual([1, 2, 4]);
  });

  it('gives up a transaction that SQLite took back by itself, whatever is tried in it then', () => {
    const database = table();
    insert(database, 1);
    const failing = (): unknown =>
      database.transaction(() => {
        insert(database, 2);
        try {
          database.run('INSERT OR ROLLBACK INTO t (id) VALUES (1)');
        } catch {
          // the caller goes on as if nothing had happened
        }
        expect(database.inTransaction).toBe(false);
        insert(database, 3);
      });
    expect(failing).toThrow(/UNIQUE/);
    insert(database, 4);
    expect(ids(reopened(database))).toEqual([1, 4]);
  });

  it('refuses a deferred foreign key that points nowhere at the commit, and goes on', () => {
    const database = table();
    database.exec(
      'CREATE TABLE child (of INTEGER REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED) STRICT',
    );
    const orphan = (): unknown =>
      database.transaction(() => {
        insert(database, 1);
        database.run('INSERT INTO child (of) VALUES (9)');
      });
    expect(orphan).toThrow(/FOREIGN KEY/);
    expect(ids(database)).toEqual([]);
    database.transaction(() => {
      database.run('INSERT INTO child (of) VALUES (2)');
      insert(database, 2);
    });
    const after = reopened(database);
    expect(ids(after)).toEqual([2]);
    expect(after.all('SELECT of FROM child')).toEqual([{ of: 2 }]);
  });

  it('refuses a promise, and statements that begin or end transactions', () => {
    const database = table();
    expect(() => database.transaction(() => Promise.resolve())).toThrow(TypeError);
    for (const sql of ['BEGIN', 'commit', ' ROLLBACK', 'SAVEPOINT a', 'RELEASE a']) {
      expect(() => database.run(sql)).toThrow(TypeError);
    }
    expect(database.inTransaction).toBe(false);
  });

  it('tells before the commit, once for the outermost transaction; what throws there commits nothing', () => {
    let told = 0;
    const database = table({
      beforeCommit() {
        told += 1;
      },
    });
    database.transaction(() => database.transaction(() => insert(database, 1)));
    expect(told).toBe(1);
    database.close();
    const refusing = open({
      beforeCommit() {
        throw new Error('not now');
      },
    });
    expect(() => refusing.transaction(() => insert(refusing, 2))).toThrow('not now');
    expect(ids(refusing)).toEqual([1]);
  });

  it('is busy while a transaction that it did not begin is open on the handle, and leaves that alone', () => {
    const database = table();
    database.exec('BEGIN');
    insert(database, 1);
    expect(codeOf(() => database.transaction(() => insert(database, 2)))).toBe('database_busy');
    expect(database.read(() => ids(database))).toEqual([1]);
    database.exec('ROLLBACK');
    database.transaction(() => insert(database, 3));
    expect(ids(reopened(database))).toEqual([3]);
  });

  it('keeps a transaction that was begun and committed by hand, savepoints included', () => {
    const database = table();
    database.exec(`BEGIN; INSERT INTO t (id) VALUES (1); SAVEPOINT "A b";
      INSERT INTO t (id) VALUES (2); ROLLBACK TO SAVEPOINT "a B"; INSERT INTO t (id) VALUES (3);
      RELEASE "A b"; COMMIT`);
    database.exec('SAVEPOINT outermost; INSERT INTO t (id) VALUES (4); RELEASE outermost');
    expect(ids(reopened(database))).toEqual([1, 3, 4]);
  });

  it('reads in a transaction what it wrote, and in `read` one state', () => {
    const database = table();
    database.transaction(() => {
      insert(database, 1);
      expect(database.read(() => ids(database))).toEqual([1]);
    });
    expect(() =>
      database.read(() => {
        throw new Error('mine');
      }),
    ).toThrow('mine');
    expect(database.read(() => ids(database))).toEqual([1]);
    insert(database, 2); // nothing was left open
    expect(ids(reopened(database))).toEqual([1, 2]);
  });

  it('enforces foreign keys', () => {
    const database = table();
    database.exec('CREATE TABLE child (of INTEGER REFERENCES t (id)) STRICT');
    expect(() => database.run('INSERT INTO child (of) VALUES (9)')).toThrow(/FOREIGN KEY/);
  });

  it('answers disk_full when the database may not grow, takes the transaction back, and goes on', () => {
    const database = table();
    insert(database, 1);
    const pages = Number(database.get('PRAGMA page_count')?.['page_count']);
    database.exec(`PRAGMA max_page_count = ${pages + 3}`);
    const fill = (): unknown =>
      database.transaction(() => {
        insert(database, 2);
        try {
          database.run('INSERT INTO t (id, s) VALUES (3, ?)', 'x'.repeat(100_000));
        } catch {
          // as an app's callback might
        }
        insert(database, 4);
      });
    expect(codeOf(fill)).toBe('disk_full');
    expect(ids(database)).toEqual([1]);
    database.exec(`PRAGMA max_page_count = ${pages + 1_000}`);
    insert(database, 5);
    expect(ids(reopened(database))).toEqual([1, 5]);
  });
}

function ids(database: SqlDatabase): readonly unknown[] {
  return database.all('SELECT id FROM t ORDER BY id').map((row) => row['id']);
}

function insert(database: SqlDatabase, id: number): number {
  return database.run('INSERT INTO t (id) VALUES (?)', id);
}
