import type { MediaId } from '../../machines/attachment/types.ts';
import type { Json } from '../../machines/json.ts';
import { isClosed } from '../host/faults.ts';
import { markFiles, sweepFiles, temporariesOf } from './files.ts';
import { shortenLog } from './log.ts';
import type { CollectOptions } from './options.ts';
import { clearRows, dropDerived, sweepCheckpoints, tellMissing } from './records.ts';
import { abortLeftovers } from './remote-leftovers.ts';
import { createFindings, type GarbageReport } from './report.ts';
import { applyRoots, holdRoots, readRoots } from './roots.ts';
import type { GarbageParts, Run } from './run.ts';
import { createSlices } from './slices.ts';

/** Mark and sweep, in small steps, stopped and restarted anywhere (contract 5.4). */
export interface Collector {
  /** @throws {LadingError} `roots_unreadable`, `roots_empty`, `closed`; what the store throws. */
  collect(options?: CollectOptions): Promise<GarbageReport>;
  /**
   * A run that nobody waits for; none when one ended lately, or another process is at it.
   * @returns after how many milliseconds to ask again.
   */
  collectIfDue(): Promise<number>;
  /**
   * Attachments that the app's tables hold learn it now. Does nothing where the app has no roots of its own.
   * @param only looks after these alone.
   * @throws {LadingError} `roots_unreadable`, `closed`.
   */
  holdRoots(only?: ReadonlySet<MediaId>): Promise<void>;
}

/** A new start soon after another one has nothing new to find, unless the app wants runs more often. */
const PAUSE_MS = 3_600_000;
/** Another process that has not told for so long is gone. */
const CLAIM_MS = 10 * 60_000;

/** Where the collector stands, kept between runs. */
interface Standing {
  /** The listing goes on behind this key; '' where it was heard to its end. */
  readonly after: string;
  /** How many roots the app had. */
  readonly roots: number;
  readonly endedAt: number | null;
  readonly runner: string | null;
  /** Until when the runner is believed to be at it. */
  readonly until: number;
}

const AT_FIRST: Standing = { after: '', roots: 0, endedAt: null, runner: null, until: 0 };

export function createCollector(parts: GarbageParts): Collector {
  const { events, garbage, accountId, clock, host } = parts;

  function standing(): Standing {
    const found = events.read((tx) => garbage.load(tx, accountId));
    return { ...AT_FIRST, ...(found as Partial<Standing> | null) };
  }

  async function save(change: Partial<Standing>): Promise<void> {
    const until = clock.now() + CLAIM_MS;
    const next = { ...standing(), runner: host.runner, until, ...change };
    await events.transact((tx) => garbage.save(tx, accountId, next as unknown as Json));
    parts.crashPoint?.('garbage_standing_saved');
  }

  function newRun({ dryRun = false, rootsMayBeEmpty = false }: CollectOptions): Run {
    return {
      ...parts,
      dryRun,
      rootsMayBeEmpty,
      startedAt: clock.now(),
      findings: createFindings(dryRun),
      protects: protector(),
      slices: createSlices(clock, parts.settings.sliceMs, parts.ending),
    };
  }

  /** Sidecars are read when the first unknown file turns up. What cannot be known protects. */
  function protector(): Run['protects'] {
    let asked: ReturnType<GarbageParts['protection']> | undefined;
    return async (file) => {
      asked ??= parts.protection();
      try {
        return (await (await asked).isProtected(file.key, file)) ?? undefined;
      } catch (error) {
        if (isClosed(error) || parts.ending.aborted) throw error;
        parts.logger.warn('what a file belongs to could not be found out: it stays', { error });
        return 'sidecars_unreadable';
      }
    };
  }

  async function collect(options: CollectOptions = {}): Promise<GarbageReport> {
    const run = newRun(options);
    const { dryRun } = run;
    const before = standing();
    // Before anything else: what cannot be read must not look like nothing.
    const roots = readRoots(run, before.roots);
    await applyRoots(run, roots.ids);
    if (!dryRun) await save({ roots: roots.count });
    await collectFiles(run, dryRun ? '' : before.after);
    await clearRows(run);
    await dropDerived(run);
    await sweepCheckpoints(run);
    await abortLeftovers(run);
    if (!dryRun) {
      await shortenLog(run);
      await save({ after: '', endedAt: Math.floor(clock.now()), runner: null, until: 0 });
    }
    return run.findings.report();
  }

  /** A store that cannot say what it has is no store without files. */
  async function collectFiles(run: Run, after: string): Promise<void> {
    let temporaries: Awaited<ReturnType<typeof temporariesOf>>;
    let anyKnown = false; // that an earlier run came so far says nothing: the place may be missing since
    try {
      const passed = async (key: string): Promise<void> => {
        if (!run.dryRun) await save({ after: key });
      };
      const seen = await markFiles(run, after, passed);
      anyKnown = seen.anyKnown;
      temporaries = await temporariesOf(run);
    } catch (error) {
      if (isClosed(error) || run.ending.aborted) throw error;
      parts.logger.warn('the files could not be listed', { error });
      run.findings.problem({
        code: 'list_failed',
        message: 'The files could not be listed: none was removed. The next run tries again.',
      });
      return;
    }
    await sweepFiles(run, temporaries);
    await tellMissing(run, anyKnown);
  }

  return {
    collect,
    async collectIfDue() {
      const { endedAt, runner, until } = standing();
      const now = clock.now();
      const isTaken = runner !== null && runner !== host.runner;
      // A clock that went back must not keep it from its work for long.
      if (isTaken && until > now && until - now <= CLAIM_MS) return until - now;
      const pauseMs = Math.min(PAUSE_MS, parts.settings.everyMs);
      const sinceMs = endedAt === null ? pauseMs : Math.abs(now - endedAt);
      if (sinceMs < pauseMs) return pauseMs - sinceMs;
      const report = await collect();
      parts.logger.info('garbage was collected', {
        files: report.freed.files,
        bytes: report.freed.bytes,
        counts: report.counts,
        problems: report.problems.map(({ code }) => code),
      });
      return parts.settings.everyMs;
    },
    holdRoots: async (only) => holdRoots(newRun({}), only),
  };
}
