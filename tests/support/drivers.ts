import type { SqlDatabase } from 'lading';
import { openBetterSqlite3 } from 'lading/sqlite/better-sqlite3';
import { openNodeSqlite } from 'lading/sqlite/node';
import type { DriverOptions } from '../../persistence/drivers/driver.ts';
import { nodeFiles } from '../../persistence/drivers/sqljs/node-files.ts';
import { loadSqlJs, openLoaded } from '../../persistence/drivers/sqljs/opening.ts';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { SimDisk } from '../../testing/world/sim-disk.ts';
import { simSqlFiles } from '../../testing/world/sim-sql-files.ts';

export type DriverName = 'node:sqlite' | 'better-sqlite3' | 'sql.js';

/** A driver of Node on real files. */
export interface TestDriver {
  readonly name: DriverName;
  /** Opens or creates the database of a folder: `app.db`. */
  readonly open: (directory: string, options?: DriverOptions) => SqlDatabase;
  /** Opens a database file. */
  readonly openFile: (file: string, options?: DriverOptions) => SqlDatabase;
}

const sqlJs = await loadSqlJs();

const openFiles: Readonly<Record<DriverName, TestDriver['openFile']>> = {
  'node:sqlite': openNodeSqlite,
  'better-sqlite3': openBetterSqlite3,
  'sql.js': (file, options = {}) =>
    openLoaded(sqlJs, file, { ...options, files: nodeFiles() }).database,
};

/** All drivers of Node; what holds for one must hold for each. */
export const drivers: readonly TestDriver[] = Object.entries(openFiles).map(([name, openFile]) => ({
  name: name as DriverName,
  openFile,
  open: (directory, options) => openFile(`${directory}/app.db`, options),
}));

export function driverNamed(name: string): TestDriver {
  const found = drivers.find((driver) => driver.name === name);
  if (found !== undefined) return found;
  throw new TypeError(`no driver ${name}: ${drivers.map((driver) => driver.name).join(', ')}`);
}

/** The database of a world that has no files: sql.js has its own on a simulated disk. */
export const memoryDrivers: Readonly<Record<DriverName, (options?: DriverOptions) => SqlDatabase>> =
  {
    'node:sqlite': (options) => openNodeSqlite(':memory:', options),
    'better-sqlite3': (options) => openBetterSqlite3(':memory:', options),
    'sql.js': (options = {}) =>
      openLoaded(sqlJs, 'app.db', {
        ...options,
        files: simSqlFiles(new SimDisk({ random: seededRandom('memory') })),
        checkpointBytes: 100_000,
      }).database,
  };
