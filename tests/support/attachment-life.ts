import { type AttachmentContext, defaultPolicy } from '../../machines/attachment/context.ts';
import type {
  AttachmentCommand,
  ServiceName,
  ServiceOutputs,
} from '../../machines/attachment/events.ts';
import { type AttachmentFacts, factsOf } from '../../machines/attachment/facts.ts';
import { attachmentMachine } from '../../machines/attachment/machine.ts';
import type { AttachmentInput, AttachmentPolicy } from '../../machines/attachment/types.ts';
import { createStepper, type Effect } from '../../machines/durable/stepper.ts';
import type { JsonObject } from '../../machines/json.ts';
import { inputs } from '../../model-based-tests/support/cases.ts';

/** When a life in a test begins. Milliseconds since 1970. */
export const BIRTH = inputs.captured.capturedAt;

/** One attachment's machine, stepped by hand with a clock that only tests move. */
export interface Life {
  send(event: AttachmentCommand): boolean;
  /** A service answers. False when nobody waits for it. */
  answer<Name extends ServiceName>(service: Name, output: ServiceOutputs[Name]): boolean;
  /** A service throws, or is given up. */
  crash(service: ServiceName): boolean;
  /** Moves the clock to the earliest timer and fires it; says which. */
  elapse(): string;
  /** Moves the clock alone. */
  pass(ms: number): void;
  readonly now: number;
  readonly context: AttachmentContext;
  readonly facts: AttachmentFacts;
  readonly done: boolean;
  readonly running: ReadonlySet<string>;
  /** Inputs that services were started with, latest last. */
  readonly started: readonly Extract<Effect, { type: 'start' }>[];
}

/** A new life, with the product's own policy unless told otherwise. */
export function liveThrough(
  input: Partial<AttachmentInput> & { readonly policyChange?: Partial<AttachmentPolicy> } = {},
  options: { readonly jitter?: number } = {},
): Life {
  const { policyChange, ...change } = input;
  const stepper = createStepper(attachmentMachine);
  const first = { ...inputs.captured, policy: { ...defaultPolicy, ...policyChange }, ...change };
  const timers = new Map<string, number>();
  const running = new Set<string>();
  const started: Extract<Effect, { type: 'start' }>[] = [];
  let now = BIRTH;
  let { snapshot, effects } = stepper.init(first as unknown as JsonObject);
  follow(effects);

  function follow(next: readonly Effect[]): void {
    for (const effect of next) {
      if (effect.type === 'timer') timers.set(effect.event, now + effect.delayMs);
      if (effect.type === 'cancel') timers.delete(effect.name);
      if (effect.type === 'stop') running.delete(effect.id);
      if (effect.type === 'start') {
        running.add(effect.id);
        started.push(effect);
      }
    }
  }

  function step(event: { readonly type: string }): boolean {
    const taken = stepper.step(snapshot, { ...event, at: now, jitter: options.jitter ?? 0.5 });
    ({ snapshot, effects } = taken);
    follow(effects);
    return taken.changed;
  }

  return {
    send: (event) => step(event),
    answer(service, output) {
      if (!running.has(service)) return false;
      const event = { type: `xstate.done.actor.${service}`, output };
      return step(event);
    },
    crash(service) {
      if (!running.has(service)) return false;
      const event = { type: `xstate.error.actor.${service}`, error: { name: 'TypeError' } };
      return step(event);
    },
    elapse() {
      const [next] = [...timers].toSorted(([, a], [, b]) => a - b);
      if (next === undefined) throw new Error('no timer is armed');
      const [type, dueAt] = next;
      now = Math.max(now, dueAt);
      timers.delete(type);
      step({ type });
      return type.split('.')[2] ?? type;
    },
    pass(ms) {
      now += ms;
    },
    get now() {
      return now;
    },
    get context() {
      return snapshot.context as unknown as AttachmentContext;
    },
    get facts() {
      return factsOf(snapshot.value, snapshot.context);
    },
    get done() {
      return snapshot.status === 'done';
    },
    running,
    started,
  };
}
