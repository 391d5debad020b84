import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SeededRandom, seededRandom } from '../../../testing/world/seeded-random.ts';
import type { DriverName } from '../drivers.ts';
import { type ChainReport, liveChain } from './chain.ts';
import type { Fate } from './life.ts';
import { type Point, pointsOf } from './points.ts';

export interface CampaignOptions {
  readonly seed: number;
  /** Default `node:sqlite`. */
  readonly driver?: DriverName;
  /** Kills at random times. */
  readonly randomKills: number;
  /** Occurrences of each point at which to kill. Default 1. */
  readonly perPoint?: number;
  /** Points to kill at. Default all. */
  readonly points?: readonly Point[];
  /** Kills that one database lives through. Default 10. */
  readonly killsPerChain?: number;
  /** Chains at the same time. Default 2. */
  readonly lanes?: number;
  readonly photoBytes?: readonly [number, number];
  readonly largeBytes?: readonly [number, number];
  /** How likely a life also sees the server killed. Default 0. */
  readonly serverKills?: number;
  readonly keep?: boolean;
  /** Told after each chain. */
  onChain?(report: ChainReport, done: number, of: number): void;
}

export interface CampaignReport {
  readonly problems: readonly string[];
  readonly chains: number;
  readonly kills: number;
  readonly kinds: { readonly point: number; readonly time: number };
  readonly serverKills: number;
  readonly attachments: number;
  readonly leftovers: { readonly temporary: number; readonly blobs: number };
  /** Points at which no life ended, although it was asked for again and again. */
  readonly neverReached: readonly Point[];
  readonly tookMs: number;
}

const PACE_MS = 4;
/** How often a kill that did not come is asked for again. */
const ROUNDS = 4;

/** Leaves an upload under way to the next life. */
const LEAVES_A_RUN: Fate = { kind: 'point', at: { point: 'upload.bytes', nth: 1 } };

/** Counts the points in a life without a kill, then kills at each, and at random times, on several databases at once. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const compileCache = await mkdtemp(join(tmpdir(), 'lading-kill-cache-'));
  try {
    return await run(options, compileCache);
  } finally {
    await rm(compileCache, { recursive: true, force: true });
  }
}

async function run(options: CampaignOptions, compileCache: string): Promise<CampaignReport> {
  const random = seededRandom(options.seed);
  const { driver = 'node:sqlite' } = options;
  const points = options.points ?? pointsOf(driver);
  const beganAt = performance.now();
  const reports: ChainReport[] = [];
  const chain = (name: string, fates: readonly Fate[]): Promise<ChainReport> =>
    liveChain(
      {
        name,
        random: random.fork(name),
        driver,
        sizes: {
          photoBytes: options.photoBytes ?? [20_000, 60_000],
          largeBytes: options.largeBytes ?? [500_000, 1_500_000],
        },
        paceMs: PACE_MS,
        compileCache,
        serverKills: options.serverKills ?? 0,
        keep: options.keep ?? false,
      },
      fates,
    );

  const calm = await chain(`${options.seed}-calm`, []);
  reports.push(calm);
  let fates: readonly Fate[] = random.shuffle([
    ...points.flatMap((point) => occurrences(random, point, calm.counts, options.perPoint ?? 1)),
    ...Array.from({ length: options.randomKills }, () => someTime(random, calm.lastLifeMs)),
  ]);
  for (let round = 0; round < ROUNDS && fates.length > 0; round++) {
    const deals = dealt(fates, options.killsPerChain ?? 10);
    const again: Fate[] = [];
    const queue = deals.map((deal, index) => ({ name: `${options.seed}-${round}-${index}`, deal }));
    const total = reports.length + queue.length;
    const lane = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const report = await chain(next.name, next.deal);
        reports.push(report);
        // A life that takes up what a kill left has more to do: `host.claimed` comes in no other.
        again.push(...report.unreached.flatMap((fate) => [LEAVES_A_RUN, sooner(fate)]));
        options.onChain?.(report, reports.length, total);
      }
    };
    await Promise.all(Array.from({ length: options.lanes ?? 2 }, lane));
    fates = again;
  }
  return summary(reports, points, performance.now() - beganAt);
}

/** The first ones are rarest to differ, so the others are drawn from all that a calm life has. */
function occurrences(
  random: SeededRandom,
  point: Point,
  counts: Readonly<Record<string, number>>,
  most: number,
): readonly Fate[] {
  const all = Array.from({ length: Math.max(1, counts[point] ?? 1) }, (_, index) => index + 1);
  return random
    .shuffle(all)
    .slice(0, most)
    .map((nth) => ({ kind: 'point', at: { point, nth } }));
}

/** Anywhere in a life, its beginning more often: that is where the last kill is mended. */
function someTime(random: SeededRandom, lifeMs: number): Fate {
  return { kind: 'time', afterMs: Math.round(random.next() * random.next() * 1.5 * lifeMs) };
}

/** A life that had less to do than the calm one ended before its fate. */
function sooner(fate: Fate): Fate {
  switch (fate.kind) {
    case 'point':
      return { kind: 'point', at: { ...fate.at, nth: 1 } };
    case 'time':
      return { kind: 'time', afterMs: Math.round(fate.afterMs / 2) };
    default:
      return fate;
  }
}

function dealt(fates: readonly Fate[], size: number): readonly (readonly Fate[])[] {
  return Array.from({ length: Math.ceil(fates.length / size) }, (_, index) =>
    fates.slice(index * size, (index + 1) * size),
  );
}

function summary(
  reports: readonly ChainReport[],
  points: readonly Point[],
  tookMs: number,
): CampaignReport {
  const sum = (of: (report: ChainReport) => number): number =>
    reports.reduce((total, report) => total + of(report), 0);
  const reached = new Set(reports.flatMap((report) => report.reached));
  const kills = sum((report) => report.kills);
  const point = sum((report) => report.reached.length);
  return {
    problems: reports.flatMap((report) => report.problems),
    chains: reports.length,
    kills,
    kinds: { point, time: kills - point },
    serverKills: sum((report) => report.serverKills),
    attachments: sum((report) => report.attachments),
    leftovers: {
      temporary: sum((report) => report.leftovers.temporary),
      blobs: sum((report) => report.leftovers.blobs),
    },
    neverReached: points.filter((one) => !reached.has(one)),
    tookMs: Math.round(tookMs),
  };
}
