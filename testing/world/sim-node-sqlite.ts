import type { DatabaseSync } from 'node:sqlite';
import {
  createSqlDatabase,
  type RawDatabase,
  type RawStatement,
} from '../../persistence/drivers/driver.ts';
import { prepareConnection } from '../../persistence/drivers/pragmas.ts';
import { rawNodeSqlite } from '../../persistence/drivers/raw-node-sqlite.ts';
import { LadingError } from '../../ports/errors.ts';
import { type SimDisk, SimDiskError, type SimFile } from './sim-disk.ts';
import { directoryOf } from './sim-names.ts';
import type { SimDatabase, SimSqlite } from './sim-sqlite.ts';

/** A database in memory, and the file on a simulated disk that stands for it. */
interface Image {
  readonly handle: DatabaseSync;
  /** By their text: a session a day would prepare them all again. */
  readonly statements: Map<string, RawStatement>;
  /** The process that has it open, if one has. */
  session: object | undefined;
}

/**
 * Node's own SQLite for long simulations: several times as fast as SQLite on simulated bytes, and simpler. On the disk lies a file
 * of the database's size that says only which database it is. A commit with changes is one sync of it: when the power
 * goes before it took effect, the transaction did not happen, and after that it did. So SQLite's own promise is taken
 * as kept; the driver on simulated bytes is there to doubt it.
 */
export async function loadSimNodeSqlite(): Promise<SimSqlite> {
  const { DatabaseSync: Database } = await import('node:sqlite');
  const images: Image[] = [];
  return {
    open(disk, { path = 'app.db', synchronous = 'FULL', ...driver } = {}) {
      if (synchronous !== 'FULL') {
        throw new LadingError('invalid_option', 'Here every commit is synced: use sqlite-wasm.');
      }
      const file = fileOf(disk, path, () =>
        images.push({
          handle: new Database(':memory:'),
          statements: new Map(),
          session: undefined,
        }),
      );
      const image = images[numberIn(file)];
      if (image === undefined) throw new LadingError('database_corrupt', `${path} is no database.`);
      if (image.session !== undefined) {
        throw new LadingError('database_busy', 'Another process has the database open.');
      }
      if (image.handle.isTransaction) image.handle.exec('ROLLBACK'); // of a process that died
      const session = {};
      image.session = session;
      const end = (): void => {
        if (image.session === session) image.session = undefined;
      };
      const isAlive = (): boolean => image.session === session && !disk.isDark;
      const raw = synced(keepingStatements(rawNodeSqlite(image.handle, end), image.statements), {
        disk,
        file,
        path,
        isAlive,
      });
      const sql = createSqlDatabase(raw, driver);
      prepareConnection(sql, raw);
      return { sql, abandon: end } satisfies SimDatabase;
    },
  };
}

/** The disk's file, made with the number of a new image when there is none; both are durable at once. */
function fileOf(disk: SimDisk, path: string, make: () => number): SimFile {
  const file = disk.open(path, 'write-or-create');
  if (file.size() > 0) return file;
  file.write(0, new TextEncoder().encode(String(make() - 1).padStart(HEAD_BYTES)));
  file.sync();
  disk.syncDirectory(directoryOf(path));
  return file;
}

function numberIn(file: SimFile): number {
  const head = new Uint8Array(HEAD_BYTES);
  file.readInto(head, 0);
  return Number(new TextDecoder().decode(head));
}

const HEAD_BYTES = 16;
/** The file grows by this much, so that few commits have to write to it. */
const GROWTH_BYTES = 65_536;

function keepingStatements(raw: RawDatabase, kept: Map<string, RawStatement>): RawDatabase {
  return {
    ...raw,
    prepare(sql) {
      const statement = kept.get(sql) ?? raw.prepare(sql);
      kept.set(sql, statement);
      return { ...statement, finalize: () => {} };
    },
  };
}

interface Place {
  readonly disk: SimDisk;
  readonly file: SimFile;
  readonly path: string;
  readonly isAlive: () => boolean;
}

/** The connection of one process: each commit is a sync of the disk, and nothing passes once the process is dead. */
function synced(real: RawDatabase, { disk, file, path, isAlive }: Place): RawDatabase {
  const pages = real.prepare('PRAGMA page_count');
  const pageBytes = Number(real.prepare('PRAGMA page_size').all([])[0]?.['page_size']);
  let isDirty = false;

  const live = (): RawDatabase => {
    if (isAlive()) return real;
    throw new SimDiskError('EIO', 'dead process', path);
  };
  const grow = (): void => {
    const needed = Number(pages.all([])[0]?.['page_count']) * pageBytes - file.size();
    if (needed <= 0) return;
    file.write(file.size(), new Uint8Array(Math.ceil(needed / GROWTH_BYTES) * GROWTH_BYTES));
    file.sync();
  };
  const commit = (): void => {
    if (isDirty) {
      grow();
      disk.perform('sync', path, () => real.exec('COMMIT'));
    } else real.exec('COMMIT');
    isDirty = false;
  };
  /** A statement outside of a transaction is one of its own. */
  const alone = <T>(work: () => T): T => {
    if (live().foreignTransaction?.() === true) return work();
    real.exec('BEGIN');
    try {
      const result = work();
      commit();
      return result;
    } catch (error) {
      if (isAlive() && real.foreignTransaction?.() === true) real.exec('ROLLBACK');
      throw error;
    }
  };
  const watched = (statement: RawStatement): RawStatement => ({
    run: (params) =>
      alone(() => {
        const changes = statement.run(params);
        if (changes > 0) isDirty = true;
        return changes;
      }),
    all(params) {
      live();
      return statement.all(params);
    },
    finalize: () => statement.finalize(),
  });

  return {
    exec(sql) {
      if (sql === 'COMMIT') {
        live();
        commit();
      } else if (CONTROL.test(sql)) {
        if (sql === 'ROLLBACK') isDirty = false;
        live().exec(sql);
      } else {
        alone(() => {
          isDirty = true;
          real.exec(sql);
        });
      }
    },
    prepare: (sql) => watched(live().prepare(sql)),
    close: () => real.close(),
    isClosed: () => !isAlive(),
    foreignTransaction: () => isAlive() && real.foreignTransaction?.() === true,
    resultCode: (error) => (error instanceof SimDiskError ? codeOf(error) : real.resultCode(error)),
  };
}

const CONTROL = /^\s*(?:begin|commit|rollback|savepoint|release|pragma)\b/i;

/** As SQLite answers: SQLITE_FULL, or an I/O error. */
function codeOf({ code }: SimDiskError): number {
  return code === 'ENOSPC' ? 13 : 10;
}
