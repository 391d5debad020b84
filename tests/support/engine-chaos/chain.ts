import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../ports/clock.ts';
import { createReferenceBackend } from '../../../sync/reference-backend.ts';
import type { SeededRandom } from '../../../testing/world/seeded-random.ts';
import type { DriverName } from '../drivers.ts';
import { serveBackend } from './backend-bridge.ts';
import type { Bug } from './bugs.ts';
import { needsBatch, toldBy } from './expected.ts';
import { judgeEnd } from './judge-end.ts';
import { judgeFiles } from './judge-files.ts';
import { type Fate, live } from './life.ts';
import { type PlanOptions, planOf } from './plan.ts';
import type { Line, Point } from './points.ts';
import { startServer } from './server.ts';

/** One database from its first life to its last: killed again and again, judged after each death. */
export interface ChainOptions {
  readonly name: string;
  readonly random: SeededRandom;
  readonly sizes: Pick<PlanOptions, 'photoBytes' | 'largeBytes'>;
  readonly paceMs: number;
  readonly bug?: Bug;
  /** Default `node:sqlite`. */
  readonly driver?: DriverName;
  /** Shared by all processes of a campaign. */
  readonly compileCache: string;
  /** How likely the server's process is killed, and started again, in the middle of a life. Default 0. */
  readonly serverKills?: number;
  /** Keeps the directory when something was found. Default false. */
  readonly keep?: boolean;
}

export interface ChainReport {
  readonly problems: readonly string[];
  readonly kills: number;
  readonly serverKills: number;
  /** Points at which a life ended. */
  readonly reached: readonly Point[];
  /** Fates that did not come: the life ended by itself before. */
  readonly unreached: readonly Fate[];
  readonly attachments: number;
  readonly leftovers: { readonly temporary: number; readonly blobs: number };
  /** Of the life that nobody ended, if there was nothing else. */
  readonly counts: Readonly<Record<string, number>>;
  readonly lastLifeMs: number;
}

const NO_SERVER_KILLS = 0;

/** Lives through `fates` and then once to the end. */
export async function liveChain(
  options: ChainOptions,
  fates: readonly Fate[],
): Promise<ChainReport> {
  const { random, bug = null, driver = 'node:sqlite' } = options;
  const directory = await mkdtemp(join(tmpdir(), 'lading-kill-'));
  const objects = join(directory, 'objects');
  await mkdir(objects);
  const backend = createReferenceBackend({ clock: systemClock() });
  const bridge = await serveBackend(backend);
  const server = await startServer(objects, options.compileCache);
  const account = `chain-${options.name}`;
  const lines: Line[] = [];
  const problems: string[] = [];
  const reached: Point[] = [];
  const unreached: Fate[] = [];
  let batches = 1;
  let committed: ReadonlySet<number> = new Set();
  let kills = 0;
  let serverKills = 0;

  const plan = () => planOf(planOptions());
  const planOptions = (): PlanOptions => ({
    seed: options.name,
    account,
    batches,
    ...options.sizes,
  });

  async function liveOnce(fate: Fate) {
    const life = live(
      {
        ...planOptions(),
        directory,
        driver,
        endpoint: server.endpoint,
        backendUrl: bridge.url,
        paceMs: options.paceMs,
        bug,
      },
      fate,
      options.compileCache,
    );
    if (fate.kind !== 'none' && random.chance(options.serverKills ?? NO_SERVER_KILLS)) {
      await new Promise((resolve) => setTimeout(resolve, random.int(300, 1_500)));
      await server.killAndRestart();
      serverKills += 1;
    }
    const lived = await life;
    lines.push(...lived.lines);
    for (const line of lived.lines) {
      if (line.type === 'trouble') problems.push(`${named(fate)}: ${line.message}`);
      if (line.type === 'dying') reached.push(line.point as Point);
    }
    const found = await judgeFiles(
      directory,
      driver,
      plan(),
      toldBy(lines),
      await server.objects(),
    );
    problems.push(...found.problems.map((problem) => `after ${named(fate)}: ${problem}`));
    committed = found.committed;
    return lived;
  }

  try {
    for (const fate of fates) {
      const { end } = await liveOnce(fate);
      if (end === 'killed') kills += 1;
      else unreached.push(fate);
      if (needsBatch(batches, committed.size)) batches += 1;
      if (problems.length > 0) break;
    }
    const lastLifeAt = Date.now();
    const last = problems.length > 0 ? undefined : await liveOnce({ kind: 'none' });
    const told = toldBy(lines);
    const facts = { directory, driver, account, plan: plan(), committed, told, server, backend };
    const end = problems.length > 0 ? undefined : await judgeEnd({ ...facts, kills, lastLifeAt });
    problems.push(...(end?.problems ?? []).map((problem) => `at the end: ${problem}`));
    const idle = last?.lines.find((line) => line.type === 'idle');
    return {
      problems: problems.map((problem) => `chain ${options.name}: ${problem}`),
      kills,
      serverKills,
      reached,
      unreached,
      attachments: new Set([...told.acknowledged.values()].map(({ mediaId }) => mediaId)).size,
      leftovers: end?.leftovers ?? { temporary: 0, blobs: 0 },
      counts: idle?.counts ?? {},
      lastLifeMs: last?.lifeMs ?? 0,
    };
  } finally {
    await server.stop();
    await bridge.close();
    if (options.keep !== true || problems.length === 0) {
      await rm(directory, { recursive: true, force: true });
    } else {
      problems.push(`kept: ${directory}`);
    }
  }
}

function named(fate: Fate): string {
  switch (fate.kind) {
    case 'point':
      return `a kill at ${fate.at.point} ${fate.at.nth}`;
    case 'time':
      return `a kill after ${fate.afterMs} ms`;
    default:
      return 'the last life';
  }
}
