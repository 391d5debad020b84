import type { AttachmentFacts } from '../../machines/attachment/facts.ts';
import {
  type AttachmentView,
  type Gates,
  viewOf,
  type WaitingFor,
} from '../../machines/attachment/view.ts';

/**
 * What something waits for. `runner`: seen from outside of an app, for one that has the database open and works on it;
 * an app itself never shows it, since it is the runner.
 */
export type Reason = WaitingFor | 'runner';

export type ShownState = AttachmentView['state'];

/** What is known of the engine beside the log. */
export type Surroundings =
  /** From within the app: its gates. */
  | { readonly gates: Gates }
  /**
   * From outside, as a command line sees a file: whether a runner with a live lease holds this attachment's upload,
   * and how many hold any. Network, pause, account and a remote that rests are known to that app alone.
   */
  | { readonly held: boolean; readonly runners: number };

const OPEN: Gates = {
  online: true,
  networkPolicyOk: true,
  paused: false,
  accountActive: true,
  slotFree: true,
};

/** Situations in which only a running app moves something. */
const NEEDS_RUNNER: ReadonlySet<AttachmentFacts['situation']> = new Set([
  'queued',
  'uploading',
  'attaching',
  'removing',
  'purging',
]);

/** The state a screen shows, and what it waits for; nothing shows `uploading` that nobody uploads (contract 2). */
export function shownOf(
  facts: AttachmentFacts,
  around: Surroundings,
): { readonly state: ShownState; readonly waitingFor?: Reason; readonly until?: number } {
  if ('gates' in around) {
    const { state, waitingFor, until } = viewOf(facts, around.gates);
    return {
      state,
      ...(waitingFor === undefined ? {} : { waitingFor }),
      ...(until === undefined ? {} : { until }),
    };
  }
  const { state, waitingFor } = viewOf(facts, OPEN);
  if (waitingFor !== undefined) return { state, waitingFor };
  if (!NEEDS_RUNNER.has(facts.situation) || around.held) return { state };
  const idle = state === 'uploading' ? 'local_only' : state;
  // A runner that works on others will come to it; where there is none, nobody does.
  return { state: idle, waitingFor: around.runners > 0 ? 'slot' : 'runner' };
}
