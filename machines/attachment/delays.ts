/** Every delay of the machine: named pure functions, in milliseconds. */
import type { AttachmentContext } from './context.ts';

export type Delay = (context: AttachmentContext) => number;

/** How long fresh or busy bytes are left alone before they may be evicted; doubles while they stay busy. */
const BUSY_WAIT_MS = 30_000;
const LONGEST_BUSY_DOUBLINGS = 7;

export const draftGrace: Delay = (context) => context.policy.draftGraceMs;
export const undoGrace: Delay = (context) => context.policy.undoGraceMs;
export const backoff: Delay = (context) => context.delayMs;
export const removeBackoff: Delay = (context) => context.delayMs;
/** The longest life of a request that was under way when the object was removed (contract 5.2). */
export const lateArrival: Delay = (context) => context.policy.lateArrivalMs;
export const busyWait: Delay = (context) =>
  BUSY_WAIT_MS * 2 ** Math.min(context.localTries, LONGEST_BUSY_DOUBLINGS);
export const downloadBackoff: Delay = (context) => context.localDelayMs;
export const purgeBackoff: Delay = (context) => context.localDelayMs;

/** How long the regions wait, by name. An object, since a namespace brings a bundler's helper with it (docs/decisions/0010). */
export const delays = {
  draftGrace,
  undoGrace,
  backoff,
  removeBackoff,
  lateArrival,
  busyWait,
  downloadBackoff,
  purgeBackoff,
} as const;
