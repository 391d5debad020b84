import {
  type Reason,
  type ShownState,
  type Surroundings,
  shownOf,
} from '../engine/explain/reason.ts';
import {
  type AccountRow,
  accounts,
  type MediaRow,
  mediaAfter,
  type RunTask,
  runTasks,
} from '../persistence/inspection/queries.ts';
import type { StoreTransaction } from '../ports/event-store.ts';

/** One attachment as this command shows it. */
export interface Item extends MediaRow {
  readonly state: ShownState;
  readonly waitingFor?: Reason;
}

/** A process that works, or worked, on the database. */
export interface RunnerState {
  readonly runner: string;
  /** Milliseconds since 1970. */
  readonly leaseUntil: number;
  readonly alive: boolean;
  /** Services that it holds. */
  readonly holds: number;
}

/** All that a database says about itself at one moment. */
export interface Survey {
  /** Milliseconds since 1970: what leases and ages are measured against. */
  readonly at: number;
  readonly accounts: readonly AccountRow[];
  readonly runners: readonly RunnerState[];
  /** Services that no run could settle: dead letters. */
  readonly setAside: readonly RunTask[];
  readonly items: readonly Item[];
}

const PAGE = 1_000;

/** @param wanted which attachments are kept in memory. Default all. */
export function survey(
  tx: StoreTransaction,
  at: number,
  wanted: (item: Item) => boolean = () => true,
): Survey {
  const tasks = runTasks(tx);
  const runners = tx.runners.all().map(({ runner, expiresAt }) => ({
    runner,
    leaseUntil: expiresAt,
    alive: expiresAt > at,
    holds: tasks.filter((task) => task.runner === runner).length,
  }));
  const around = surroundings(tasks, runners);
  const items: Item[] = [];
  for (let after = ''; ; ) {
    const page = mediaAfter(tx, after, PAGE);
    for (const row of page) {
      const item = { ...row, ...shownOf(row.facts, around(row.mediaId)) };
      if (wanted(item)) items.push(item);
    }
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) break;
    after = last.mediaId;
  }
  const setAside = tasks.filter(({ buried }) => buried !== null);
  return { at, accounts: accounts(tx), runners, setAside, items };
}

/** What a file tells about the app beside its log (contract 2). */
export function surroundingsOf(tx: StoreTransaction, mediaId: string, at: number): Surroundings {
  const runners = tx.runners
    .all()
    .map(({ runner, expiresAt }) => ({ runner, alive: expiresAt > at }));
  return surroundings(runTasks(tx), runners)(mediaId);
}

function surroundings(
  tasks: readonly RunTask[],
  runners: readonly { readonly runner: string; readonly alive: boolean }[],
): (mediaId: string) => Surroundings {
  const living = new Set(runners.filter(({ alive }) => alive).map(({ runner }) => runner));
  const atWork = tasks.filter(({ runner }) => runner !== null && living.has(runner));
  const held = new Set(atWork.map(({ stream }) => stream));
  const busy = new Set(atWork.map(({ runner }) => runner));
  return (mediaId) => ({ held: held.has(mediaId), runners: busy.size });
}
