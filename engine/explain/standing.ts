import type { LocalSituation, Situation } from '../../machines/attachment/facts.ts';
import { faultWords, isSourceLost } from './faults.ts';
import type { Reason } from './reason.ts';
import type { Stage } from './turn.ts';
import { sizeOf, type Words } from './words.ts';

/** Where it stands, in one to three sentences: what it is doing, what it waits for, where its bytes are. */
export function standingSentences(
  stage: Stage,
  wait: { readonly waitingFor: Reason | undefined; readonly until: number | null },
  words: Words,
): readonly string[] {
  const turn: Standing = { stage, words };
  const { waitingFor: reason, until } = wait;
  const { facts } = stage;
  return [
    bySituation[facts.situation](turn),
    ...(reason === undefined ? [] : waiting(reason, until, words)),
    ...local(turn),
  ];
}

interface Standing {
  readonly stage: Stage;
  readonly words: Words;
}

type Say = (standing: Standing) => string;

const since = ({ stage, words }: Standing): string => words.time(stage.facts.since);

const cause = ({ stage }: Standing): string =>
  stage.facts.error === null ? '' : `: ${faultWords(stage.facts.error)}`;

const used = ({ stage }: Standing): string => {
  const { attempts, policy } = stage.context;
  return `${attempts} of ${policy.maxAttempts} attempts are used up`;
};

const bySituation: Readonly<Record<Situation, Say>> = {
  draft: (turn) => `It is a draft since ${since(turn)}: nothing refers to it yet.`,
  awaitingAuthor: (turn) =>
    `Since ${since(turn)} it is known here by its ref alone: its bytes are on the device that captured it.`,
  queued: (turn) =>
    turn.stage.facts.held
      ? `It is in the upload queue since ${since(turn)}, paused.`
      : `It is in the upload queue since ${since(turn)}${turn.stage.context.attempts === 0 ? '' : `; ${used(turn)}`}.`,
  waiting: (turn) => `Its last upload attempt failed${cause(turn)}; ${used(turn)}.`,
  awaitingCredentials: (turn) => `Its upload stopped at ${since(turn)}${cause(turn)}.`,
  uploading: (turn) =>
    `It is uploading since ${since(turn)}, attempt ${turn.stage.context.attempts + 1}.`,
  attaching: (turn) =>
    `The remote has its bytes; since ${since(turn)} they are verified and its address is asked for.`,
  uploaded: (turn) => `It is uploaded since ${since(turn)}: the remote has it.`,
  failed: (turn) => `It failed at ${since(turn)}${cause(turn)}.`,
  released: (turn) => `Nothing refers to it since ${since(turn)}; nothing of it was deleted yet.`,
  removing: (turn) => `It is gone; its object at the remote is being removed since ${since(turn)}.`,
  removeWaiting: (turn) => `It is gone; removing its object from the remote failed${cause(turn)}.`,
  removeAwaitingCredentials: (turn) =>
    `It is gone; removing its object from the remote stopped${cause(turn)}.`,
  settling: (turn) => `It is gone, and its object was removed from the remote at ${since(turn)}.`,
  leftover: (turn) =>
    `It is gone, but its object is still at the remote: removing it was given up${cause(turn)}.`,
  purging: (turn) => `It is gone; its local bytes are being cleaned up since ${since(turn)}.`,
  purgeWaiting: (turn) => `It is gone; cleaning up its local bytes failed${localCause(turn)}.`,
  purged: (turn) => `It is gone since ${since(turn)}: nothing of it is left here but this log.`,
};

/** What each reason reads like; the word itself stands in the sentence, so that it can be searched for. */
const waits: Readonly<Record<Reason, string>> = {
  link: 'the app to link it (link)',
  author: 'that device to upload it (author)',
  resume: 'the user to end the pause (resume)',
  account: 'its account to be signed in again (account)',
  network: 'the network to come back (network)',
  unmetered_network: 'a network that costs nothing by the byte (unmetered_network)',
  remote: 'the remote to recover: it failed so often that nothing is sent for now (remote)',
  slot: 'other uploads to end (slot)',
  backoff: 'the next try (backoff)',
  credentials: 'new credentials (credentials)',
  retry: 'somebody to ask for a retry (retry)',
  bytes: 'its bytes to turn up again (bytes)',
  undo: 'the end of the time in which its removal can be undone (undo)',
  late_arrival:
    'the last request that may still be under way to be over, then looks again (late_arrival)',
  runner: 'an app that has this database open and may upload: none is working on it now (runner)',
};

/** What a reason is, to stand behind "waits for"; its own word comes last, in brackets. */
export function reasonWords(reason: Reason): string {
  return waits[reason];
}

function waiting(reason: Reason, until: number | null, words: Words): readonly string[] {
  const end = until === null ? '' : ` until ${words.time(until)}`;
  return [`It waits${end} for ${waits[reason]}.`];
}

const localCause = ({ stage }: Standing): string =>
  stage.facts.localError === null ? '' : `: ${faultWords(stage.facts.localError)}`;

const byLocal: Readonly<Record<LocalSituation, Say>> = {
  present: ({ stage }) =>
    stage.facts.error !== null && isSourceLost(stage.facts.error)
      ? 'Its bytes should be on this device, and are not there as they were captured.'
      : `Its bytes are on this device, ${sizeOf(stage.context.media.byteSize)}${stage.facts.pinned ? ', pinned' : ''}.`,
  evicting: () => 'Its local bytes are being dropped, since the remote has them.',
  inUse: ({ stage }) =>
    `Its bytes are on this device, ${sizeOf(stage.context.media.byteSize)}, and in use.`,
  evicted: (turn) =>
    `Its bytes are not on this device; reading it fetches them${localFailure(turn)}.`,
  downloading: () => 'Its bytes are being downloaded.',
  downloadWaiting: (turn) => {
    const { context } = turn.stage;
    const next = turn.words.time(context.localSince + context.localDelayMs);
    return `Its bytes are not on this device; the download is tried again at ${next}${localFailure(turn)}.`;
  },
  downloadAwaitingCredentials: (turn) =>
    `Its bytes are not on this device; the download waits for credentials${localFailure(turn)}.`,
  missing: () => 'Its bytes are not on this device.',
  purging: () => '',
  purgeWaiting: () => '',
  purged: () => '',
};

const localFailure = (turn: Standing): string => {
  const why = localCause(turn);
  return why === '' ? '' : `; the last try failed${why}`;
};

/** Of what is gone, the bytes are told of with the rest. */
function local(turn: Standing): readonly string[] {
  const { facts } = turn.stage;
  if (facts.situation === 'purging' || facts.situation === 'purged') return [];
  const sentence = byLocal[facts.local](turn);
  return sentence === '' ? [] : [sentence];
}
