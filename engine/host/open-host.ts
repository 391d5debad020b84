import { present } from '../../ports/part.ts';
import { type Host, type HostOptions, openHostWith } from './host.ts';
import { createRuns } from './runs.ts';
import { createTimers } from './timers.ts';

/**
 * Opens a host on a store. Recovery is the normal start: tasks that are left are claimed and run, timers armed.
 * @throws {LadingError} `machine_refused` when a machine uses what cannot be kept durable.
 */
export function openHost(options: HostOptions): Promise<Host> {
  return openHostWith(options, { part: present({ createRuns, createTimers }) });
}
