/** What to do with a database file that is damaged: `lading/sqlite/recover` (field case 16). */
import { copyFileSync, existsSync, statSync } from 'node:fs';
import { type Clock, systemClock } from '../../ports/clock.ts';
import { LadingError } from '../../ports/errors.ts';
import type { SqlDatabase } from '../../ports/sql.ts';
import { requireDatabaseFile } from '../drivers/database-file.ts';
import { refuseJournal } from '../drivers/journal-guard.ts';
import { lockForProcess } from '../drivers/sqljs/node-lock.ts';
import {
  BESIDE,
  copyDurably,
  hashOf,
  readJson,
  removeDatabase,
  removeDurably,
  renameDurably,
  siblings,
  syncFile,
  writeDurably,
} from './files.ts';
import { rebuild } from './rebuild.ts';
import type { DatabaseRecovery } from './report.ts';

export type { DatabaseRecovery, RecoveredTable } from './report.ts';

export interface RecoverDatabaseOptions {
  /** How the app opens the file: `openNodeSqlite` or `openBetterSqlite3`. */
  readonly open: (file: string) => SqlDatabase;
  /** Names the damaged file's copy, and says when the new one began. Default: the machine's. */
  readonly clock?: Pick<Clock, 'now'>;
  /** Told between two durable steps; for crash tests. */
  readonly crashPoint?: (name: string) => void;
}

const SOUND: DatabaseRecovery = {
  damaged: false,
  quarantine: [],
  events: 0,
  streams: { whole: 0, cut: [], lost: [] },
  ops: 0,
  appTables: [],
  leftOut: [],
  userVersion: null,
};

/** A new file that is whole, and which damaged one it is to replace. */
interface Plan {
  readonly file: string | null;
  readonly wal: string | null;
  readonly report: DatabaseRecovery;
}

/**
 * Looks at a database file, and when it is damaged puts a sound one in its place that has what could still be read. The
 * damaged one is set aside first, byte for byte, under `<file>.damaged-<time>`, and never deleted. Nobody may have the file
 * open. Open Lading on it afterwards: it makes its rows anew from what is left of the log, takes over what only this
 * device had from the sidecars beside the bytes, and pulls all else anew; see docs/guides/recovery.md.
 *
 * Blocks until it is done, and takes three times the file's size meanwhile. Killed at any point it leaves the damaged
 * file or the new one in place; calling it again goes on, and does nothing to a sound file.
 * @throws {LadingError} `invalid_option`; `database_unopenable` where there is no file; `database_newer`; `database_busy`
 *   while another process recovers it, or a journal of sql.js is beside it; `disk_full`. The file is as it was then.
 * @example
 * ```ts
 * try {
 *   store = openNodeSqlite(file)
 * } catch (error) {
 *   if (!(error instanceof LadingError && error.code === 'database_corrupt')) throw error
 *   report(recoverDatabase(file, { open: openNodeSqlite }))
 *   store = openNodeSqlite(file)
 * }
 * ```
 */
export function recoverDatabase(file: string, options: RecoverDatabaseOptions): DatabaseRecovery {
  requireDatabaseFile(file);
  if (!existsSync(file)) {
    throw new LadingError('database_unopenable', 'There is no database file to recover.');
  }
  refuseJournal(file);
  const unlock = lockForProcess(file);
  try {
    return recoverLocked(file, options);
  } catch (error) {
    const known = asLadingError(error);
    // What it was refused for stays refused: nothing of it is taken up again.
    if (known instanceof LadingError) cleanUp(placesOf(file));
    throw known;
  } finally {
    unlock();
  }
}

/** Beside the file, while it is recovered. */
interface Places {
  readonly plan: string;
  /** The new file. */
  readonly fresh: string;
  /** A copy of the damaged one that may be changed by looking at it. */
  readonly work: string;
}

function placesOf(file: string): Places {
  return {
    plan: `${file}-lading-plan`,
    fresh: `${file}-lading-fresh`,
    work: `${file}-lading-work`,
  };
}

