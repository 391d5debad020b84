import type { AttachmentPolicy } from '../../machines/attachment/types.ts';
import type { Remote } from '../../ports/remote.ts';
import { calmNetwork, type NetworkFaults, roughNetwork } from '../world/network-faults.ts';
import { type SeededRandom, seededRandom } from '../world/seeded-random.ts';
import type { RemoteParts } from './remote-of.ts';

/** What one seed decides before anything happens. */
export interface Scenario {
  readonly seed: number;
  readonly random: SeededRandom;
  /** Engines on the database of device A. */
  readonly runnersOnA: 1 | 2;
  /** Another process on the device can tell at once that one is gone, instead of waiting for its lease. */
  readonly knowsTheDead: boolean;
  readonly faults: NetworkFaults;
  readonly policy: Partial<AttachmentPolicy>;
  readonly concurrency: number;
  readonly chunkBytes: number;
  readonly putBelowBytes: number;
  /** Most milliseconds that one disk operation takes; undefined where it takes none, and no timer either. */
  readonly diskMs: number | undefined;
  /** A third of it is how often a process that is open looks around. */
  readonly leaseMs: number;
  /** How long the remote keeps an unfinished upload. */
  readonly sessionLifeMs: number;
  /** How many things happen, and how far apart they are at most. */
  readonly steps: number;
  readonly pauseMs: number;
  /** Kinds of trouble that may happen in this seed. */
  readonly troubles: ReadonlySet<Trouble>;
  /** One field sends over unmetered links only (contract 3.4). */
  readonly unmetered: boolean;
  /** What the app allows its attachments on each device (contract 7), if it does. */
  readonly budgetBytes: number | undefined;
  /** Bytes of the cache at most on each device (contract 6), if it is bounded. */
  readonly cacheBytes: number | undefined;
  /** How long it keeps what nobody opens. Default for ever. */
  readonly cacheAgeMs?: number;
  /** The platform says how much room is left, on days when there is little. Default it never says. */
  readonly estimates?: boolean;
  /** The app keeps a token of its own, and gets new ones when it is asked (contract 4.4). Default its remote asks for each. */
  readonly refreshes?: boolean;
  /** Another account has used device A before, and left work there (contract 4.8). Default none has. */
  readonly hasLodger?: boolean;
  /** What each process of a device sends by, instead of the simulated remote. */
  readonly remote?: (parts: RemoteParts) => Remote;
  /** A process that is opened at this moment collects garbage by itself. Default always. */
  readonly collects?: (elapsedMs: number) => boolean;
}

export type Trouble =
  | 'kill'
  | 'power'
  | 'network'
  | 'remote'
  | 'clock'
  | 'disk'
  | 'stall'
  | 'metered';

const TROUBLES: readonly Trouble[] = [
  'kill',
  'power',
  'network',
  'remote',
  'clock',
  'disk',
  'stall',
  'metered',
];

/** How long a request that was under way may still land; all scenarios share it. */
export const LATE_ARRIVAL_MS = 60_000;
/** The longest grace of any scenario: a simulation ends after these. */
export const DRAFT_GRACE_MS = 90_000;
/** Long, so that an idle device costs little. */
const LEASE_MS = 30_000;
/** Short enough for uploads to be lost in a life of minutes. */
const SESSION_LIFE_MS = 240_000;
/** What a request takes at most from being sent to landing stays below {@link LATE_ARRIVAL_MS}. */
const HOLD_MS = [200, 40_000] as const;
const DELAY_MS = [5, 400] as const;

export function scenarioOf(seed: number): Scenario {
  const random = seededRandom(seed).fork('scenario');
  const isCalm = random.chance(0.4);
  const base = isCalm ? calmNetwork : roughNetwork;
  return {
    seed,
    random: seededRandom(seed),
    runnersOnA: random.chance(0.35) ? 2 : 1,
    knowsTheDead: random.chance(0.5),
    faults: { ...base, delayMs: isCalm ? [2, 60] : DELAY_MS, holdMs: HOLD_MS, timeoutMs: 10_000 },
    policy: {
      maxAttempts: random.int(3, 10),
      backoffBaseMs: random.pick([200, 1_000]),
      backoffCapMs: 8_000,
      undoGraceMs: random.pick([2_000, 10_000]),
      lateArrivalMs: LATE_ARRIVAL_MS,
      draftGraceMs: DRAFT_GRACE_MS,
      dropLocalAtOnce: random.chance(0.15),
    },
    concurrency: random.int(1, 3),
    chunkBytes: random.pick([4_096, 16_384]),
    putBelowBytes: random.pick([2_048, 16_384]),
    diskMs: random.int(0, 4),
    leaseMs: LEASE_MS,
    sessionLifeMs: SESSION_LIFE_MS,
    steps: random.int(12, 32),
    pauseMs: random.pick([300, 2_000, 6_000]),
    troubles: new Set(TROUBLES.filter(() => random.chance(0.6))),
    unmetered: random.chance(0.4),
    budgetBytes: random.chance(0.25) ? random.int(30_000, 120_000) : undefined,
    cacheBytes: random.chance(0.35) ? random.int(0, 40_000) : undefined,
    refreshes: random.fork('refreshes').chance(0.6),
    hasLodger: random.fork('lodger').chance(0.25),
  };
}

/** A scenario in which only what its plot does goes wrong. */
export function calmScenario(seed: number, changes: Partial<Scenario> = {}): Scenario {
  return {
    seed,
    random: seededRandom(seed),
    runnersOnA: 1,
    knowsTheDead: true,
    faults: { ...calmNetwork, holdMs: HOLD_MS, timeoutMs: 10_000 },
    policy: {
      backoffBaseMs: 200,
      backoffCapMs: 8_000,
      undoGraceMs: 2_000,
      lateArrivalMs: LATE_ARRIVAL_MS,
      draftGraceMs: DRAFT_GRACE_MS,
    },
    concurrency: 3,
    chunkBytes: 4_096,
    putBelowBytes: 2_048,
    diskMs: 1,
    leaseMs: LEASE_MS,
    sessionLifeMs: SESSION_LIFE_MS,
    steps: 0,
    pauseMs: 0,
    troubles: new Set(),
    unmetered: false,
    budgetBytes: undefined,
    cacheBytes: undefined,
    ...changes,
  };
}
