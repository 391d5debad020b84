import { LadingError } from '../../../ports/errors.ts';
import type { SqlRow, SqlValue } from '../../../ports/sql.ts';
import type { RawDatabase, RawStatement } from '../driver.ts';
import { safeNumber } from '../safe-integers.ts';
import { corrupt, type ImageAndJournal } from './image-and-journal.ts';
import { type PendingBatch, pendingBatch } from './pending-batch.ts';
import type { SqlJsDatabase, SqlJsStatement } from './sqljs-types.ts';
import { kindOf, refuseInSchema, refuseNow, type StatementKind } from './statement-kind.ts';

export interface RawSqlJsOptions {
  readonly handle: SqlJsDatabase;
  readonly files: ImageAndJournal;
  readonly maxBytes: number;
  /** A journal of this many bytes becomes an image, for an image that has so many now. */
  readonly checkpointBytes: (imageBytes: number) => number;
}

export interface RawSqlJs extends RawDatabase {
  /** Lets go without another word to the files: a process that died, or a database that was refused. */
  readonly abandon: () => void;
}

type Write = Extract<StatementKind, { kind: 'write' }>;

/**
 * An in-memory database whose commits are durable: what a transaction did goes to the journal in two steps, everything
 * before SQLite's COMMIT, where a full disk can still be answered, and after it the seal that makes it count.
 * @throws {LadingError} `database_corrupt` when the journal does not fit; `sql_refused` for a schema that cannot be
 *   replayed.
 */
