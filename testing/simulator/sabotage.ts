import type { Backend } from '../../ports/backend.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import type { Remote } from '../../ports/remote.ts';
import type { SqlDatabase } from '../../ports/sql.ts';
import type { Projection } from './app.ts';

/**
 * A bug that is planted from outside: by what is put between the engine and its ports. Without one, everything is
 * passed as it is.
 */
export interface Sabotage {
  /** Of the device's SQLite. Default FULL. */
  readonly synchronous?: 'FULL' | 'NORMAL' | 'OFF';
  /** One runner's view of the database; `clock` is its process's. */
  readonly sql?: (real: SqlDatabase, clock: Clock) => SqlDatabase;
  /** Runs on the database before the runners of a device that starts again open it. */
  readonly atBoot?: (sql: SqlDatabase) => void;
  readonly disk?: (real: Disk) => Disk;
  readonly remote?: (real: Remote) => Remote;
  readonly backend?: (real: Backend, sql: SqlDatabase) => Backend;
  readonly project?: (real: Projection) => Projection;
  /** Plants something in this process of ours until the returned function takes it out. */
  readonly plant?: () => () => void;
}
