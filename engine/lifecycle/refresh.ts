import { type Clock, sleep } from '../../ports/clock.ts';

/** What the app is told when the engine asks it for new credentials. */
export interface RefreshContext {
  readonly account: string;
  /** The code of the refusal, as the adapter gave it. */
  readonly code: string;
  /** Aborted after 30 seconds, and when Lading closes: what comes later is not taken. */
  readonly signal: AbortSignal;
}

/**
 * Gets new credentials from the app: what it resolves with is handed to `Remote.credentials` and `Backend.credentials`,
 * where they have it. `null`, or a rejection: there are none now, the user has to sign in.
 */
export type RefreshCredentials = (context: RefreshContext) => Promise<unknown>;

/** Longest wait for the app's answer. */
const ANSWER_MS = 30_000;

/**
 * Asks the app once; ends when it answered, when the time is over, or with `ending`.
 * @returns what it gave; `null`: none. Rejects with what it threw.
 */
export async function askForCredentials(
  refresh: RefreshCredentials,
  asked: Omit<RefreshContext, 'signal'>,
  { clock, ending }: { readonly clock: Clock; readonly ending: AbortSignal },
): Promise<unknown> {
  const answered = new AbortController();
  const late = new AbortController();
  const signal = AbortSignal.any([ending, late.signal]);
  const tooLate = sleep(clock, ANSWER_MS, AbortSignal.any([ending, answered.signal])).then(() => {
    const reason = new Error(`no answer within ${ANSWER_MS / 1000} s`);
    late.abort(reason);
    throw reason;
  });
  tooLate.catch(() => {});
  try {
    return await Promise.race([refresh({ ...asked, signal }), tooLate]);
  } finally {
    answered.abort();
  }
}
