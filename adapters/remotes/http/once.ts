import type { UploadContext, UploadOutcome } from '../../../ports/remote.ts';
import { UNHEARD } from '../transport/carried.ts';
import { fault } from '../transport/faults.ts';

export interface Attempted {
  readonly outcome: UploadOutcome;
  /** Whether the server may have stored it although it failed (field case 20). */
  readonly isUnknown: boolean;
}

/**
 * For servers that choose a new place each time, and can be asked for none: a second request makes a second copy. So
 * an attempt whose end nobody knows is not repeated by itself. It fails for good, a person sees it, and whoever retries it
 * then means it: that one is sent (contract 4.2, 4.4).
 *
 * What is known of the last attempt stands in the checkpoint, which is durable before a byte is sent.
 */
export async function atMostOnce(
  context: UploadContext,
  run: (beforeSending: () => Promise<void>) => Promise<Attempted>,
  /** The end of the last request is known after all. */
  isTold: boolean,
): Promise<UploadOutcome> {
  if (!isTold && (await context.checkpoint.load()) === SENDING) {
    await context.checkpoint.save(TOLD);
    return outcomeUnknown;
  }
  // Not earlier: what the app could not say before it is no doubt.
  const { outcome, isUnknown } = await run(() => context.checkpoint.save(SENDING));
  if (outcome.ok) return outcome;
  if (!isUnknown) {
    await context.checkpoint.save(IDLE);
    return outcome;
  }
  // Nobody hears what a stopped run says: the next one has to say it. And it asks again what could not be asked for.
  if (context.signal.aborted || outcome.code === UNHEARD.code) return outcome;
  await context.checkpoint.save(TOLD);
  return outcomeUnknown;
}

const SENDING = 'sending';
/** That it is not known was said: the next attempt is a person's wish. */
const TOLD = 'told';
const IDLE = 'idle';

const outcomeUnknown = fault(
  'terminal',
  'outcome_unknown',
  'Nobody knows whether the server has this file, and it cannot be asked.',
);
