import { setTimeout as sleep } from 'node:timers/promises';
import { styleText } from 'node:util';
import { createLogUpdate } from 'log-update';
import type { ChosenFiles } from '../judge/files.ts';
import type { ShownItem } from '../messages.ts';
import { bytes, seconds, wrapped } from './format.ts';
import { type Screen, verdictText } from './screen.ts';
import { type Row, table } from './table.ts';

const READING_MS = 900;

/** Chapters above, and below them one line per file that is rewritten in place. */
export function liveScreen(chosen: ChosenFiles, stream: NodeJS.WriteStream): Screen {
  const update = createLogUpdate(stream);
  const rows = new Map<string, Row>(
    chosen.files.map(({ path, name, sizeBytes }) => [
      path,
      { name, sizeBytes, shown: null, dead: false },
    ]),
  );
  const pathOf = new Map<string, string>();
  let chapter: string | undefined;
  /** Some terminals say that they have none. */
  const columns = (): number => Math.max(40, stream.columns || 80);

  const draw = (): void => {
    const size = { columns: columns(), rows: (stream.rows || 24) - 4 };
    const doing = chapter === undefined ? [] : [`${styleText('cyan', '●')} ${fitted(chapter)}`];
    update([...doing, '', ...table([...rows.values()], size)].join('\n'));
  };
  const above = (line: string): void => {
    update.clear();
    stream.write(`${line}\n`);
  };
  /** For text behind a mark of two columns. */
  const fitted = (text: string): string => wrapped(text, columns() - 1, '  ');
  const change = (path: string | undefined, part: Partial<Row>): void => {
    const row = path === undefined ? undefined : rows.get(path);
    if (path !== undefined && row !== undefined) rows.set(path, { ...row, ...part });
  };

  above(
    `${styleText('bold', 'Lading demo')}  ${chosen.files.length} files, ${bytes(chosen.totalBytes)}, of ${chosen.from}\n`,
  );
  if (chosen.skipped.length > 0) above(styleText('dim', `Skipped: ${chosen.skipped.join(', ')}`));

  return {
    step(text) {
      chapter = text;
      draw();
    },
    done(text) {
      chapter = undefined;
      above(`${styleText('green', '✔')} ${fitted(text)}`);
      draw();
    },
    captured(path, mediaId) {
      pathOf.set(mediaId, path);
      change(path, { shown: CAPTURED(mediaId) });
      draw();
    },
    shown(items) {
      for (const shown of items) change(pathOf.get(shown.mediaId), { shown, dead: false });
      draw();
    },
    killed(text) {
      chapter = undefined;
      above(`${styleText('red', '†')} ${fitted(text)}`);
      for (const [path, { shown }] of rows) change(path, { dead: shown?.state !== 'uploaded' });
      draw();
    },
    proof() {
      update.done();
      stream.write(`\n${styleText('bold', 'The proof')}\n`);
    },
    check({ ok, title, detail }) {
      const mark = ok ? styleText('green', '✔') : styleText('red', '✘');
      stream.write(`${mark} ${title}\n  ${styleText('dim', fitted(detail))}\n`);
    },
    verdict(holds, tookMs) {
      const text = verdictText(holds, seconds(tookMs));
      stream.write(`\n${styleText(['bold', holds ? 'green' : 'red'], text)}\n`);
    },
    problem(text) {
      update.done();
      stream.write(`\n${styleText('red', '✘')} ${text}\n`);
    },
    pause: () => sleep(READING_MS),
    close: () => update.done(),
  };
}

const CAPTURED = (mediaId: string): ShownItem => ({
  mediaId,
  state: 'local_only',
  waitingFor: null,
  sentBytes: null,
  error: null,
});
