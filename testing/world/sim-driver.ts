import { loadSimNodeSqlite } from './sim-node-sqlite.ts';
import { loadSimSqlite, type SimSqlite } from './sim-sqlite.ts';
import { loadSimSqlJs } from './sim-sqljs.ts';

/** What a simulated device opens its database with. */
export type SimDriver = 'sqlite-wasm' | 'sql.js' | 'node';

export const simDrivers: readonly SimDriver[] = ['sqlite-wasm', 'sql.js', 'node'];

/** @throws {LadingError} `sdk_missing` when the library of a driver is not installed. */
export function loadSimDriver(driver: SimDriver): Promise<SimSqlite> {
  if (driver === 'sql.js') return loadSimSqlJs();
  return driver === 'node' ? loadSimNodeSqlite() : loadSimSqlite();
}
