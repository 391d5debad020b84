import type { ServiceName } from '../../machines/attachment/events.ts';
import { faultIn, faultWords, isSourceLost, objectOf, textOf } from './faults.ts';
import type { Tell, Turn } from './turn.ts';
import { quoted, sizeOf } from './words.ts';

/** How a service's answers read: `what` finishes "… failed at". */
interface ServiceWords {
  readonly what: (turn: Turn) => string;
  readonly succeeded: Tell;
}

const when = ({ words, at }: Turn): string => words.time(at);

const services: Readonly<Record<ServiceName, ServiceWords>> = {
  upload: {
    what: ({ before }) => `Upload attempt ${(before?.context.attempts ?? 0) + 1}`,
    succeeded: (turn) =>
      turn.after.context.url === null
        ? `Uploaded at ${when(turn)}: the remote has all ${sizeOf(turn.after.context.media.byteSize)}; verifying them and getting their address comes next.`
        : `Uploaded at ${when(turn)}: the remote has all ${sizeOf(turn.after.context.media.byteSize)}, and its address stands in every ref.`,
  },
  attach: {
    what: () => 'The last step of the upload, verifying the object and getting its address,',
    succeeded: (turn) =>
      `Verified at ${when(turn)}: the remote has it, and its address stands in every ref.`,
  },
  removeRemote: {
    what: () => 'The removal of its object from the remote',
    succeeded: (turn) =>
      turn.after.facts.situation === 'settling'
        ? `Removed from the remote at ${when(turn)}; a request that was still under way may bring it back, so there is a second look at ${turn.words.time(turn.after.facts.until ?? turn.at)}.`
        : `The second look at ${when(turn)} found nothing left at the remote.`,
  },
  evict: {
    what: () => 'The removal of its local bytes',
    succeeded: (turn) =>
      `Its local bytes were dropped at ${when(turn)}; reading it fetches them again.`,
  },
  download: {
    what: () => 'The download of its bytes',
    succeeded: (turn) => `Its bytes were downloaded and verified at ${when(turn)}.`,
  },
  purge: {
    what: () => 'The clean-up of its local bytes',
    succeeded: (turn) =>
      `Its local bytes were cleaned up at ${when(turn)}; nothing of it is left here.`,
  },
};

const failed =
  ({ what }: ServiceWords): Tell =>
  (turn) => {
    const fault = faultIn(turn.payload['output']);
    if (fault?.class === 'absent') return `${what(turn)} found nothing there at ${when(turn)}.`;
    const why = fault === null ? 'it said no more' : faultWords(fault);
    return `${what(turn)} failed at ${when(turn)}: ${why}.${consequence(turn, fault?.class)}`;
  };

/** A service that threw, or one that was given up: the text of an error may hold anything, its name and code do. */
const crashed =
  ({ what }: ServiceWords): Tell =>
  (turn) => {
    const error = objectOf(turn.payload['error']);
    const named = [error?.['name'], error?.['code']]
      .map((part) => quoted(textOf(part), 60))
      .filter((part) => part !== '');
    const detail = named.length === 0 ? '' : ` (${named.join(', ')})`;
    return `${what(turn)} ended at ${when(turn)} with an error that is a bug${detail}.${consequence(turn, 'bug')}`;
  };

/** What a failure led to; the state after it says so. */
function consequence({ before, after, words }: Turn, failure: string | undefined): string {
  const { facts, context } = after;
  const until = facts.until === null ? '' : words.time(facts.until);
  if (before !== null && before.facts.situation === facts.situation) {
    // The transfer did not move: it is the local copy's failure.
    if (facts.local === 'downloadWaiting') {
      return ` The next try is at ${words.time(context.localSince + context.localDelayMs)}.`;
    }
    return facts.local === 'evicted' ? ' The next read tries again.' : '';
  }
  if (facts.situation === 'queued') return ' That counts as no attempt; it is in the queue again.';
  if (facts.situation === 'waiting') {
    return ` The next attempt is at ${until}, ${context.attempts} of ${context.policy.maxAttempts} are used up.`;
  }
  if (facts.situation === 'awaitingCredentials') {
    return ' That counts as no attempt; it waits for credentials.';
  }
  if (facts.situation === 'failed') {
    if (facts.error !== null && isSourceLost(facts.error)) {
      return ' It stopped there: nothing is left to send.';
    }
    if (failure === 'terminal' || failure === 'bug')
      return ' It stopped there; its bytes are kept.';
    if (failure === 'auth') {
      return ' Refused again and again under new credentials, it stopped; its bytes are kept.';
    }
    return ' That was the last of its attempts, so it stopped; its bytes are kept.';
  }
  if (facts.situation === 'removeWaiting' || facts.situation === 'purgeWaiting') {
    return ` The next try is at ${until}.`;
  }
  return '';
}

const timers: Readonly<Record<string, Tell>> = {
  'draftGrace.elapsed': (turn) =>
    `At ${when(turn)} the draft had been linked to nothing for so long that it is cleaned up.`,
  'undoGrace.elapsed': (turn) =>
    `At ${when(turn)} the time to undo its removal was over: it goes for good.`,
  'backoff.elapsed': (turn) => `The wait was over at ${when(turn)}: it is in the queue again.`,
  'removeBackoff.elapsed': (turn) =>
    `The wait was over at ${when(turn)}: its object is removed from the remote again.`,
  'lateArrival.elapsed': (turn) =>
    `At ${when(turn)} no request could be under way any more: the second look at the remote began.`,
  'busyWait.elapsed': (turn) =>
    `Since ${when(turn)} nobody is known to read its local bytes any more.`,
  'downloadBackoff.elapsed': (turn) =>
    `The wait was over at ${when(turn)}: the download began again.`,
  'purgeBackoff.elapsed': (turn) =>
    `The wait was over at ${when(turn)}: its local bytes are cleaned up again.`,
};

/** Sentences for all that services answered and timers brought (`machines/durable/event-names.ts`). */
export const resultSentences: Readonly<Record<string, Tell>> = {
  ...Object.fromEntries(
    Object.entries(services).flatMap(([service, words]) => [
      [`${service}.succeeded`, words.succeeded],
      [`${service}.failed`, failed(words)],
      [`${service}.settled`, failed(words)],
      [`${service}.crashed`, crashed(words)],
    ]),
  ),
  ...timers,
};
