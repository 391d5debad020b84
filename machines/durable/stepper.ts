import {
  type AnyActorScope,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  fromTransition,
} from 'xstate';
import type { Json, JsonObject } from '../json.ts';

/** What a step asks of the world; carried out by the host after its commit, never by XState. */
export type Effect =
  | { readonly type: 'start'; readonly id: string; readonly src: string; readonly input: Json }
  | { readonly type: 'stop'; readonly id: string }
  /** `name` is what cancels it; `event` is XState's event type, due `delayMs` after the step. */
  | {
      readonly type: 'timer';
      readonly name: string;
      readonly event: string;
      readonly delayMs: number;
    }
  | { readonly type: 'cancel'; readonly name: string }
  | { readonly type: 'action'; readonly name: string; readonly params: Json };

/** A machine's state; opaque but for what everybody may read. */
export interface Snapshot {
  readonly value: Json;
  readonly context: JsonObject;
  readonly status: 'active' | 'done';
}

export interface Step {
  readonly snapshot: Snapshot;
  /** False when the event was not handled: nothing happened, nothing is logged. */
  readonly changed: boolean;
  readonly effects: readonly Effect[];
}

/** An event as XState takes it, with the host's stamp. */
export interface StampedEvent {
  readonly type: string;
  readonly at: number;
  readonly jitter: number;
  readonly [key: string]: unknown;
}

/** One XState machine as a pure function. All calls to XState's runtime go through these five. */
export interface Stepper {
  /** The first state. @throws what the context factory throws. */
  init(input: JsonObject): Step;
  /** @throws what a guard, an assign or a delay throws: a bug in the machine; nothing has happened then. */
  step(snapshot: Snapshot, event: StampedEvent): Step;
  persist(snapshot: Snapshot): Json;
  restore(persisted: Json): Snapshot;
  /**
   * The machine in a state that is known by value and context alone, with nothing running: what a checkpoint holds.
   * @throws what the machine throws for a value that it does not have.
   */
  resume(state: Pick<Snapshot, 'value' | 'context'>): Snapshot;
  /**
   * What the machine uses that a host cannot keep durable, each naming construct and state; none when it is sound.
   * @param id the machine's name in the log.
   */
  problems?(id: string): readonly string[];
}

/**
 * Steps `machine` with one reused actor scope (25 µs a step; XState's exported `transition()` builds an actor
 * and runs the initial transition each time: 98 µs). Effects are collected, never executed.
 */
export function createStepper(machine: AnyStateMachine): Stepper {
  let collected: CollectedAction[] = [];
  const self = createActor(fromTransition((state: object) => state, {}));
  const scope = {
    self,
    system: self.system,
    id: 'host',
    sessionId: 'host',
    logger: () => {},
    defer: () => {},
    stopChild: () => {},
    emit: () => {},
    actionExecutor: (action: CollectedAction) => collected.push(action),
  } as unknown as AnyActorScope;

  function collect(take: () => AnyMachineSnapshot, before: AnyMachineSnapshot | null): Step {
    collected = [];
    const next = take();
    const effects = collected.flatMap(toEffect);
    if (next.status === 'error') throw next.error;
    return {
      snapshot: next as unknown as Snapshot,
      changed: next !== before || effects.length > 0,
      effects,
    };
  }

  return {
    init: (input) => collect(() => machine.getInitialSnapshot(scope, input), null),
    step(snapshot, event) {
      const before = snapshot as unknown as AnyMachineSnapshot;
      return collect(() => machine.transition(before, event, scope) as AnyMachineSnapshot, before);
    },
    persist: (snapshot) =>
      machine.getPersistedSnapshot(snapshot as unknown as AnyMachineSnapshot) as unknown as Json,
    restore: (persisted) =>
      machine.restoreSnapshot(persisted as never, scope) as unknown as Snapshot,
    resume: (state) => machine.resolveState(state as never) as unknown as Snapshot,
  };
}

/** The part of XState's executable actions that a host needs; measured on 5.33.3. */
interface CollectedAction {
  readonly type: string;
  readonly params?: {
    readonly id?: string;
    readonly src?: unknown;
    readonly input?: unknown;
    readonly delay?: number;
    readonly sendId?: string;
    readonly event?: { readonly type: string };
    readonly actorRef?: { readonly id: string };
  };
}

function toEffect({ type, params }: CollectedAction): Effect[] {
  switch (type) {
    case 'xstate.raise':
      // Without a delay it was taken within the step already.
      return typeof params?.delay === 'number' && params.event !== undefined
        ? [
            {
              type: 'timer',
              name: params.id ?? params.event.type,
              event: params.event.type,
              delayMs: params.delay,
            },
          ]
        : [];
    case 'xstate.cancel':
      return params?.sendId === undefined ? [] : [{ type: 'cancel', name: params.sendId }];
    case 'xstate.spawnChild':
      return params?.actorRef === undefined
        ? []
        : [
            {
              type: 'start',
              id: params.actorRef.id,
              src: String(params.src),
              input: (params.input ?? null) as Json,
            },
          ];
    case 'xstate.stopChild':
      return params?.id === undefined ? [] : [{ type: 'stop', id: params.id }];
    case 'xstate.log':
      return [];
    default:
      if (type.startsWith('xstate.')) throw new Error(`${type} cannot be kept durable`);
      return [{ type: 'action', name: type, params: (params ?? null) as unknown as Json }];
  }
}
