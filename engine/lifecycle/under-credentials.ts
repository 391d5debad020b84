import type { Fault } from '../../machines/attachment/types.ts';
import type { Credentials } from './credentials.ts';
import { fault } from './outputs.ts';

/**
 * One request of a run, under the credentials of the moment. A refusal under ones that were replaced meanwhile says
 * nothing: it is repeated with the new ones, and no strike. A plain 403 may be an expired session in disguise: new ones
 * are asked for once, it is repeated once, then it is what it says (field case 39). One under credentials that others were
 * refused says nothing either: it waits for newer ones with them.
 *
 * @param options `waits`: somebody waits for the answer, so that new credentials are waited for here. Without it the
 *   refusal goes into the log, and the attachment is woken when there are new ones.
 */
export async function underCredentials<T extends { readonly ok: true }>(
  credentials: Credentials,
  signal: AbortSignal,
  attempt: (isRepeat: boolean) => Promise<T | Fault>,
  { waits = false }: { readonly waits?: boolean } = {},
): Promise<T | Fault> {
  // Begun before the refusal that closed the gate, and not sent yet: put back, which burns nothing.
  if (!waits && credentials.areRefused) return PUT_BACK;
  let wasForbidden = false;
  for (let isRepeat = false; ; isRepeat = true) {
    const { generation, areLookedAt } = credentials;
    const outcome = await attempt(isRepeat);
    if (outcome.ok) credentials.accepted(generation);
    if (outcome.ok || signal.aborted) return outcome;
    if (outcome.class === 'auth') {
      const areCurrent = credentials.refused(generation, outcome.code);
      if (areCurrent && !(waits && (await credentials.renewed(generation, outcome.code)))) {
        return areLookedAt && !waits ? PUT_BACK : outcome;
      }
    } else {
      if (!isForbidden(outcome)) return outcome;
      const areRefused = (): boolean =>
        credentials.areRefused && credentials.generation === generation;
      if (!areRefused() && (wasForbidden || credentials.areFresh(generation))) return outcome;
      wasForbidden = true;
      const mayWait = waits || !areRefused();
      if (!(mayWait && (await credentials.renewed(generation, outcome.code)))) {
        if (!areRefused()) return outcome;
        return waits ? { ...outcome, class: 'auth' } : PUT_BACK;
      }
    }
    if (signal.aborted) return outcome;
  }
}

const PUT_BACK = fault('offline', 'credentials_refused');

/** A 403 of which the adapter cannot say that it means an expired session or a skewed clock. */
function isForbidden({ class: cls, code }: Fault): boolean {
  return cls === 'terminal' && code === 'forbidden';
}
