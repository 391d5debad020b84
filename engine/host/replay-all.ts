import { isDeepEqual } from '../../machines/durable/deep-equal.ts';
import { toMachineEvent } from '../../machines/durable/event-names.ts';
import type { Snapshot } from '../../machines/durable/stepper.ts';
import { isCompacted, TOMBSTONE } from '../../ports/compacted.ts';
import { LadingError } from '../../ports/errors.ts';
import type { StoredEvent, StreamId } from '../../ports/event-store.ts';
import type { HostedMachine } from './definition.ts';
import { foldStep } from './snapshots.ts';
import { applyToTasks, createTaskFold, type TaskFold } from './task-fold.ts';

/** What all events of a stream come to. */
export interface Replayed {
  readonly snapshot: Snapshot;
  readonly version: number;
  /** What the world still owes by the log. */
  readonly tasks: TaskFold;
}

/**
 * Folds a whole log, without a word of what was derived from it. One that begins with a checkpoint or a tombstone
 * begins at its version, since nothing was owed when it was written.
 * @param differs told where the state that an event recorded is not the one that the machine makes.
 * @throws {LadingError} `database_corrupt` for a log with gaps or without events, `unknown_event_version`.
 */
export function replayAll(
  machine: HostedMachine,
  stream: StreamId,
  events: readonly StoredEvent[],
  differs: (message: string) => void,
): Replayed {
  let snapshot: Snapshot | undefined;
  const tasks = createTaskFold();
  const [first] = events;
  const begin = first !== undefined && isCompacted(first.type) ? first.version : 1;
  events.forEach((event, index) => {
    if (event.version !== begin + index || (index > 0 && isCompacted(event.type))) {
      const message = `Event ${begin + index} of stream ${stream} is missing.`;
      throw new LadingError('database_corrupt', message, { details: { stream } });
    }
    const step = foldStep(machine, snapshot, event);
    snapshot = step.snapshot;
    // A tombstone records none: it is done, whatever the states of its machine are called by now.
    if (event.type !== TOMBSTONE && !isDeepEqual(snapshot.value, event.state)) {
      differs(
        `event ${event.version} (${event.type}) recorded ${JSON.stringify(event.state)}, the machine makes ${JSON.stringify(snapshot.value)}`,
      );
    }
    const { at, jitter } = event; // nothing else of it: a stored event has a `type` of its own
    const as = toMachineEvent(event.type, event.payload, { at, jitter });
    applyToTasks(
      tasks,
      { stream, machine: machine.id, version: event.version, at: event.at },
      step,
      {
        type: as.type,
        service: event.payload['service'] ?? null,
      },
    );
  });
  if (snapshot === undefined) {
    throw new LadingError('database_corrupt', `Stream ${stream} has no events.`);
  }
  return { snapshot, version: begin - 1 + events.length, tasks };
}
