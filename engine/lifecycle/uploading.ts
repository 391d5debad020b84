/** What sends, fetches and cleans up, and what runs it: loaded when there is something to do for it. */
export { createRuns } from '../host/runs.ts';
export { createTimers } from '../host/timers.ts';
export { createTraffic } from '../scheduling/traffic.ts';
export { createCredentials } from './credentials.ts';
export { createScheduler } from './scheduler.ts';
export { attachmentServices } from './services.ts';
export { createVault } from './vault.ts';
