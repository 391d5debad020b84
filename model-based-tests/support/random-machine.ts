import * as fc from 'fast-check';
import { type AnyStateMachine, assign, fromPromise, setup } from 'xstate';

/** One region: a few states that move by events, results, timers and counters. */
interface RegionPlan {
  readonly states: readonly StatePlan[];
}

interface StatePlan {
  readonly invoke: {
    readonly done: number;
    readonly failed: number;
    readonly crashed: number;
  } | null;
  readonly after: { readonly delay: DelayName; readonly target: number } | null;
  readonly on: readonly {
    readonly event: number;
    readonly target: number | null;
    readonly reenter: boolean;
    readonly guard: boolean;
  }[];
  /** To a later state only, so that it comes to an end. */
  readonly always: { readonly atLeast: number; readonly skip: number } | null;
  readonly counts: boolean;
  readonly nested: boolean;
}

export interface MachinePlan {
  readonly regions: readonly RegionPlan[];
}

export const EVENTS = ['A', 'B', 'C', 'D'] as const;
const DELAYS = { short: 3, middle: 7, long: 20 } as const;
type DelayName = keyof typeof DELAYS;

const STATES = 4;
const target = fc.integer({ min: 0, max: STATES }); // STATES: the final one

const state: fc.Arbitrary<StatePlan> = fc.record({
  invoke: fc.option(fc.record({ done: target, failed: target, crashed: target })),
  after: fc.option(
    fc.record({ delay: fc.constantFrom<DelayName>('short', 'middle', 'long'), target }),
  ),
  on: fc.uniqueArray(
    fc.record({
      event: fc.integer({ min: 0, max: EVENTS.length - 1 }),
      target: fc.option(target, { freq: 3 }),
      reenter: fc.boolean(),
      guard: fc.boolean(),
    }),
    { minLength: 1, maxLength: 3, selector: ({ event }) => event },
  ),
  always: fc.option(
    fc.record({ atLeast: fc.integer({ min: 2, max: 6 }), skip: fc.integer({ min: 1, max: 2 }) }),
    { freq: 4 },
  ),
  counts: fc.boolean(),
  nested: fc.boolean(),
});

/** Machines with one to three regions; each draws on all that a host keeps durable. */
export const machinePlan: fc.Arbitrary<MachinePlan> = fc.record({
  regions: fc.array(
    fc.record({ states: fc.array(state, { minLength: STATES, maxLength: STATES }) }),
    { minLength: 1, maxLength: 3 },
  ),
});

/** Only its type is used. */
const counters: { [region: string]: number } = {};

const base = setup({
  types: { context: counters },
  actors: { work: fromPromise<{ ok: boolean }, object>(() => Promise.reject(new Error('unused'))) },
  delays: DELAYS,
  guards: {
    isOk: ({ event }) => (event as { output?: { ok?: boolean } }).output?.ok === true,
    isEven: ({ context }, { region }: { region: string }) => (context[region] ?? 0) % 2 === 0,
    isAtLeast: ({ context }, { region, least }: { region: string; least: number }) =>
      (context[region] ?? 0) >= least,
  },
  actions: {
    count: assign(({ context }, { region }: { region: string }) => ({
      [region]: (context[region] ?? 0) + 1,
    })),
  },
});
type Config = Parameters<typeof base.createMachine>[0];

export function buildMachine(plan: MachinePlan): AnyStateMachine {
  const regions = plan.regions.map((region, index) => [
    `r${index}`,
    buildRegion(region, `r${index}`),
  ]);
  const context = Object.fromEntries(regions.map(([name]) => [name as string, 0]));
  const config =
    regions.length === 1
      ? { id: 'random', context, ...(regions[0]?.[1] as object) }
      : { id: 'random', context, type: 'parallel', states: Object.fromEntries(regions) as object };
  return base.createMachine(config as Config);
}

function buildRegion({ states }: RegionPlan, region: string): object {
  const name = (index: number): string =>
    index >= STATES ? `#${region}_end` : `#${region}_s${index}`;
  const built = states.map((plan, index) => [`s${index}`, buildState(plan, index, region, name)]);
  return {
    initial: 's0',
    states: {
      ...(Object.fromEntries(built) as object),
      end: { id: `${region}_end`, type: 'final' },
    },
  };
}

function buildState(
  plan: StatePlan,
  index: number,
  region: string,
  name: (index: number) => string,
): object {
  const count = { type: 'count', params: { region } };
  const work = `${region}_work`;
  return {
    id: `${region}_s${index}`,
    ...(plan.counts ? { entry: count } : {}),
    ...(plan.invoke === null
      ? {}
      : {
          invoke: {
            id: work,
            src: 'work',
            input: ({ context }: { context: Record<string, number> }) => ({ n: context[region] }),
            onDone: [
              { guard: 'isOk', target: name(plan.invoke.done), actions: count },
              { target: name(plan.invoke.failed), reenter: true },
            ],
            onError: { target: name(plan.invoke.crashed) },
          },
        }),
    ...(plan.after === null
      ? {}
      : { after: { [plan.after.delay]: { target: name(plan.after.target) } } }),
    ...(plan.always === null
      ? {}
      : {
          always: {
            guard: { type: 'isAtLeast', params: { region, least: plan.always.atLeast } },
            target: name(Math.min(STATES, index + plan.always.skip)),
          },
        }),
    on: Object.fromEntries(
      plan.on.map(({ event, target: to, reenter, guard }) => [
        EVENTS[event],
        {
          ...(to === null ? {} : { target: name(to), reenter }),
          ...(guard ? { guard: { type: 'isEven', params: { region } } } : {}),
          actions: count,
        },
      ]),
    ),
    ...(plan.nested
      ? {
          initial: 'x',
          states: {
            x: { id: `${region}_s${index}_x`, after: { middle: 'y' }, on: { D: 'y' } },
            y: { on: { C: { target: 'x', reenter: true } } },
          },
        }
      : {}),
  };
}
