import type { AnyMachineSnapshot } from 'xstate';
import type { AttachmentContext } from '../../machines/attachment/context.ts';
import { attachmentMachine } from '../../machines/attachment/machine.ts';
import type { AttachmentInput, Stamp } from '../../machines/attachment/types.ts';
import type { Json } from '../../machines/json.ts';
import { createTracer, type DefinitionId, type TracedStep } from './tracer.ts';

/** A row that a state implies: a service that runs or a timer that is armed. */
export interface ExpectedTask {
  readonly kind: 'invoke' | 'timer';
  readonly name: string;
  /** The stream's version that began it. */
  readonly run: number;
  readonly dueAt: number;
  readonly input: Json;
}

/** One attachment as the pure machine says it is, with all that it asks of a host. */
export interface StreamModel {
  readonly version: number;
  readonly value: Json;
  readonly context: AttachmentContext;
  readonly status: 'active' | 'done';
  /** In the order of a host's rows: kind, then name. */
  readonly tasks: readonly ExpectedTask[];
  readonly taken: ReadonlySet<DefinitionId>;
  /** The state after each version. */
  readonly values: readonly Json[];
  /** Whether the machine would take the event now; nothing changes. */
  accepts(event: object & { readonly type: string }, stamp: Stamp): boolean;
  step(event: object & { readonly type: string }, stamp: Stamp): void;
}

const tracer = createTracer(attachmentMachine);

/** All definitions of the attachment machine. */
export const allDefinitions: readonly DefinitionId[] = tracer.definitions;

/** What one step of the engine took: the same machine, asked with the engine's own snapshot and event. */
export function definitionsTaken(
  snapshot: AnyMachineSnapshot | null,
  event: object & { readonly type?: string },
): readonly DefinitionId[] {
  return snapshot === null
    ? tracer.init(event).taken
    : tracer.step(snapshot, event as { readonly type: string }).taken;
}

/**
 * A stream that begins at `at`. Its tasks are kept by rules of its own, so that a bug of the host's rules is not
 * repeated here: an answer or a due time settles its own task, then the step's effects follow in order.
 */
export function streamModel(input: AttachmentInput, at: number): StreamModel {
  const tasks = new Map<string, ExpectedTask>();
  const taken = new Set<DefinitionId>();
  const values: Json[] = [];
  let snapshot: AnyMachineSnapshot;

  function follow(step: TracedStep, now: number): void {
    snapshot = step.snapshot;
    values.push(snapshot.value as Json);
    for (const id of step.taken) taken.add(id);
    const run = values.length;
    for (const { type, name, delayMs } of step.effects) {
      if (type === 'stop') tasks.delete(`invoke ${name}`);
      if (type === 'cancel') tasks.delete(`timer ${name}`);
      if (type === 'arm') {
        const dueAt = now + Math.ceil(delayMs);
        tasks.set(`timer ${name}`, { kind: 'timer', name, run, dueAt, input: null });
      }
      if (type === 'start') {
        const started = inputOf(snapshot, name);
        tasks.set(`invoke ${name}`, { kind: 'invoke', name, run, dueAt: now, input: started });
      }
    }
    if (snapshot.status === 'done') tasks.clear();
  }

  const first = tracer.init(input);
  follow(first, at);
  snapshot = first.snapshot;

  return {
    get version() {
      return values.length;
    },
    get value() {
      return snapshot.value as Json;
    },
    get context() {
      return snapshot.context as AttachmentContext;
    },
    get status() {
      return snapshot.status as 'active' | 'done';
    },
    get tasks() {
      return [...tasks.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, task]) => task);
    },
    taken,
    values,
    accepts(event, stamp) {
      if (snapshot.status !== 'active') return false;
      const next = tracer.step(snapshot, { ...event, ...stamp });
      return next.snapshot !== snapshot || next.effects.length > 0;
    },
    step(event, stamp) {
      const answered = /^xstate\.(?:done|error)\.actor\.(.+)$/.exec(event.type)?.[1];
      if (answered !== undefined) tasks.delete(`invoke ${answered}`);
      tasks.delete(`timer ${event.type}`);
      follow(tracer.step(snapshot, { ...event, ...stamp }), stamp.at);
    },
  };
}

/** What XState handed to a service that this step started. */
function inputOf(snapshot: AnyMachineSnapshot, id: string): Json {
  const child: unknown = (snapshot.children as Readonly<Record<string, unknown>>)[id];
  const { input } = (child as { getSnapshot(): { readonly input?: Json } }).getSnapshot();
  return input ?? null;
}
