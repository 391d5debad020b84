import type { JsonObject } from '../machines/json.ts';

/** How one process holds on to its tasks among others on the same database (contract 4.3). */
export interface LeaseOptions {
  /** How long a runner that does not answer keeps its tasks. Default 15,000. */
  readonly leaseMs?: number;
  /** What another process on this machine may learn about this runner (process id, host name). */
  readonly info?: JsonObject;
  /** Whether the runner that wrote `info` is surely gone, so that its lease need not run out. Default never. */
  isGone?(info: JsonObject): boolean;
}
