import type { AnyMachineSnapshot } from 'xstate';
import { getShortestPaths } from 'xstate/graph';
import type { AttachmentContext } from '../../machines/attachment/context.ts';
import type { AttachmentCommand, ServiceName } from '../../machines/attachment/events.ts';
import { attachmentMachine } from '../../machines/attachment/machine.ts';
import type { Owner, Stamp } from '../../machines/attachment/types.ts';
import type { Json } from '../../machines/json.ts';
import {
  type CaseOptions,
  commandTypes,
  type EventCase,
  type InputName,
  inputs,
  labelOf,
  logoOwner,
  receiptOwner,
} from './cases.ts';
import { keyOf, possibleEvents, stamped } from './search.ts';
import { createTracer, type DefinitionId } from './tracer.ts';

/** One step of a path, with all that a real engine must show after it. */
export interface PathStep {
  /** A command is sent; an `xstate.done.*` or `xstate.error.*` is a service's answer; an `xstate.after.*` a due time. */
  readonly event: EventCase;
  /** Milliseconds since 1970 at which it happens: commands and answers 10 ms apart, timers when they are due. */
  readonly at: number;
  readonly jitter: number;
  readonly value: Json;
  readonly context: AttachmentContext;
  readonly status: 'active' | 'done';
  readonly taken: readonly DefinitionId[];
  /** Services that run after it. */
  readonly running: readonly ServiceName[];
  /** Timers that are armed after it, by XState's event type, and when they are due. */
  readonly timers: Readonly<Record<string, number>>;
}

/** A way through the machine that time allows: no timer is skipped that would have fired before. */
export interface MachinePath {
  /** Sentence-like and unique: input, then every event. */
  readonly name: string;
  readonly input: InputName;
  readonly steps: readonly PathStep[];
  /** Definitions that no earlier path takes. */
  readonly covers: readonly DefinitionId[];
}

export interface PathSet {
  readonly paths: readonly MachinePath[];
  readonly definitions: readonly DefinitionId[];
  /** Definitions that no path takes: must be none. */
  readonly missing: readonly DefinitionId[];
}

/** The chance that every stamp of a path brings. */
export const PATH_JITTER = 0.5;
/** Between two events that no timer separates. */
const EVENT_GAP_MS = 10;

/**
 * Paths that together take **every** transition definition, guard branches included. Each ends with a step that takes
 * one for the first time. Computed by `xstate/graph` from the machine; the same set in every run.
 */
export function pathsThroughEveryDefinition(): PathSet {
  const tracer = createTracer(attachmentMachine);
  const chosen = new Map<DefinitionId, MachinePath>();
  for (const scope of scopes) {
    for (const { input, events } of candidates(tracer, scope, chosen)) {
      const path = replay(tracer, input, events);
      if (path === null) continue;
      for (const id of takenBy(tracer, path)) if (!chosen.has(id)) chosen.set(id, path);
    }
  }
  return {
    paths: withoutSubsumed(tracer, [...new Set(chosen.values())]),
    definitions: tracer.definitions,
    missing: tracer.definitions.filter((id) => !chosen.has(id)),
  };
}

export interface Scope extends CaseOptions {
  readonly input: InputName;
}

export const only = (
  input: InputName,
  types: readonly AttachmentCommand['type'][],
  owners: readonly Owner[] = [receiptOwner],
): Scope => ({ input, owners, without: commandTypes.filter((type) => !types.includes(type)) });

/** Parts of the machine, each small enough to walk in well under a second, that together hold all definitions. */
export const scopes: readonly Scope[] = [
  only(
    'captured',
    commandTypes.filter((type) => type.startsWith('ref.')),
    [receiptOwner, logoOwner],
  ),
  only('captured', ['ref.linked', 'ref.unlinked', 'ref.synced', 'ref.undone', 'cancelled']),
  only('captured', [
    'ref.linked',
    'ref.unlinked',
    'cancelled',
    'upload.started',
    'upload.opened',
    'upload.interrupted',
    'held',
    'resumed',
    'retry.requested',
    'credentials.changed',
    'backend.refused',
  ]),
  only('captured', [
    'ref.linked',
    'cancelled',
    'upload.started',
    'retry.requested',
    'remote.missing',
    'remote.located',
    'evict.requested',
    'read.requested',
    'bytes.missing',
    'bytes.found',
    'credentials.changed',
  ]),
  only('captured', [
    'ref.linked',
    'upload.started',
    'evict.requested',
    'read.requested',
    'pinned',
    'unpinned',
    'bytes.missing',
    'bytes.found',
  ]),
  only('droppedAtOnce', ['ref.linked', 'upload.started']),
  only('unmetered', ['ref.linked', 'upload.started', 'network.waived']),
  only('captured', ['ref.linked', 'upload.started', 'preferred']),
  only('syncedWithUrl', ['ref.synced', 'read.requested', 'cancelled']),
  only('syncedWithoutUrl', ['ref.synced', 'remote.located', 'bytes.given', 'pinned', 'cancelled']),
];