export function rawSqlJs({ handle, files, maxBytes, checkpointBytes }: RawSqlJsOptions): RawSqlJs {
  let pending: PendingBatch | undefined;
  let poison: LadingError | undefined;
  let closed = false;
  let imageBytes = files.image?.byteLength ?? 0;
  let checkpointAt = checkpointBytes(imageBytes);

  const pageSize = Number(ask('PRAGMA page_size'));
  const mostPages = Math.floor(maxBytes / pageSize);
  handle.run(`PRAGMA max_page_count = ${mostPages}`);
  handle.run('PRAGMA foreign_keys = ON');
  handle.run('PRAGMA secure_delete = ON'); // before the replay: an image shall not hold what was deleted in it
  refuseSchema();
  const totalChanges = handle.prepare('SELECT total_changes()');
  /** As of the last write that succeeded; asked anew after one that did not. */
  let totalBefore: number | undefined;
  replay();

  function ask(sql: string): SqlValue | undefined {
    const statement = handle.prepare(sql);
    try {
      return rowsOf(statement, [])[0]?.[0];
    } finally {
      statement.free();
    }
  }

  function total(): number {
    return Number(rowsOf(totalChanges, [])[0]?.[0]);
  }

  /** Runs a statement. @returns how many rows it changed, those of its triggers included. */
  function counted(run: () => void): number {
    const before = totalBefore ?? total();
    totalBefore = undefined;
    run();
    totalBefore = total();
    return totalBefore - before;
  }

  function refuseSchema(): void {
    const statement = handle.prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL');
    try {
      for (const [sql] of rowsOf(statement, [])) refuseInSchema(String(sql));
    } finally {
      statement.free();
    }
  }

  function replay(): void {
    const prepared = new Map<string, SqlJsStatement>();
    try {
      for (const entries of files.replay()) {
        handle.run('BEGIN');
        for (const { sql, params, changes } of entries) {
          const statement = prepared.get(sql) ?? handle.prepare(sql);
          prepared.set(sql, statement);
          if (counted(() => void rowsOf(statement, params)) !== changes) {
            throw new RangeError(
              `"${sql.slice(0, 80)}" changed another number of rows than before`,
            );
          }
        }
        handle.run('COMMIT');
      }
    } catch (cause) {
      if (codeOf(cause) === FULL) throw limitReached(maxBytes, cause);
      throw corrupt('The journal does not fit its image.', cause);
    } finally {
      for (const statement of prepared.values()) statement.free();
    }
  }

  function usable(): void {
    if (closed) throw new Error('the database is closed');
    if (poison !== undefined) throw poison;
  }

  /** What leaves files and memory apart is remembered: nothing may be read or written from here on. */
  function poisoning<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof LadingError && error.code === 'database_poisoned') poison = error;
      throw error;
    }
  }

  function begin(isSavepoint: boolean): PendingBatch {
    handle.run('BEGIN');
    pending = pendingBatch(isSavepoint);
    return pending;
  }

  function commit(): void {
    const entries = pending?.entries ?? [];
    if (entries.length === 0) {
      handle.run('COMMIT');
      pending = undefined;
      return;
    }
    poisoning(() => files.stage(entries));
    try {
      handle.run('COMMIT'); // refused when a deferred foreign key points nowhere
    } catch (error) {
      poisoning(() => files.unstage());
      throw error;
    }
    pending = undefined;
    poisoning(() => files.seal());
    if (files.journalBytes >= checkpointAt) checkpoint();
  }

  function checkpoint(): void {
    const image = handle.export();
    let isDone = false;
    try {
      isDone = poisoning(() => files.checkpoint(image));
    } catch (error) {
      // The commit before it is durable all the same: whoever asks next hears of it.
      if (poison === undefined) throw error;
    }
    if (isDone) imageBytes = image.byteLength;
    // One that found no room is not tried again before the journal has grown by as much again.
    checkpointAt = checkpointBytes(imageBytes) + (isDone ? 0 : files.journalBytes);
  }

  /** `PRAGMA wal_checkpoint(TRUNCATE)`: everything into the image, which holds nothing deleted, and an empty journal. */
  function emptyJournal(): SqlRow {
    if (pending === undefined && files.journalBytes > 0) checkpoint();
    usable();
    const busy = pending !== undefined || files.journalBytes > 0 ? 1 : 0;
    return { busy, log: busy === 1 ? -1 : 0, checkpointed: busy === 1 ? -1 : 0 };
  }

  function rollBack(): void {
    pending = undefined;
    if (!closed) handle.run('ROLLBACK');
  }

  /** SQLite takes a transaction back by itself when it runs out of room: asking for another one tells. */
  function noticeRollback(): void {
    if (pending === undefined) return;
    try {
      handle.run('BEGIN');
    } catch {
      return; // it is still open
    }
    rollBack();
  }

  function write<T>(sql: string, kind: Write, params: readonly SqlValue[], run: () => T): T {
    if (kind.askTime) refuseNow(sql, params);
    const isOwn = pending === undefined;
    const batch = pending ?? begin(false);
    try {
      let result: T | undefined;
      const changes = counted(() => {
        result = run();
      });
      if (changes > 0 || !kind.counts) batch.add({ sql, params: params.map(copied), changes });
      if (isOwn) commit();
      return result as T;
    } catch (error) {
      noticeRollback();
      if (isOwn && pending !== undefined) rollBack();
      throw error;
    }
  }

  /** One statement of `exec`. */
  function execute(statement: SqlJsStatement): void {
    const sql = statement.getSQL();
    const kind = kindOf(sql);
    switch (kind.kind) {
      case 'ignored':
        return;
      case 'read':
      case 'vacuumable': // SQLite takes it while the database is empty, and the first image says so
        rowsOf(statement, []);
        return;
      case 'checkpoint':
        emptyJournal();
        return;
      case 'limit':
        handle.run(`PRAGMA max_page_count = ${Math.min(kind.pages, mostPages)}`);
        return;
      case 'begin':
        if (pending !== undefined) rowsOf(statement, []); // SQLite says why not
        begin(false);
        return;
      case 'commit':
        if (pending === undefined) rowsOf(statement, []);
        commit();
        return;
      case 'rollback':
        if (pending === undefined) rowsOf(statement, []);
        rollBack();
        return;
      case 'savepoint': {
        const batch = pending ?? begin(true);
        rowsOf(statement, []);
        batch.mark(kind.name);
        return;
      }
      case 'release':
        rowsOf(statement, []);
        if (pending?.release(kind.name) && pending.isSavepointOutermost) commit();
        return;
      case 'rollback to':
        rowsOf(statement, []);
        pending?.rollBackTo(kind.name);
        return;
      default:
        write(sql, kind, [], () => rowsOf(statement, []));
    }
  }

  function prepare(sql: string): RawStatement {
    usable();
    const kind = kindOf(sql);
    const statement = handle.prepare(sql);
    const all = (params: readonly SqlValue[]): readonly SqlRow[] => {
      usable();
      if (kind.kind === 'ignored') return [];
      if (kind.kind === 'checkpoint') return [emptyJournal()];
      const rows = (): readonly SqlRow[] => objectsOf(statement, params);
      if (kind.kind !== 'write') return rows();
      if (params.length !== kind.parameters) {
        throw new RangeError(`${kind.parameters} values are bound here, not ${params.length}`);
      }
      return write(sql, kind, params, rows);
    };
    return {
      all,
      run(params) {
        if (kind.kind !== 'write') {
          all(params);
          return 0;
        }
        let changed = 0;
        usable();
        if (params.length !== kind.parameters) {
          throw new RangeError(`${kind.parameters} values are bound here, not ${params.length}`);
        }
        write(sql, kind, params, () => {
          rowsOf(statement, params);
          changed = handle.getRowsModified();
        });
        return changed;
      },
      finalize: () => void statement.free(),
    };
  }

  function letGo(): void {
    if (closed) return;
    closed = true;
    try {
      handle.close();
    } finally {
      files.release();
    }
  }

  return {
    exec(sql) {
      usable();
      // Every read is between two of these.
      if (sql === 'BEGIN' || sql === 'BEGIN IMMEDIATE') return void begin(false);
      if (sql === 'COMMIT' && pending !== undefined) return commit();
      for (const statement of handle.iterateStatements(sql)) execute(statement);
    },
    prepare,
    close() {
      if (closed) return;
      try {
        if (poison === undefined && pending === undefined) {
          if (files.journalBytes > 0) checkpoint();
          if (poison === undefined && files.journalBytes === 0) files.retire();
        }
      } finally {
        letGo();
      }
    },
    abandon: letGo,
    isClosed: () => closed,
    foreignTransaction: () => pending !== undefined,
    resultCode: (error) => codeOf(error),
    known: (error) => (codeOf(error) === FULL ? limitReached(maxBytes, error) : undefined),
  };
}

