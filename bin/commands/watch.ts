import { statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { createWords } from '../../engine/explain/words.ts';
import { newestEvents, ownersOf } from '../../persistence/inspection/queries.ts';
import { printable } from '../../ports/printable.ts';
import { type DatabaseFile, openDatabaseFile } from '../database/open.ts';
import type { Output } from '../print/output.ts';
import { survey } from '../survey.ts';
import type { Call, ExitCode, FileCommand } from './command.ts';
import { type ListedItem, listed, printList } from './list.ts';
import { printStatus, type StatusDocument, statusOf } from './status.ts';

/** How often the files are looked at: stat alone, which costs nothing. */
const LOOK_MS = 250;
const EVENTS = 5;
/** Attachments that a plain view or a line of JSON names. */
const MOST = 20;

interface View {
  readonly status: StatusDocument;
  readonly moving: readonly ListedItem[];
  readonly events: readonly {
    readonly stream: string;
    readonly type: string;
    readonly at: number;
  }[];
}

export const watch: FileCommand = {
  takes: 'file',
  usage: 'lading watch FILE [--once]',
  summary: 'a live view: redrawn when the database changes, until Ctrl-C',
  help: [
    '  --once           one view, and done',
    'With --json: one line for each change. Not on a terminal: one block of lines for each change.',
  ],
  options: { once: { type: 'boolean' } },
  async run(call): Promise<ExitCode> {
    const { file, out, json, values } = call;
    const stop = new AbortController();
    const onSignal = (): void => stop.abort();
    process.once('SIGINT', onSignal);
    process.once('SIGTERM', onSignal);
    try {
      for (let seen = ''; !stop.signal.aborted; ) {
        const before = fingerprint(file.path);
        const view = await look(call);
        const key = JSON.stringify([
          view.status.accounts,
          view.status.runners.length,
          view.moving,
          view.events,
        ]);
        // On a terminal also when only time passed: it shows how long things wait.
        if (key !== seen || out.isTerminal) {
          if (json) out.json({ ...view.status, moving: view.moving, events: view.events }, 'line');
          else draw(out, view, call, seen === '');
        }
        seen = key;
        if (values['once'] === true) break;
        await change(file.path, before, stop.signal, out.isTerminal ? 4 : Number.POSITIVE_INFINITY);
      }
    } finally {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    }
    return 0;
  },
};

async function look({
  file: { path },
  at: fixed,
  isFixed,
}: Call & { readonly file: DatabaseFile }): Promise<View> {
  // Opened anew for each look: an app that comes or goes meanwhile changes how it has to be read.
  const file = await openDatabaseFile(path);
  try {
    const at = isFixed ? fixed : Date.now();
    return file.read((tx) => {
      const seen = survey(tx, at);
      const moving = seen.items
        .filter(
          ({ state, waitingFor }) =>
            (state !== 'uploaded' && state !== 'gone') ||
            (state === 'gone' && waitingFor !== undefined && waitingFor !== 'late_arrival'),
        )
        .toReversed()
        .slice(0, MOST)
        .map((item) => listed(item, ownersOf(tx, item.mediaId)));
      return { status: statusOf(file, seen, 'watch'), moving, events: newestEvents(tx, EVENTS) };
    });
  } finally {
    file.close();
  }
}

function draw(out: Output, view: View, call: Call, isFirst: boolean): void {
  if (out.isTerminal) out.raw('\u001b[H\u001b[2J');
  else if (!isFirst) out.line('—');
  printStatus(out, view.status);
  out.line();
  const room = out.isTerminal
    ? Math.max(3, out.height - 14 - 6 * view.status.accounts.length)
    : MOST;
  if (view.moving.length === 0) out.line('Nothing is on its way.');
  else printList({ out, at: view.status.at }, view.moving.slice(0, room));
  out.line();
  const words = createWords();
  for (const { stream, type, at } of view.events.toReversed()) {
    out.line(out.style('dim', `${words.time(at)}  ${stream}  ${printable(type, 60)}`));
  }
  if (out.isTerminal && call.values['once'] !== true)
    out.line(out.style('dim', 'Ctrl-C ends this view; the app does not notice it.'));
}

/** Resolves when the files are others than `before`, after `looks` looks, or at the end. */
async function change(
  path: string,
  before: string,
  signal: AbortSignal,
  looks: number,
): Promise<void> {
  for (let count = 0; count < looks && !signal.aborted; count++) {
    await pause(LOOK_MS, undefined, { signal }).catch(() => {});
    if (fingerprint(path) !== before) return;
  }
}

function fingerprint(path: string): string {
  return ['', '-wal', '-lading']
    .map((suffix) => {
      const stats = statSync(`${path}${suffix}`, { throwIfNoEntry: false });
      return stats === undefined ? '' : `${stats.size}:${stats.mtimeMs}:${stats.ino}`;
    })
    .join(' ');
}
