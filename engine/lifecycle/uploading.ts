/** What sends, fetches and cleans up: loaded when there is something to do for it. */
export { createScheduler } from './scheduler.ts';
export { attachmentServices } from './services.ts';
export { createVault } from './vault.ts';