const FULL = 13;

/** sql.js throws SQLite's sentences without their codes (sqlite.org/rescode.html). */
export function codeOf(error: unknown): number | undefined {
  const message = error instanceof Error ? error.message : '';
  if (message.startsWith('malformed database schema')) return 11;
  switch (message) {
    case 'database or disk is full':
      return FULL;
    case 'database disk image is malformed':
      return 11;
    case 'file is not a database':
      return 26;
    case 'database is locked':
      return 5;
    case 'attempt to write a readonly database':
      return 8;
    default:
      return undefined;
  }
}

function limitReached(maxBytes: number, cause: unknown): LadingError {
  return new LadingError(
    'disk_full',
    `The database would be larger than ${maxBytes} bytes, the limit of this sql.js database: remove something, raise maxBytes, or use another driver.`,
    { cause, details: { limitBytes: maxBytes } },
  );
}

/** The caller may change its bytes before the commit. */
function copied(value: SqlValue): SqlValue {
  return value instanceof Uint8Array ? value.slice() : value;
}

function rowsOf(statement: SqlJsStatement, params: readonly SqlValue[]): readonly SqlValue[][] {
  const found: SqlValue[][] = [];
  try {
    if (params.length > 0) statement.bind([...params]);
    while (statement.step()) found.push(rowOf(statement));
  } finally {
    statement.reset();
  }
  return found;
}

function rowOf(statement: SqlJsStatement): SqlValue[] {
  const row = statement.get(null) as SqlValue[];
  const isUnsafe = row.some((value) => Number.isInteger(value) && !Number.isSafeInteger(value));
  if (!isUnsafe) return row;
  return (statement.get(null, { useBigInt: true }) as (SqlValue | bigint)[]).map((value) =>
    typeof value === 'bigint' ? safeNumber(value) : value,
  );
}

function objectsOf(statement: SqlJsStatement, params: readonly SqlValue[]): readonly SqlRow[] {
  const rows = rowsOf(statement, params);
  if (rows.length === 0) return [];
  const names = statement.getColumnNames();
  return rows.map((row) => Object.fromEntries(row.map((value, at) => [names[at], value])));
}
