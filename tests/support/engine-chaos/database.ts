import { openBetterSqlite3 } from '../../../persistence/drivers/better-sqlite3.ts';
import type { DriverOptions } from '../../../persistence/drivers/driver.ts';
import { openNodeSqlite } from '../../../persistence/drivers/node-sqlite.ts';
import type { SqlFiles } from '../../../persistence/drivers/sqljs/files.ts';
import { nodeFiles } from '../../../persistence/drivers/sqljs/node-files.ts';
import { openSqlJs } from '../../../persistence/drivers/sqljs.ts';
import type { SqlDatabase } from '../../../ports/sql.ts';
import type { DriverName } from '../drivers.ts';
import type { Point, Points } from './points.ts';

/** Small, so that a life of a second sees several checkpoints of sql.js. */
const CHECKPOINT_BYTES = 30_000;

/** Files of a database besides its bytes; locks are their process's. */
export const DATABASE_FILES = [
  'app.db',
  'app.db-wal',
  'app.db-lading',
  'app.db-lading-next',
  'app.db-lading-image',
] as const;

export async function openDatabase(
  driver: DriverName,
  file: string,
  options: DriverOptions = {},
  files: SqlFiles = nodeFiles(),
): Promise<SqlDatabase> {
  switch (driver) {
    case 'node:sqlite':
      return openNodeSqlite(file, options);
    case 'better-sqlite3':
      return openBetterSqlite3(file, options);
    default:
      return openSqlJs(file, { ...options, files, checkpointBytes: CHECKPOINT_BYTES });
  }
}

/** The files of sql.js with a point before and after everything that changes what a kill leaves. */
export function filesWithPoints(points: Points): SqlFiles {
  const files = nodeFiles();
  return {
    ...files,
    open(path, mode) {
      const file = files.open(path, mode);
      const isImage = path.endsWith('-image');
      return {
        ...file,
        write(position, bytes) {
          file.write(position, bytes);
          if (isImage) points.hit('image.written');
          else if (position > 0)
            points.hit(bytes.byteLength > 4 ? 'journal.staged' : 'journal.sealed');
        },
        sync() {
          file.sync();
          points.hit(isImage ? 'image.synced' : 'journal.synced');
        },
      };
    },
    rename(from, to) {
      files.rename(from, to);
      points.hit((from.endsWith('-image') ? 'image.renamed' : 'journal.renamed') satisfies Point);
    },
  };
}
