import { loadSqlJs, openLoaded } from '../../persistence/drivers/sqljs/opening.ts';
import { simSqlFiles } from './sim-sql-files.ts';
import type { SimSqlite } from './sim-sqlite.ts';

/**
 * The product's sql.js driver on simulated disks: its image, its journal and every sync of theirs is on the disk, and so
 * within reach of a power cut.
 * @throws {LadingError} `sdk_missing` when `sql.js` is not installed.
 */
export async function loadSimSqlJs(): Promise<SimSqlite> {
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
