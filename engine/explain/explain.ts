import type { AttachmentContext } from '../../machines/attachment/context.ts';
import { factsOf, type Situation } from '../../machines/attachment/facts.ts';
import { type MediaId, type Owner, ownerKey } from '../../machines/attachment/types.ts';
import type { Json } from '../../machines/json.ts';
import { isCompacted } from '../../ports/compacted.ts';
import { LadingError } from '../../ports/errors.ts';
import type { StoredEvent } from '../../ports/event-store.ts';
import { printable } from '../../ports/printable.ts';
import type { HostedMachine } from '../host/definition.ts';
import { foldStep } from '../host/snapshots.ts';
import { type Advice, adviceOf } from './advice.ts';
import { eventSentence } from './event-sentences.ts';
import { faultWords } from './faults.ts';
import { type Reason, type ShownState, type Surroundings, shownOf } from './reason.ts';
import { standingSentences } from './standing.ts';
import type { Stage } from './turn.ts';
import { createWords, quoted } from './words.ts';

export interface ExplainOptions {
  /** Explains it as it was after this event. Default the newest. A whole number from 1. */
  readonly atVersion?: number;
  /** IANA name, for the times in sentences. Default the device's own. */
  readonly timeZone?: string;
}

/** One event of an attachment's life, told. */
export interface Chapter {
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly type: string;
  /** The machine's state after it. */
  readonly state: Json;
  readonly situation: Situation;
  readonly sentence: string;
}

/** Why an attachment is where it is (contract 9.5). Holds no file name, no path, no credential. */
export interface Explanation {
  readonly mediaId: MediaId;
  /** The version of the stream that is explained. */
  readonly version: number;
  /** How many events the stream had; one that was compacted holds fewer. */
  readonly versions: number;
  readonly state: ShownState;
  readonly situation: Situation;
  readonly waitingFor?: Reason;
  /** Since when the situation stands, and when it ends by itself. Milliseconds since 1970. */
  readonly since: number;
  readonly until?: number;
  /** Burnt attempts since the last success or retry, and after how many it fails. */
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly error?: { readonly code: string; readonly message: string; readonly retryable: boolean };
  /** From the first event on. */
  readonly story: readonly Chapter[];
  /** Where it stands. */
  readonly standing: readonly string[];
  readonly advice: Advice;
  /** All of it, in order: story, standing, and what to do. */
  readonly sentences: readonly string[];
}

/**
 * Tells a stream's whole life from its events, which are replayed: a pure function.
 * @param events all of the stream, oldest first.
 * @param owner how an owner is named. Default its entity and field.
 * @throws {LadingError} `not_found` without events; `invalid_option` for a version that is not there;
 *   `unknown_event_version` for a log of a newer version.
 */
export function explain(
  events: readonly StoredEvent[],
  machine: HostedMachine,
  around: Surroundings,
  options: ExplainOptions & { readonly nameOwner?: (owner: Owner) => string } = {},
): Explanation {
  const version = requireVersion(options.atVersion, events);
  const words = createWords(options.timeZone);
  const nameOwner = options.nameOwner ?? nameOf;
  const story: Chapter[] = [];
  let before: Stage | null = null;
  for (const { stage, event } of replayed(
    events.filter((one) => one.version <= version),
    machine,
  )) {
    const sentence = eventSentence({
      type: event.type,
      version: event.version,
      payload: isCompacted(event.type)
        ? event.payload
        : (machine.upcast?.(event.type, event.schemaVersion, event.payload) ?? event.payload),
      at: event.at,
      before,
      after: stage,
      words,
      owner: (payload) => ownerName(payload, nameOwner),
    });
    const { at, type } = event;
    story.push({
      version: event.version,
      at,
      type,
      state: stage.value,
      situation: stage.facts.situation,
      sentence,
    });
    before = stage;
  }
  const now = before;
  if (now === null) throw new LadingError('not_found', 'The attachment has no events.');
  const { facts, context } = now;
  const { state, waitingFor, until = facts.until } = shownOf(facts, around);
  words.forgetDay();
  const standing = standingSentences(now, { waitingFor, until }, words);
  const advice = adviceOf(facts, waitingFor);
  return {
    mediaId: context.mediaId,
    version,
    versions: events.at(-1)?.version ?? 0,
    state,
    situation: facts.situation,
    ...(waitingFor === undefined ? {} : { waitingFor }),
    since: facts.since,
    ...(until === null ? {} : { until }),
    attempts: facts.attempts,
    maxAttempts: context.policy.maxAttempts,
    ...(facts.error === null
      ? {}
      : {
          error: {
            code: quoted(facts.error.code, 60),
            message: faultWords(facts.error),
            retryable: facts.error.retryable,
          },
        }),
    story,
    standing,
    advice,
    sentences: [
      ...story.map(({ sentence }) => sentence),
      ...standing,
      `What to do: ${advice.text}`,
    ],
  };
}

/** The state after each event: a fold, like every state here (contract 9.2). */
export function* replayed(
  events: readonly StoredEvent[],
  machine: HostedMachine,
): Generator<{ readonly event: StoredEvent; readonly stage: Stage }> {
  let snapshot: ReturnType<typeof foldStep>['snapshot'] | undefined;
  for (const event of events) {
    snapshot = foldStep(machine, snapshot, event).snapshot;
    const value = snapshot.value;
    const context = snapshot.context as unknown as AttachmentContext;
    yield { event, stage: { value, context, facts: factsOf(value, context) } };
  }
}

function requireVersion(given: number | undefined, events: readonly StoredEvent[]): number {
  const [oldest, newest] = [events[0]?.version ?? 1, events.at(-1)?.version ?? 0];
  if (given === undefined) return newest;
  if (Number.isInteger(given) && given >= oldest && given <= newest) return given;
  const why = oldest === 1 ? '' : `; the events before event ${oldest} were compacted`;
  throw new LadingError(
    'invalid_option',
    `atVersion must be a whole number from ${oldest} to ${newest}: the attachment has ${newest} events${why}.`,
    { details: { name: 'atVersion', value: given } },
  );
}

/** `item item-1, images`. */
function nameOf(owner: Owner): string {
  return printable(`${owner.entityType} ${owner.entityId}, ${owner.field}`);
}

function ownerName(payload: Json | undefined, nameOwner: (owner: Owner) => string): string {
  const owner = payload as unknown as Owner | undefined;
  try {
    if (owner !== undefined) ownerKey(owner);
  } catch {
    return 'its owner';
  }
  return owner === undefined ? 'its owner' : nameOwner(owner);
}
