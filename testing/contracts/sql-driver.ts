import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SqlDatabase } from '../../ports/sql.ts';
import {
  codeOf,
  type SqlBench,
  type SqlDriverSetup,
  type SqlDriverTraits,
} from './sql-driver-bench.ts';
import { describeSqlFiles } from './sql-driver-files.ts';
import { describeSqlTransactions } from './sql-driver-transactions.ts';
import { describeSqlValues } from './sql-driver-values.ts';

export type { SqlDriverOpenOptions, SqlDriverSetup, SqlDriverTraits } from './sql-driver-bench.ts';

/**
 * What every {@link SqlDatabase} keeps, for the tests of a driver:
 *
 * ```ts
 * describeSqlDriver('my driver', { connections: 'many' }, async () => ({ open: () => openMine(file) }))
 * ```
 */
export function describeSqlDriver(
  name: string,
  traits: SqlDriverTraits,
  setup: () => Promise<SqlDriverSetup>,
): void {
  describe(`SQL driver contract: ${name}`, () => {
    let world: SqlDriverSetup;
    const opened: SqlDatabase[] = [];
    const bench: SqlBench = {
      open(options) {
        const database = world.open(options);
        opened.push(database);
        return database;
      },
      get world() {
        return world;
      },
      traits,
    };

    beforeEach(async () => {
      world = await setup();
    });
    afterEach(() => {
      for (const database of opened.splice(0)) closeQuietly(database);
      world.dispose?.();
    });

    describeSqlValues(bench);
    describeSqlTransactions(bench);
    describeSqlFiles(bench);

    it('has 200 different statements in use, with a cache of few', () => {
      const database = bench.open({ maxStatements: 4 });
      for (let round = 0; round < 2; round++) {
        for (let n = 0; n < 100; n++) expect(database.get(`SELECT ${n} AS n`)).toMatchObject({ n });
      }
    });

    it('uses a prepared statement on after the schema changed', () => {
      const database = bench.open();
      database.exec('CREATE TABLE t (a INTEGER) STRICT');
      database.run('INSERT INTO t (a) VALUES (?)', 1);
      expect(database.get('SELECT * FROM t')).toEqual({ a: 1 });
      database.exec('ALTER TABLE t ADD COLUMN b INTEGER');
      expect(database.get('SELECT * FROM t')).toEqual({ a: 1, b: null });
    });

    it('says that the handle is closed, whatever it is asked', () => {
      const database = bench.open();
      database.exec('CREATE TABLE t (a INTEGER) STRICT');
      database.close();
      for (const use of [
        () => database.get('SELECT 1'),
        () => database.run('INSERT INTO t VALUES (1)'),
        () => database.exec('SELECT 1'),
        () => database.transaction(() => 1),
        () => database.read(() => 1),
      ]) {
        expect(codeOf(use)).toBe('database_unopenable');
      }
    });
  });
}

function closeQuietly(database: SqlDatabase): void {
  try {
    database.close();
  } catch {
    // closed by the test
  }
}
