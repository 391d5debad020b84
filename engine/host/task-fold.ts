import type { Effect, Step } from '../../machines/durable/stepper.ts';
import type { StreamId, Task } from '../../ports/event-store.ts';

/** What a log says that the world still owes: the same rules as the host's own commits, as a fold. */
export interface TaskFold {
  /** Invokes and timers that stand, by kind and name. */
  readonly owed: Map<string, Task>;
  /** All actions that were ever asked for, by name: that one is done is not in the log. */
  readonly actions: Map<string, Task>;
}

export function createTaskFold(): TaskFold {
  return { owed: new Map(), actions: new Map() };
}

/** Where a step stands in its log. */
export interface StepPlace {
  readonly stream: StreamId;
  readonly machine: string;
  readonly version: number;
  readonly at: number;
}

/** Adds one step. `cause` is the event as the machine took it: a result or a timer settles its own task first. */
export function applyToTasks(
  fold: TaskFold,
  place: StepPlace,
  step: Step,
  cause: { readonly type: string; readonly service: unknown },
): void {
  if (/^xstate\.(?:done|error)\.actor\./.test(cause.type)) {
    fold.owed.delete(keyOf('invoke', String(cause.service)));
  }
  fold.owed.delete(keyOf('timer', cause.type));
  step.effects.forEach((effect, index) => {
    if (effect.type === 'stop') fold.owed.delete(keyOf('invoke', effect.id));
    else if (effect.type === 'cancel') fold.owed.delete(keyOf('timer', effect.name));
    else {
      const task = taskOf(place, effect, index);
      if (task.kind === 'action') fold.actions.set(task.name, task);
      else fold.owed.set(keyOf(task.kind, task.name), task);
    }
  });
  if (step.snapshot.status === 'done') fold.owed.clear();
}

/** The row that an effect of a step asks for, unclaimed. */
export function taskOf(
  { stream, machine, version, at }: StepPlace,
  effect: Exclude<Effect, { type: 'stop' | 'cancel' }>,
  index: number,
): Task {
  const common = {
    stream,
    machine,
    run: version,
    startedAt: at,
    dueAt: at,
    attempts: 0,
    runner: null,
  };
  switch (effect.type) {
    case 'start':
      return {
        ...common,
        kind: 'invoke',
        name: effect.id,
        src: effect.src,
        input: effect.input,
      };
    case 'timer':
      return {
        ...common,
        kind: 'timer',
        name: effect.name,
        src: effect.event,
        input: null,
        dueAt: dueAfter(at, effect),
      };
    default:
      return {
        ...common,
        kind: 'action',
        name: `${version}.${index}`,
        src: effect.name,
        input: effect.params,
      };
  }
}

/** Whole milliseconds, never early. @throws {RangeError} for a delay that is no length of time. */
function dueAfter(at: number, timer: Extract<Effect, { type: 'timer' }>): number {
  const dueAt = at + Math.ceil(Math.max(0, timer.delayMs));
  if (Number.isSafeInteger(dueAt)) return dueAt;
  throw new RangeError(`delay ${timer.name} is ${timer.delayMs} ms, which no timer can wait`);
}

function keyOf(kind: Task['kind'], name: string): string {
  return `${kind}\n${name}`;
}