function recoverLocked(file: string, options: RecoverDatabaseOptions): DatabaseRecovery {
  const { crashPoint = () => {}, clock = systemClock() } = options;
  const places = placesOf(file);
  const { fresh, work } = places;

  const begun = readJson(places.plan) as Plan | undefined;
  if (begun !== undefined && isStillMeant(file, begun) && existsSync(fresh)) {
    swap(file, fresh, crashPoint);
    cleanUp(places);
    return begun.report;
  }
  cleanUp(places);

  copyAside(file, work);
  if (isSound(work, options.open)) {
    cleanUp(places);
    return SOUND;
  }
  const quarantine = setAside(file, clock.now());
  crashPoint('quarantined');
  // Looking at it may have changed the copy: SQLite brings a journal in when it opens one.
  removeDatabase(work);
  copyAside(file, work);
  const report = {
    damaged: true,
    quarantine,
    ...rebuild(work, fresh, options.open, Math.floor(clock.now())),
  };
  syncFile(fresh);
  crashPoint('rebuilt');
  const plan: Plan = { file: hashOf(file), wal: hashOf(`${file}-wal`), report };
  writeDurably(places.plan, JSON.stringify(plan));
  crashPoint('planned');
  swap(file, fresh, crashPoint);
  cleanUp(places);
  return report;
}

/** Whether the file is the one that the plan was made for, its journal gone already or not. */
function isStillMeant(file: string, plan: Plan): boolean {
  const wal = hashOf(`${file}-wal`);
  return hashOf(file) === plan.file && (wal === null || wal === plan.wal);
}

/** The damaged file's journal goes first: SQLite would bring it into the new file. */
function swap(file: string, fresh: string, crashPoint: (name: string) => void): void {
  removeDurably(...BESIDE.map((end) => file + end));
  crashPoint('journal_removed');
  renameDurably(fresh, file);
  crashPoint('swapped');
}

function cleanUp({ plan, fresh, work }: Places): void {
  removeDurably(plan, `${plan}.part`);
  removeDatabase(fresh);
  removeDatabase(work);
}

function copyAside(file: string, work: string): void {
  for (const end of ['', '-wal', '-journal']) {
    if (existsSync(file + end)) copyFileSync(file + end, work + end);
  }
}

/** By SQLite's own judgement, of a copy; one that is empty while its journal is not has lost everything. */
function isSound(work: string, open: RecoverDatabaseOptions['open']): boolean {
  if (statSync(work).size === 0)
    return !existsSync(`${work}-wal`) || statSync(`${work}-wal`).size === 0;
  let database: SqlDatabase;
  try {
    database = open(work);
  } catch (error) {
    if (error instanceof LadingError && error.code !== 'database_corrupt') throw error;
    return false;
  }
  try {
    const rows = database.all('PRAGMA integrity_check(1)');
    return rows.length === 1 && rows[0]?.['integrity_check'] === 'ok';
  } catch (error) {
    if (error instanceof LadingError && error.code === 'database_corrupt') return false;
    throw error;
  } finally {
    closeQuietly(database);
  }
}

function closeQuietly(database: SqlDatabase): void {
  try {
    database.close();
  } catch {
    // It was damaged: what it says when it is closed is no news.
  }
}

/** Copies under a name with the time; the same damage is not copied twice. */
function setAside(file: string, now: number): readonly string[] {
  const hash = hashOf(file);
  const known = siblings(file, '.damaged-').find(
    (path) =>
      !path.endsWith('.part') &&
      hashOf(path) === hash &&
      BESIDE.every((end) => hashOf(path + end) === hashOf(file + end)),
  );
  const stamp = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const target = known ?? freeName(`${file}.damaged-${stamp}`);
  const copies: string[] = [];
  // The file itself comes last: where its copy is, so are the others.
  for (const end of [...BESIDE, '']) {
    if (!existsSync(file + end)) continue;
    if (known === undefined) copyDurably(file + end, target + end);
    copies.push(target + end);
  }
  return copies.toReversed();
}

function freeName(wanted: string): string {
  for (let count = 1; ; count++) {
    const name = count === 1 ? wanted : `${wanted}-${count}`;
    if (!existsSync(name)) return name;
  }
}

function asLadingError(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new LadingError(
    'disk_full',
    'There is not enough room to recover the database: nothing was changed. Free three times its size and try again.',
    { cause: error },
  );
}
