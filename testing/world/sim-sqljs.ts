import { loadSqlJs, openLoaded } from '../../persistence/drivers/sqljs/opening.ts';
import { simSqlFiles } from './sim-sql-files.ts';
import { loadSimSqlite, type SimSqlite } from './sim-sqlite.ts';

/** What a simulated device opens its database with. */
export type SimDriver = 'sqlite-wasm' | 'sql.js';

/**
 * The product's sql.js driver on simulated disks: its image, its journal and every sync of theirs is on the disk, and so
 * within reach of a power cut.
 * @throws {LadingError} `sdk_missing` when `sql.js` is not installed.
 */
async function loadSimSqlJs(): Promise<SimSqlite> {
  const sqlJs = await loadSqlJs();
  return {
    open(disk, { path = 'app.db', synchronous = 'FULL', ...driver } = {}) {
      const { database, abandon } = openLoaded(sqlJs, path, {
        ...driver,
        files: simSqlFiles(disk, { syncs: synchronous === 'FULL' }),
        checkpointBytes: CHECKPOINT_BYTES,
      });
      return { sql: database, abandon };
    },
  };
}

/** Small, so that a short life sees several checkpoints. */
const CHECKPOINT_BYTES = 16_384;

export function loadSimDriver(driver: SimDriver): Promise<SimSqlite> {
  return driver === 'sql.js' ? loadSimSqlJs() : loadSimSqlite();
}
