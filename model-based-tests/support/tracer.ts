import {
  type AnyActorScope,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  fromTransition,
} from 'xstate';

/**
 * One transition definition of a machine: `state | event | branch`. A definition is one branch of one handler:
 * guards make several of them, and each of them is a decision that a test must take.
 */
export type DefinitionId = string;

/** One pure step, with the definitions that it took: those of the event, and the eventless ones that followed. */
export interface TracedStep {
  readonly snapshot: AnyMachineSnapshot;
  readonly taken: readonly DefinitionId[];
  /** What it asks of a host, as XState's action types with the id or delay that they concern. */
  readonly effects: readonly TracedEffect[];
}

export interface TracedEffect {
  readonly type: 'start' | 'stop' | 'arm' | 'cancel' | 'other';
  readonly name: string;
  readonly delayMs: number;
}

/** A machine as a pure function that tells which of its definitions a step takes. */
export interface Tracer {
  /** All definitions, in document order. */
  readonly definitions: readonly DefinitionId[];
  init(input: object): TracedStep;
  /** @throws what guards, assigns and delays throw. */
  step(snapshot: AnyMachineSnapshot, event: { readonly type: string }): TracedStep;
  /** Event types that the present states have a handler for, guards not asked; also those of services and timers. */
  handledTypes(snapshot: AnyMachineSnapshot): readonly string[];
}

interface Definition {
  readonly source: { readonly id: string };
  readonly eventType: string;
}

interface Node {
  readonly id: string;
  readonly transitions: ReadonlyMap<string, readonly Definition[]>;
  readonly always?: readonly Definition[];
  readonly states: Readonly<Record<string, Node>>;
}

/** @param machine - Every state needs an `id` that is its own, or definitions could not be told apart. */
export function createTracer(machine: AnyStateMachine): Tracer {
  const ids = new Map<Definition, DefinitionId>();
  collectDefinitions(machine.root, ids);
  let taken: DefinitionId[] = [];
  let effects: TracedEffect[] = [];

  const self = createActor(
    fromTransition((state: object) => state, {}),
    {
      inspect: (inspected) => {
        if (inspected.type !== '@xstate.microstep') return;
        // XState's own inspectors read these fields, too; they are public in all but name.
        const transitions = hidden(inspected, '_transitions') as readonly Definition[];
        for (const definition of transitions) {
          const id = ids.get(definition);
          if (id !== undefined) taken.push(id);
        }
      },
    },
  );
  const scope = {
    self,
    system: self.system,
    id: 'tracer',
    sessionId: 'tracer',
    logger: () => {},
    defer: () => {},
    stopChild: () => {},
    emit: () => {},
    actionExecutor: (action: ExecutableAction) => effects.push(toEffect(action)),
  } as unknown as AnyActorScope;

  function trace(take: () => AnyMachineSnapshot): TracedStep {
    taken = [];
    effects = [];
    const snapshot = take();
    if (snapshot.status === 'error') throw snapshot.error;
    return { snapshot, taken, effects };
  }

  return {
    definitions: [...ids.values()],
    init: (input) => trace(() => machine.getInitialSnapshot(scope, input)),
    step: (snapshot, event) =>
      trace(() => machine.transition(snapshot, event, scope) as AnyMachineSnapshot),
    handledTypes: (snapshot) => {
      const nodes = hidden(snapshot, '_nodes') as readonly Node[];
      return [...new Set(nodes.flatMap((node) => [...node.transitions.keys()]))];
    },
  };
}

function collectDefinitions(node: Node, ids: Map<Definition, DefinitionId>): void {
  for (const [eventType, branches] of node.transitions) {
    for (const [index, branch] of branches.entries()) {
      ids.set(branch, `${node.id} | ${eventType} | ${index}`);
    }
  }
  for (const [index, branch] of (node.always ?? []).entries()) {
    ids.set(branch, `${node.id} | always | ${index}`);
  }
  for (const child of Object.values(node.states)) collectDefinitions(child, ids);
}

function hidden(object: object, field: string): unknown {
  return (object as Readonly<Record<string, unknown>>)[field];
}

interface ExecutableAction {
  readonly type: string;
  readonly params?: {
    readonly id?: string;
    readonly sendId?: string;
    readonly delay?: number;
    readonly actorRef?: { readonly id: string };
  };
}

function toEffect({ type, params }: ExecutableAction): TracedEffect {
  switch (type) {
    case 'xstate.spawnChild':
      return { type: 'start', name: params?.actorRef?.id ?? '', delayMs: 0 };
    case 'xstate.stopChild':
      return { type: 'stop', name: params?.id ?? '', delayMs: 0 };
    case 'xstate.raise':
      return { type: 'arm', name: params?.id ?? '', delayMs: params?.delay ?? 0 };
    case 'xstate.cancel':
      return { type: 'cancel', name: params?.sendId ?? '', delayMs: 0 };
    default:
      return { type: 'other', name: type, delayMs: 0 };
  }
}
