import type { Reason, ShownState } from '../../engine/explain/reason.ts';
import { createWords, sizeOf, spanOf } from '../../engine/explain/words.ts';
import { onItsWay } from '../../machines/attachment/on-its-way.ts';
import { printable } from '../../ports/printable.ts';
import type { DatabaseFile } from '../database/open.ts';
import type { Output } from '../print/output.ts';
import { type Survey, survey } from '../survey.ts';
import { type FileCommand, FORMAT } from './command.ts';

const STATES: readonly ShownState[] = ['uploaded', 'uploading', 'local_only', 'failed', 'gone'];

interface AccountStatus {
  readonly account: string;
  /** How many attachments show each state. */
  readonly shown: Readonly<Record<ShownState, number>>;
  /** Upload jobs that are not done: queued, waiting, running or failed. */
  readonly queueDepth: number;
  readonly oldestWaitingSince: number | null;
  readonly waitingFor: Readonly<Partial<Record<Reason, number>>>;
  readonly usedBytes: number;
  readonly files: number;
  /** Of `usedBytes`, what would be fetched again when needed. */
  readonly evictableBytes: number;
  readonly outbox: {
    readonly depth: number;
    readonly oldestAt: number | null;
    readonly postponed: number;
  };
  /** The newest change that came from the backend. */
  readonly syncedUpTo: number | null;
}

/** What `status --json` prints; `watch --json` prints one a line. */
export interface StatusDocument {
  readonly format: typeof FORMAT;
  readonly command: string;
  readonly at: number;
  readonly database: {
    readonly file: string;
    readonly schemaVersion: number;
    readonly read: DatabaseFile['how'];
  };
  readonly attachments: number;
  readonly accounts: readonly AccountStatus[];
  readonly runners: Survey['runners'];
  readonly setAside: number;
}

export const status: FileCommand = {
  takes: 'file',
  usage: 'lading status FILE',
  summary: 'accounts, states, queue, bytes, outbox, sync, runners',
  help: ['Counts what the database holds. A healthy and a sick one look different at a glance.'],
  options: {},
  run({ file, out, json, at }) {
    const document = statusOf(
      file,
      file.read((tx) => survey(tx, at)),
      'status',
    );
    if (json) out.json(document);
    else printStatus(out, document);
    return 0;
  },
};

export function statusOf(file: DatabaseFile, seen: Survey, command: string): StatusDocument {
  return {
    format: FORMAT,
    command,
    at: seen.at,
    database: {
      file: printable(file.path),
      schemaVersion: file.schemaVersion,
      read: file.how,
    },
    attachments: seen.items.length,
    accounts: seen.accounts.map((row) => {
      const items = seen.items.filter(({ accountId }) => accountId === row.accountId);
      const waiting = items.filter(isStuckJob);
      const reasons = Object.groupBy(waiting, ({ waitingFor }) => waitingFor ?? 'slot');
      return {
        account: printable(row.accountId),
        shown: Object.fromEntries(
          STATES.map((state) => [state, items.filter((item) => item.state === state).length]),
        ) as Record<ShownState, number>,
        queueDepth: items.filter(({ facts }) => onItsWay.has(facts.situation)).length,
        oldestWaitingSince:
          waiting.length === 0 ? null : Math.min(...waiting.map(({ facts }) => facts.since)),
        waitingFor: Object.fromEntries(
          Object.entries(reasons).map(([reason, of]) => [reason, of.length]),
        ),
        usedBytes: row.usedBytes,
        files: row.files,
        evictableBytes: row.evictableBytes,
        outbox: { depth: row.outbox, oldestAt: row.oldestOpAt, postponed: row.postponedOps },
        syncedUpTo: row.syncedUpTo,
      };
    }),
    runners: seen.runners,
    setAside: seen.setAside.length,
  };
}

const isStuckJob = ({ facts, waitingFor }: Survey['items'][number]): boolean =>
  waitingFor !== undefined && onItsWay.has(facts.situation);

const HOW: Readonly<Record<DatabaseFile['how'], string>> = {
  'at rest': 'no app has it open',
  'beside the app': 'an app has it open, or died with it open',
  'from a copy': 'read from a temporary copy',
};

export function printStatus(out: Output, document: StatusDocument): void {
  const { at, database, accounts, runners } = document;
  const words = createWords();
  const count = document.attachments;
  out.line(
    `${out.style('bold', database.file)}  ${count} ${count === 1 ? 'attachment' : 'attachments'}, schema ${database.schemaVersion}, ${HOW[database.read]}`,
  );
  out.line(`as of ${words.time(at)}`);
  for (const account of accounts) {
    out.line();
    out.line(`account ${out.style('bold', account.account)}`);
    const row = (name: string, text: string): void =>
      out.line(`  ${out.style('dim', name.padEnd(8))}  ${text}`);
    row('shown', STATES.map((state) => shownCount(out, state, account.shown[state])).join('  '));
    row('queue', queueOf(account, at));
    row(
      'bytes',
      `${sizeOf(account.usedBytes)} in ${account.files} ${account.files === 1 ? 'file' : 'files'} on this device${account.evictableBytes === 0 ? '' : `, ${sizeOf(account.evictableBytes)} evictable`}`,
    );
    const { depth, oldestAt, postponed } = account.outbox;
    row(
      'outbox',
      depth === 0
        ? 'empty'
        : `${depth} for the backend, the oldest since ${spanOf(at - (oldestAt ?? at))}${postponed === 0 ? '' : `, ${postponed} put off after failures`}`,
    );
    row(
      'synced',
      account.syncedUpTo === null
        ? 'nothing came from a backend yet'
        : `up to the change of ${words.time(account.syncedUpTo)}`,
    );
  }
  out.line();
  if (runners.length === 0)
    out.line('no runner holds a lease: the app is closed, idle, or kept from uploading');
  for (const { runner, alive, leaseUntil, holds } of runners) {
    const lease = `lease ${alive ? 'until' : 'ended at'} ${words.time(leaseUntil)}`;
    const state = alive ? out.style('green', 'alive') : out.style('yellow', 'gone');
    out.line(`runner ${printable(runner)}  ${state}, ${lease}, holds ${holds}`);
  }
  if (document.setAside > 0) {
    out.line(
      out.style('red', `${document.setAside} set aside after too many runs: see lading doctor`),
    );
  }
}

function queueOf(
  { queueDepth, oldestWaitingSince, waitingFor }: AccountStatus,
  at: number,
): string {
  if (queueDepth === 0) return 'empty';
  const age =
    oldestWaitingSince === null
      ? ''
      : `, the oldest waits since ${spanOf(at - oldestWaitingSince)}`;
  const reasons = Object.entries(waitingFor)
    .map(([reason, count]) => `${count} for ${reason}`)
    .join(', ');
  return `${queueDepth}${age}${reasons === '' ? '' : ` (${reasons})`}`;
}

const COLOR: Partial<Record<ShownState, 'red' | 'green' | 'cyan' | 'yellow'>> = {
  uploaded: 'green',
  uploading: 'cyan',
  local_only: 'yellow',
  failed: 'red',
};

function shownCount(out: Output, state: ShownState, count: number): string {
  const color = count === 0 ? 'dim' : COLOR[state];
  const text = `${state} ${count}`;
  return color === undefined ? text : out.style(color, text);
}

/** A state in its colour. */
export function coloured(out: Output, state: ShownState, text: string = state): string {
  const color = COLOR[state];
  return color === undefined ? text : out.style(color, text);
}
