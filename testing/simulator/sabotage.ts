import type { LadingOptions } from '../../lading.ts';
import type { Backend } from '../../ports/backend.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import type { SqlDatabase } from '../../ports/sql.ts';
import type { Projection } from './app.ts';
import type { Scenario } from './scenario.ts';

/**
 * A bug that is planted from outside: by what is put between the engine and its ports. Without one, everything is
 * passed as it is.
 */
export interface Sabotage {
  /** What a seed must have so that the bug can show: power cuts, a second runner. */
  readonly scenario?: (real: Scenario) => Scenario;
  /** Of the device's SQLite. Default FULL. */
  readonly synchronous?: 'FULL' | 'NORMAL' | 'OFF';
  /** One runner's view of the database; `clock` is its process's. */
  readonly sql?: (real: SqlDatabase, clock: Clock) => SqlDatabase;
  /** Runs on the database of a device that starts again, before its runners open it. */
  readonly atBoot?: (sql: SqlDatabase) => void;
  readonly disk?: (real: Disk) => Disk;
  readonly backend?: (real: Backend, sql: SqlDatabase) => Backend;
  /** What the app's wishes become before they reach the engine. */
  readonly options?: (real: LadingOptions) => LadingOptions;
  readonly project?: (real: Projection) => Projection;
  /** Plants something in the machine until the returned function takes it out. */
  readonly plant?: () => () => void;
}