type Tracer = ReturnType<typeof createTracer>;

/** Shortest ways, shortest first, whose last event takes a definition that is still missing. */
function* candidates(
  tracer: Tracer,
  scope: Scope,
  chosen: ReadonlyMap<DefinitionId, MachinePath>,
): Generator<{ readonly input: InputName; readonly events: readonly EventCase[] }> {
  const input = scope.input;
  yield { input, events: [] };
  for (const { state, events } of shortestWays(tracer, scope)) {
    for (const event of possibleEvents(tracer, state, scope)) {
      const { taken } = tracer.step(state, stamped(event));
      if (taken.some((id) => !chosen.has(id))) yield { input, events: [...events, event] };
    }
  }
}

/** The shortest way to every state of a scope, shortest first. */
export function shortestWays(
  tracer: Tracer,
  scope: Scope,
): readonly { readonly state: AnyMachineSnapshot; readonly events: readonly EventCase[] }[] {
  return getShortestPaths(attachmentMachine, {
    input: inputs[scope.input],
    events: (snapshot: AnyMachineSnapshot) => possibleEvents(tracer, snapshot, scope).map(stamped),
    filterEvents: (snapshot: AnyMachineSnapshot, event: EventCase) => snapshot.can(event),
    serializeState: keyOf,
    limit: 20_000,
  } as never)
    .toSorted((a, b) => a.weight - b.weight)
    .map(({ state, steps }) => ({
      state,
      events: steps.slice(1).map(({ event }) => unstamped(event as unknown as EventCase)),
    }));
}

/** Walks `events` in real time; null when a timer would have fired that the path does not mention. */
export function replay(
  tracer: Tracer,
  input: InputName,
  events: readonly EventCase[],
): MachinePath | null {
  let step = tracer.init(inputs[input]);
  let at: number = inputs[input].capturedAt;
  const timers = new Map<string, number>();
  const steps: PathStep[] = [];
  follow(step.effects, timers, at);
  for (const event of events) {
    const earliest = Math.min(...timers.values());
    const dueAt = timers.get(event.type);
    at = dueAt === undefined ? at + EVENT_GAP_MS : Math.max(at, dueAt);
    if (earliest < at) return null;
    const now = { at, jitter: PATH_JITTER };
    step = tracer.step(step.snapshot, { ...event, ...now });
    timers.delete(event.type);
    follow(step.effects, timers, at);
    steps.push({
      event,
      ...now,
      value: step.snapshot.value as Json,
      context: step.snapshot.context as AttachmentContext,
      status: step.snapshot.status as PathStep['status'],
      taken: step.taken,
      running: runningOf(step.snapshot),
      timers: Object.fromEntries(timers),
    });
  }
  const name = [input, ...events.map(labelOf)].join(' > ');
  return { name, input, steps, covers: [] };
}

function follow(
  effects: readonly { readonly type: string; readonly name: string; readonly delayMs: number }[],
  timers: Map<string, number>,
  at: number,
): void {
  for (const { type, name, delayMs } of effects) {
    if (type === 'cancel') timers.delete(name);
    if (type === 'arm') timers.set(name, at + delayMs);
  }
}

function runningOf(snapshot: AnyMachineSnapshot): readonly ServiceName[] {
  return Object.entries(snapshot.children)
    .filter(([, child]) => child !== undefined)
    .map(([id]) => id as ServiceName);
}

/** The definitions of a whole path, those of its first state included. */
function takenBy(tracer: Tracer, { input, steps }: MachinePath): ReadonlySet<DefinitionId> {
  return new Set([...tracer.init(inputs[input]).taken, ...steps.flatMap(({ taken }) => taken)]);
}

/** Longer paths take most definitions on their way: those that add nothing are left out. */
function withoutSubsumed(tracer: Tracer, paths: readonly MachinePath[]): readonly MachinePath[] {
  const seen = new Set<DefinitionId>();
  return paths
    .toSorted((a, b) => b.steps.length - a.steps.length)
    .flatMap((path) => {
      const covers = [...takenBy(tracer, path)].filter((id) => !seen.has(id));
      for (const id of covers) seen.add(id);
      return covers.length === 0 ? [] : [{ ...path, covers }];
    });
}

function unstamped(event: Partial<Stamp> & EventCase): EventCase {
  const { at: _at, jitter: _jitter, ...rest } = event;
  return rest;
}
