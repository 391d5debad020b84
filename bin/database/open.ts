import {
  closeSync,
  existsSync,
  openSync,
  readSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { logTransaction } from '../../persistence/log/log-transaction.ts';
import { runnerTransaction } from '../../persistence/log/runner-transaction.ts';
import { taskTransaction } from '../../persistence/log/task-transaction.ts';
import { migrate } from '../../persistence/migrations/index.ts';
import { refuseNewer, SCHEMA_VERSION } from '../../persistence/migrations/schema-version.ts';
import { LadingError } from '../../ports/errors.ts';
import type { EventStore, StoreTransaction } from '../../ports/event-store.ts';
import { printable } from '../../ports/printable.ts';
import type { SqlDatabase } from '../../ports/sql.ts';
import { Problem } from '../problem.ts';
import { connectCopy, connectReadOnly, type Switch, sqliteCode } from './connect.ts';
import { copyWithLog, temporaryFolder } from './copy.ts';
import { openSqlJsCopy } from './sqljs.ts';

/** How a file was read; none of them changes a byte of it. */
export type HowRead =
  /** Nobody had it open: as it lies there. */
  | 'at rest'
  /** Beside an app that has it open, or died with it open: one consistent state of it. */
  | 'beside the app'
  /** From a copy in a temporary folder, since SQLite has to mend or migrate it first. */
  | 'from a copy';

/** A database file, opened to read. */
export interface DatabaseFile {
  readonly path: string;
  readonly how: HowRead;
  /** The schema of the file itself, whatever the copy was brought to. */
  readonly schemaVersion: number;
  /** Runs `query` on one state of the database. */
  read<T>(query: (tx: StoreTransaction) => T): T;
  /** For `verify`, which reads only. */
  readonly events: EventStore;
  close(): void;
}

/**
 * Opens a database file of Lading without changing a byte of it, whether an app has it open or not.
 * @throws {Problem} for all that is no such file, or cannot be read now.
 */
export async function openDatabaseFile(given: string): Promise<DatabaseFile> {
  const name = printable(given);
  // Before its first image is written, such a database is a journal alone.
  const sqlJs = await openSqlJsCopy(given, name);
  if (sqlJs !== undefined) return fileOf(given, sqlJs, 'from a copy', name);
  const path = requireFile(given, name);
  const header = readHeader(path, name);
  requireSqlite(header, name);
  const isWal = header[18] === 2 || header[19] === 2;
  const { database, how } = withSentences(name, () => (isWal ? openWal(path) : openRollback(path)));
  return fileOf(given, database, how, name);
}

/** The page number of a database that keeps a log of writes beside it: one that an app has open has both files. */
function openWal(path: string): Connected {
  const isLive = existsSync(`${path}-wal`) && existsSync(`${path}-shm`);
  if (isLive) {
    const shared = attempt(path, 'readonly_shm=1');
    if (shared !== undefined) return { database: shared, how: 'beside the app' };
    // Nobody has read since it was last emptied: only the ordinary way helps, which notes its place in shared memory.
    const ordinary = attempt(path, '');
    if (ordinary !== undefined) return { database: ordinary, how: 'beside the app' };
  }
  // Without its log beside it, or with an empty one, the file is whole: nobody has it open.
  if (!isLive && sizeOf(`${path}-wal`) === 0) {
    const still = attempt(path, 'immutable=1');
    if (still !== undefined) return { database: still, how: 'at rest' };
  }
  return { database: checked(connectCopy(copyWithLog(path))), how: 'from a copy' };
}

function openRollback(path: string): Connected {
  // A journal beside it may be a write that was cut off: SQLite has to roll it back, and does so in a copy.
  if (!existsSync(`${path}-journal`)) {
    const still = attempt(path, '');
    if (still !== undefined) return { database: still, how: 'at rest' };
  }
  return { database: checked(connectCopy(copyWithLog(path))), how: 'from a copy' };
}

interface Connected {
  readonly database: SqlDatabase;
  readonly how: HowRead;
}

/** Undefined where this way does not lead to it, and another may: cannot open, cannot write, Node too old for urls. */
function attempt(path: string, how: Switch): SqlDatabase | undefined {
  let database: SqlDatabase | undefined;
  try {
    database = connectReadOnly(path, how);
    return checked(database);
  } catch (error) {
    database?.close();
    const code = sqliteCode(error);
    const isOther = (error as { readonly code?: unknown }).code === 'ERR_INVALID_ARG_TYPE';
    if (isOther || code === 8 || code === 14) return undefined;
    throw error;
  }
}

/** SQLite looks at a file when it is first asked. */
function checked(database: SqlDatabase): SqlDatabase {
  database.get('SELECT count(*) FROM sqlite_master');
  return database;
}

function fileOf(given: string, opened: SqlDatabase, how: HowRead, name: string): DatabaseFile {
  let database = opened;
  const close = (): void => database.close();
  try {
    requireVersion(database, name);
    const schemaVersion = withSentences(name, () => refuseNewer(database));
    if (schemaVersion === 0) {
      throw new Problem(
        `${name} is a database, but no app has used Lading with it: it has no tables of Lading. Give the file that the app opens.`,
      );
    }
    let read = how;
    if (schemaVersion < SCHEMA_VERSION) {
      const copy = join(temporaryFolder(), 'migrated.sqlite');
      database.run('VACUUM INTO ?', copy);
      database.close();
      database = connectCopy(copy);
      migrate(database, Date.now());
      read = 'from a copy';
    }
    requireTables(database, name);
    const tx: StoreTransaction = {
      log: logTransaction(database),
      tasks: taskTransaction(database),
      runners: runnerTransaction(database),
      sql: database,
    };
    const readAll = <T>(query: (tx: StoreTransaction) => T): T =>
      withSentences(name, () => database.read(() => query(tx)));
    return {
      path: given,
      how: read,
      schemaVersion,
      read: readAll,
      events: {
        read: readAll,
        transact: () => Promise.reject(new TypeError('the command line writes nothing')),
        close: () => Promise.resolve(close()),
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** A version that is no number says neither older nor newer. @throws {Problem} */
function requireVersion(database: SqlDatabase, name: string): void {
  if (!tablesOf(database).has('lading_meta')) return;
  const row = database.get("SELECT value FROM lading_meta WHERE key = 'schema_version'");
  if (row === undefined || /^\d{1,9}$/.test(String(row['value']))) return;
  throw new Problem(
    `${name} is damaged: the version of its tables is no number. Keep the file, and give a backup or a copy of the app's database.`,
  );
}

const NEEDED = ['event', 'stream', 'snapshot', 'task', 'runner', 'media', 'ref', 'job', 'outbox'];

/** @throws {Problem} */
function requireTables(database: SqlDatabase, name: string): void {
  const found = tablesOf(database);
  const missing = NEEDED.map((table) => `lading_${table}`).filter((table) => !found.has(table));
  if (missing.length === 0) return;
  throw new Problem(
    `${name} is damaged: tables of Lading are missing (${missing.join(', ')}). Keep the file, and give a backup or a copy of the app's database.`,
  );
}

function tablesOf(database: SqlDatabase): ReadonlySet<string> {
  const rows = database.all("SELECT name FROM sqlite_master WHERE type = 'table'");
  return new Set(rows.map((row) => String(row['name'])));
}

function requireFile(given: string, name: string): string {
  let stats: Stats;
  try {
    stats = statSync(given);
  } catch (error) {
    throw fileProblem(error, name);
  }
  if (stats.isDirectory()) {
    throw new Problem(`${name} is a directory. Give the database file of the app, in or below it.`);
  }
  if (!stats.isFile())
    throw new Problem(`${name} is not a file. Give the database file of the app.`);
  return realpathSync(given); // SQLite names the files beside it so
}

function readHeader(path: string, name: string): Uint8Array {
  const bytes = new Uint8Array(100);
  try {
    const descriptor = openSync(path, 'r');
    try {
      return bytes.subarray(0, readSync(descriptor, bytes));
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw fileProblem(error, name);
  }
}

function requireSqlite(header: Uint8Array, name: string): void {
  if (header.length === 0) {
    throw new Problem(`${name} is empty: no app has stored anything in it. Is it the right file?`);
  }
  if (new TextDecoder('latin1').decode(header.subarray(0, 16)) === 'SQLite format 3\0') return;
  throw new Problem(
    `${name} is not a SQLite database, or it is encrypted. Give the database file that the app opens; an encrypted one cannot be read here.`,
  );
}

function fileProblem(error: unknown, name: string): Problem {
  const { code } = error as { readonly code?: unknown };
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new Problem(`There is no file ${name}. Check the path: this command never creates one.`);
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new Problem(`${name} may not be read by you. Ask for the permission, or for a copy.`);
  }
  return new Problem(`${name} cannot be read (${printable(code ?? error)}). Try a copy of it.`);
}

/** What SQLite says about a file, as a sentence with what to do. */
function withSentences<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Problem) throw error;
    const code = error instanceof LadingError ? error.code : sqliteCode(error);
    if (code === 'database_newer') {
      const { found = '?', known = '?' } = (error as LadingError).details;
      throw new Problem(
        `${name} was written by a newer version of Lading (schema ${found}, this command knows ${known}). Use the version of the app: npx lading@latest.`,
      );
    }
    if (code === 'database_busy' || code === 5 || code === 6) {
      throw new Problem(
        `${name} is locked: another program holds it for itself alone. Close that program, or wait, and try again.`,
      );
    }
    if (code === 'database_corrupt' || code === 11 || code === 26) {
      throw new Problem(
        `${name} is damaged: SQLite cannot read it. Keep it as it is, work on a copy, and look for a backup.`,
      );
    }
    if (
      code === 'database_unopenable' ||
      code === 'database_read_only' ||
      code === 14 ||
      code === 8
    ) {
      throw new Problem(`${name} cannot be opened. Check its permissions, or try a copy of it.`);
    }
    throw error;
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
