import type { Situation } from './facts.ts';

/** Situations of what is on its way to the remote, or stopped on it: its bytes may still be sent. */
export const onItsWay: ReadonlySet<Situation> = new Set([
  'queued',
  'waiting',
  'awaitingCredentials',
  'uploading',
  'attaching',
  'failed',
]);
