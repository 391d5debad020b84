import { isDeepEqual } from '../../machines/durable/deep-equal.ts';
import {
  CHECKPOINT,
  type CheckpointPayload,
  type CompactionTable,
  isCompacted,
  type Replaced,
  TOMBSTONE,
} from '../../ports/compacted.ts';
import { LadingError } from '../../ports/errors.ts';
import type { NewEvent, StoredEvent, StoreTransaction, StreamId } from '../../ports/event-store.ts';
import type { Compaction, HostedMachine, StateView } from './definition.ts';
import { type Replayed, replayAll } from './replay-all.ts';
import { foldStep } from './snapshots.ts';
import { viewOf } from './work.ts';

/** A machine, and what may stand for the events of its streams. */
export interface CompactedMachine {
  readonly machine: HostedMachine;
  readonly rules: Compaction;
}

/** What became of one stream. */
export type Compacted =
  | { readonly outcome: 'checkpoint' | 'tombstone'; readonly events: number }
  /** Not to be compacted: `no` by its state, `busy` while something is owed, `early` by its age, `gone` by now. */
  | { readonly outcome: 'no' | 'busy' | 'early' | 'gone' };

/**
 * Puts one event in the place of all events of a stream at rest, within the transaction that is given: a crash leaves
 * all of the old log or all of the new one, and a step that was first makes this one look again (contract 5.5, 9.1).
 * What the event stands for is proved before anything is deleted: the fold of it is the fold of the events.
 * @param isDue whether a stream of this age may be compacted so.
 * @throws {LadingError} `database_corrupt` for a log that is not what was derived from it (see `verify`), which is left
 *   as it is; `unknown_event_version`, `version_conflict`.
 */
export function compactStream(
  tx: StoreTransaction,
  table: CompactionTable,
  { machine, rules }: CompactedMachine,
  stream: StreamId,
  isDue: (how: 'checkpoint' | 'tombstone', lastAt: number) => boolean,
): Compacted {
  const head = tx.log.head(stream);
  if (head === undefined) return { outcome: 'gone' };
  const events = tx.log.read(stream);
  const replayed = replayAll(machine, stream, events, (message) => {
    throw unsound(stream, message);
  });
  const last = events.at(-1) as StoredEvent;
  const state = viewOf(replayed.snapshot);
  if (head.version !== replayed.version || head.status !== state.status) {
    throw unsound(stream, `its head says version ${head.version}, ${head.status}`);
  }
  const how = rules.how(state);
  const owed = tx.tasks.of(stream);
  // What only an event can change is not looked at again before there is one.
  if (how === 'no' || replayed.tasks.owed.size > 0) {
    table.passOver(tx, stream, head.version);
    return { outcome: 'no' };
  }
  if (owed.length > 0) return { outcome: 'busy' };
  if (!isDue(how, last.at)) return { outcome: 'early' };
  const event =
    how === 'tombstone'
      ? tombstoneOf(rules, state, events, last)
      : checkpointOf(machine, rules, state, events, last);
  const after = proved(machine, how, replayed, { ...event, stream, ...placeOf(last) });
  table.replace(tx, stream, head.version, event);
  if (how === 'tombstone') {
    const { version } = head;
    machine.project?.(tx, { stream, machine: machine.id, version, event, before: state, after });
  }
  return { outcome: how, events: events.length - 1 };
}

function checkpointOf(
  { format }: HostedMachine,
  rules: Compaction,
  { value, context }: StateView,
  events: readonly StoredEvent[],
  last: StoredEvent,
): NewEvent {
  const kept = rules.keep?.(events);
  const payload: CheckpointPayload = {
    format,
    context,
    replaced: replacedBy(events),
    ...(kept === undefined ? {} : { kept }),
    ...keysOf(events),
  };
  return { ...common(last), type: CHECKPOINT, payload, state: value };
}

/** Its state is null: what a tombstone stands for is `expand`'s to say, also when states have other names by then. */
function tombstoneOf(
  rules: Compaction,
  state: StateView,
  events: readonly StoredEvent[],
  last: StoredEvent,
): NewEvent {
  const payload = { ...rules.strip(state), ...keysOf(events) };
  return { ...common(last), type: TOMBSTONE, payload, state: null };
}

/** The time is that of the last event: nothing happened since. */
function common({ at }: StoredEvent): Pick<NewEvent, 'schemaVersion' | 'at' | 'jitter' | 'key'> {
  return { schemaVersion: 1, at, jitter: 0, key: null };
}

function placeOf({ version, position }: StoredEvent): Pick<StoredEvent, 'version' | 'position'> {
  return { version, position };
}

function replacedBy(events: readonly StoredEvent[]): Replaced {
  const types: Record<string, number> = {};
  const times: number[] = [];
  for (const event of events) {
    const earlier =
      event.type === CHECKPOINT ? (event.payload as CheckpointPayload).replaced : null;
    times.push(earlier?.from ?? event.at, event.at);
    // Of the life before a tombstone nothing is known but its length.
    const counted = earlier?.types ?? { [event.type]: isCompacted(event.type) ? event.version : 1 };
    for (const [type, count] of Object.entries(counted)) types[type] = (types[type] ?? 0) + count;
  }
  return {
    events: Object.values(types).reduce((sum, count) => sum + count, 0),
    from: Math.min(...times),
    to: Math.max(...times),
    types,
  };
}

function keysOf(events: readonly StoredEvent[]): { readonly keys?: readonly string[] } {
  const keys = events.flatMap(({ key, type, payload }) => [
    ...(isCompacted(type) ? ((payload as Partial<CheckpointPayload>).keys ?? []) : []),
    ...(key === null ? [] : [key]),
  ]);
  return keys.length === 0 ? {} : { keys };
}

/** @throws {LadingError} `database_corrupt` when the event does not stand for the events: a bug, found in time. */
function proved(
  { stepper, ...machine }: HostedMachine,
  how: 'checkpoint' | 'tombstone',
  { snapshot }: Replayed,
  event: StoredEvent,
): StateView {
  const stored = { ...event, payload: asStored(event.payload) };
  const { snapshot: found } = foldStep({ ...machine, stepper }, undefined, stored);
  const isSame =
    how === 'tombstone'
      ? found.status === 'done'
      : isDeepEqual(asStored(stepper.persist(found)), asStored(stepper.persist(snapshot)));
  if (!isSame) throw unsound(event.stream, `a ${how} would not stand for its events`);
  return viewOf(found);
}

function asStored<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

function unsound(stream: StreamId, why: string): LadingError {
  return new LadingError(
    'database_corrupt',
    `Stream ${stream} is not compacted: ${why}. Its log stays as it is; verify tells more.`,
    { details: { stream } },
  );
}
