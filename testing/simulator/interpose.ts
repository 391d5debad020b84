import type { Clock } from '../../ports/clock.ts';
import type { Disk, DiskFile } from '../../ports/disk.ts';
import type { SqlDatabase, SqlRow, SqlValue } from '../../ports/sql.ts';

/** What stands between the engine and a real part; what is left out passes. */
export interface SqlChanges {
  run?(next: SqlDatabase['run'], sql: string, params: readonly SqlValue[]): number;
  get?(next: SqlDatabase['get'], sql: string, params: readonly SqlValue[]): SqlRow | undefined;
  all?(next: SqlDatabase['all'], sql: string, params: readonly SqlValue[]): readonly SqlRow[];
}

/** A database that does not always do what it is told. */
export function interposed(real: SqlDatabase, changes: SqlChanges): SqlDatabase {
  const run: SqlDatabase['run'] = (sql, ...params) => real.run(sql, ...params);
  const get: SqlDatabase['get'] = (sql, ...params) => real.get(sql, ...params);
  const all: SqlDatabase['all'] = (sql, ...params) => real.all(sql, ...params);
  return {
    ...real,
    get inTransaction() {
      return real.inTransaction;
    },
    run: (sql, ...params) => changes.run?.(run, sql, params) ?? run(sql, ...params),
    get: (sql, ...params) =>
      changes.get === undefined ? get(sql, ...params) : changes.get(get, sql, params),
    all: (sql, ...params) => changes.all?.(all, sql, params) ?? all(sql, ...params),
  };
}

/** A disk whose syncs do nothing. */
export function withoutSync(real: Disk, which: 'files' | 'directories'): Disk {
  if (which === 'directories') return { ...real, syncDirectory: async () => {} };
  return {
    ...real,
    async open(path, mode): Promise<DiskFile> {
      const file = await real.open(path, mode);
      return {
        read: (position, length) => file.read(position, length),
        append: (bytes) => file.append(bytes),
        sync: async () => {},
        size: () => file.size(),
        close: () => file.close(),
      };
    },
  };
}

/** A database that answers before it commits: what it was told becomes durable a while later. */
export function commitsLate(real: SqlDatabase, clock: Clock, lateMs: number): SqlDatabase {
  let depth = 0;
  let begun = false;
  const commit = (): void => {
    if (!begun) return;
    begun = false;
    try {
      real.exec('COMMIT');
    } catch {
      // Nobody is left to be told: that is the bug.
    }
  };
  return {
    ...real,
    get inTransaction() {
      return depth > 0;
    },
    transaction(run) {
      const savepoint = `late_${depth}`;
      if (!begun) {
        real.exec('BEGIN IMMEDIATE');
        begun = true;
        clock.schedule(lateMs, commit);
      }
      real.exec(`SAVEPOINT ${savepoint}`);
      depth += 1;
      try {
        const result = run();
        real.exec(`RELEASE ${savepoint}`);
        return result;
      } catch (error) {
        real.exec(`ROLLBACK TO ${savepoint}; RELEASE ${savepoint}`);
        throw error;
      } finally {
        depth -= 1;
      }
    },
    read: (query) => (begun ? query() : real.read(query)),
    close() {
      commit();
      real.close();
    },
  };
}
