import type { AnyMachineSnapshot } from 'xstate';
import type { AttachmentContext, FaultOrigin } from '../../machines/attachment/context.ts';
import type { AttachmentInput } from '../../machines/attachment/types.ts';
import { type CaseOptions, casesOf, type EventCase, labelOf } from './cases.ts';
import { brokenInvariants } from './invariants.ts';
import type { DefinitionId, TracedStep, Tracer } from './tracer.ts';

/**
 * Breadth-first search of everything that the machine can reach, over its value **and the facts that its guards
 * read**: by value alone a search looks complete and misses branches.
 */
export interface SearchResult {
  /** Distinct combinations of value and guard facts. */
  readonly states: number;
  readonly edges: number;
  /** Distinct values: the combinations of leaves that exist. */
  readonly values: ReadonlySet<string>;
  readonly taken: ReadonlySet<DefinitionId>;
  /** What should not be: broken invariants, throws, steps that log nothing new; each with the way there. */
  readonly violations: readonly string[];
  /** States from which no events lead to the end of the life. */
  readonly stuck: readonly string[];
}

interface Visit {
  readonly key: string;
  readonly snapshot: AnyMachineSnapshot;
  readonly way: string;
}

/** @throws when there are more than `limit` states: a fact without bounds crept into the key. */
export function search(
  tracer: Tracer,
  input: AttachmentInput,
  options: CaseOptions & {
    /** States after which it gives up. Default 50,000. */
    readonly limit?: number;
    /** Told of every step that changes something. */
    readonly onStep?: (before: AnyMachineSnapshot, event: EventCase, step: TracedStep) => void;
  },
): SearchResult {
  const limit = options.limit ?? 50_000;
  const taken = new Set<DefinitionId>();
  const violations = new Set<string>();
  const comesFrom = new Map<string, Set<string>>();
  const done: string[] = [];
  const values = new Set<string>();
  let edges = 0;

  const first = tracer.init(input);
  for (const id of first.taken) taken.add(id);
  const start = visitOf(first.snapshot, 'start');
  const seen = new Map<string, Visit>([[start.key, start]]);
  for (const visit of seen.values()) {
    values.add(JSON.stringify(visit.snapshot.value));
    if (visit.snapshot.status === 'done') done.push(visit.key);
    for (const title of brokenInvariants(visit.snapshot)) violations.add(`${title}: ${visit.way}`);
    for (const event of possibleEvents(tracer, visit.snapshot, options)) {
      const way = `${visit.way} > ${labelOf(event)}`;
      const step = tryStep(tracer, visit.snapshot, event, (problem) =>
        violations.add(`${problem}: ${way}`),
      );
      if (step === null) continue;
      for (const id of step.taken) taken.add(id);
      if (step.snapshot === visit.snapshot) continue;
      edges += 1;
      options.onStep?.(visit.snapshot, event, step);
      const key = keyOf(step.snapshot);
      if (key === visit.key && changesNothing(visit.snapshot, step)) {
        violations.add(`logs a step without effect: ${way}`);
      }
      const sources = comesFrom.get(key) ?? new Set();
      comesFrom.set(key, sources.add(visit.key));
      if (seen.has(key)) continue;
      if (seen.size >= limit) throw new Error(`more than ${limit} states, the last one by ${way}`);
      seen.set(key, visitOf(step.snapshot, way));
    }
  }
  const ends = reachedFrom(done, comesFrom);
  const stuck = [...seen.values()].filter(({ key }) => !ends.has(key)).map(({ way }) => way);
  return { states: seen.size, edges, values, taken, violations: [...violations], stuck };
}

/** The events that can happen now: commands, answers of running services, timers that are armed. */
export function possibleEvents(
  tracer: Tracer,
  snapshot: AnyMachineSnapshot,
  options: CaseOptions,
): readonly EventCase[] {
  return tracer.handledTypes(snapshot).flatMap((type) => casesOf(type, options));
}

/** An event with a stamp that keeps time out of the search: all that happens, happens at one moment. */
export function stamped(
  event: EventCase,
): EventCase & { readonly at: number; readonly jitter: number } {
  return { ...event, at: 2_000, jitter: 0.5 };
}

/** The faults that guards tell apart; of all others they only see that there is one. */
const distinctFaults: readonly FaultOrigin[] = ['source', 'remote', 'backend'];

/**
 * Value and guard facts as one text: what tells two states apart. Times and delays are left out, since no guard reads
 * them while all happens at one moment; counts are bounded by the policy.
 */
export function keyOf(snapshot: AnyMachineSnapshot): string {
  const context = snapshot.context as AttachmentContext;
  if (context.gone) {
    // Cleanup reads nothing else: what the life before it was like does not tell two ends apart.
    const { touched, attached, sweeps, tries } = context;
    return JSON.stringify([snapshot.value, touched, attached, sweeps, tries]);
  }
  return JSON.stringify([
    snapshot.value,
    context.refs.map(({ key, rank, isPrimary }) => [key, rank, isPrimary]),
    context.undoable.map(({ key, rank, isPrimary }) => [key, rank, isPrimary]),
    context.touched,
    context.attached,
    context.handle !== null,
    context.receipt !== null,
    context.url,
    context.remoteAbsent,
    context.attempts,
    context.authStrikes,
    context.held,
    context.policy.network,
    distinctFaults.find((known) => known === context.fault?.class) ?? context.fault !== null,
    context.fault?.removedAt ?? null,
    context.sentAfter ?? null,
    context.blobKey !== null,
    context.pinned,
    context.wanted,
    Math.min(context.localTries, context.policy.maxAttempts),
  ]);
}

function visitOf(snapshot: AnyMachineSnapshot, way: string): Visit {
  return { key: keyOf(snapshot), snapshot, way };
}

function tryStep(
  tracer: Tracer,
  snapshot: AnyMachineSnapshot,
  event: EventCase,
  report: (problem: string) => void,
): TracedStep | null {
  try {
    return tracer.step(snapshot, stamped(event));
  } catch (error) {
    report(`throws ${String(error)}`);
    return null;
  }
}

/** A step that the log would hold though nothing came of it. */
function changesNothing(before: AnyMachineSnapshot, { snapshot, effects }: TracedStep): boolean {
  return (
    effects.length === 0 &&
    JSON.stringify(before.value) === JSON.stringify(snapshot.value) &&
    JSON.stringify(before.context) === JSON.stringify(snapshot.context)
  );
}

function reachedFrom(
  ends: readonly string[],
  comesFrom: ReadonlyMap<string, ReadonlySet<string>>,
): ReadonlySet<string> {
  const reached = new Set(ends);
  for (const key of reached) {
    for (const source of comesFrom.get(key) ?? []) reached.add(source);
  }
  return reached;
}
