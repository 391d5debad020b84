import { calmNetwork, type NetworkFaults, roughNetwork } from '../../world/network-faults.ts';
import { seededRandom } from '../../world/seeded-random.ts';
import type { Scenario, Trouble } from '../scenario.ts';

/** How a year goes, beside what every simulated life has. */
export interface YearPlan {
  /** Captures that people ask for. */
  readonly attachments: number;
  readonly days: number;
  /** By device: from which day on, to which, it has no network. */
  readonly offline: Readonly<Record<string, readonly Span[]>>;
  /** By device: when its disk has little room. */
  readonly nearlyFull: Readonly<Record<string, readonly Span[]>>;
  /** Chance of a session in which the power is cut at one of its syncs. */
  readonly powerCuts: number;
  /** Chance of a session in which the system ends the app. */
  readonly kills: number;
  /** Chance of a trouble in each round of a session. */
  readonly troubles: number;
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

export const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** The app lets the engine collect on days when the device is charging, say: each run looks at every file. */
const COLLECTS_EVERY_DAYS = 6;

/** Kinds of trouble that a year has; a process that stands still for ten minutes is one that is closed. */
const TROUBLES: readonly Trouble[] = ['kill', 'power', 'network', 'remote', 'clock', 'disk'];

/** About one request in forty goes wrong in some way. */
const fairNetwork: NetworkFaults = {
  ...roughNetwork,
  delayMs: [5, 400],
  slow: 0.01,
  loseRequest: 0.006,
  loseReply: 0.006,
  duplicate: 0.004,
  holdBack: 0.004,
  badGateway: 0.003,
  captivePortal: 0.001,
};

/** @returns what `seed` decides about the year before anything happens. */
export function yearOf(
  seed: number,
  { attachments, days }: Pick<YearPlan, 'attachments' | 'days'>,
): { readonly scenario: Scenario; readonly plan: YearPlan } {
  const random = seededRandom(seed).fork('year');
  const base = random.chance(0.3) ? calmNetwork : fairNetwork;
  const spans = (count: number, [least, most]: readonly [number, number]): readonly Span[] =>
    Array.from({ length: count }, () => {
      const from = random.int(0, days - 1);
      return { from, to: from + random.int(least, most) };
    });
  return {
    plan: {
      attachments,
      days,
      offline: both(() => [...spans(random.int(4, 9), [1, 4]), ...spans(2, [7, 21])]),
      nearlyFull: both(() => spans(random.int(1, 3), [3, 14])),
      powerCuts: 0.25,
      kills: 0.1,
      troubles: 0.06,
    },
    scenario: {
      seed,
      random: seededRandom(seed),
      runnersOnA: 1,
      knowsTheDead: true,
      // What is held back lands before any device takes a removed object for gone for good.
      faults: { ...base, holdMs: [200, 10 * MINUTE_MS], timeoutMs: 30_000 },
      // Graces, patience and backoff are the product's own.
      policy: {},
      concurrency: random.int(2, 4),
      chunkBytes: 4_096,
      putBelowBytes: 2_048,
      diskMs: undefined,
      leaseMs: 15 * MINUTE_MS,
      sessionLifeMs: 30 * DAY_MS,
      steps: 0,
      pauseMs: 0,
      troubles: new Set(TROUBLES),
      unmetered: random.chance(0.3),
      budgetBytes: undefined,
      cacheBytes: random.int(100_000, 1_500_000),
      ...(random.chance(0.5) ? { cacheAgeMs: random.int(20, 120) * DAY_MS } : {}),
      estimates: random.chance(0.7),
      collects: (elapsedMs) => Math.floor(elapsedMs / DAY_MS) % COLLECTS_EVERY_DAYS === 0,
    },
  };
}

/** Whether `day` lies in one of the spans. */
export function isIn(spans: readonly Span[] | undefined, day: number): boolean {
  return spans?.some(({ from, to }) => from <= day && day < to) ?? false;
}

function both(make: () => readonly Span[]): Readonly<Record<string, readonly Span[]>> {
  return { A: make(), B: make() };
}
