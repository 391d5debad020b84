import { styleText } from 'node:util';
import type { ShownItem } from '../messages.ts';
import { bar, bytes } from './format.ts';

export interface Row {
  readonly name: string;
  readonly sizeBytes: number;
  /** What the app showed last; null before it is captured. */
  readonly shown: ShownItem | null;
  /** The app that showed it is dead. */
  readonly dead: boolean;
}

const SIZE_WIDTH = 9;
const STATE_WIDTH = 30;
const BAR_WIDTH = 18;

/** One line per file, as many as fit; what is still on its way comes first when there is no room for all. */
export function table(
  rows: readonly Row[],
  room: { readonly columns: number; readonly rows: number },
): readonly string[] {
  const most = Math.max(1, room.rows);
  const fits = rows.length <= most;
  const chosen = fits ? rows : urgentFirst(rows).slice(0, most - 1);
  const widest = Math.max(...rows.map(({ name }) => lettersOf(name).length));
  const nameWidth = Math.max(8, Math.min(widest, room.columns - SIZE_WIDTH - STATE_WIDTH - 6));
  const lines = chosen.map((row) => lineOf(row, nameWidth));
  return fits ? lines : [...lines, styleText('dim', `  and ${rows.length - chosen.length} more`)];
}

function urgentFirst(rows: readonly Row[]): readonly Row[] {
  return rows.toSorted((one, other) => urgency(one) - urgency(other));
}

function urgency({ shown }: Row): number {
  if (shown === null) return 2;
  return { failed: 0, uploading: 0, local_only: 1, uploaded: 3, gone: 3 }[shown.state];
}

function lineOf(row: Row, nameWidth: number): string {
  const size = bytes(row.sizeBytes).padStart(SIZE_WIDTH);
  return `  ${fitted(row.name, nameWidth)} ${styleText('dim', size)}  ${stateOf(row)}`;
}

function stateOf({ shown, dead, sizeBytes }: Row): string {
  if (shown === null) return styleText('dim', '·');
  const { state, waitingFor, sentBytes, error } = shown;
  if (state === 'uploaded') return styleText('green', '✔ uploaded');
  if (dead) return styleText('red', '† app is dead');
  if (state === 'failed') return styleText('red', `✘ failed: ${error ?? ''}`.slice(0, STATE_WIDTH));
  if (state === 'uploading') {
    const share = (sentBytes ?? 0) / sizeBytes;
    const percent = `${Math.floor(share * 100)}`.padStart(3);
    return `${styleText('cyan', bar(share, BAR_WIDTH))} ${percent} %`;
  }
  const reason = waitingFor === null ? '' : `, waiting for ${waitingFor.replaceAll('_', ' ')}`;
  return styleText('yellow', `local only${reason}`);
}

/** Exactly `width` characters. */
function fitted(name: string, width: number): string {
  const letters = lettersOf(name);
  if (letters.length <= width) return letters.join('') + ' '.repeat(width - letters.length);
  return `${letters.slice(0, width - 1).join('')}…`;
}

const segmenter = new Intl.Segmenter();

/** What a reader takes for one letter, however many code points it has. */
function lettersOf(text: string): readonly string[] {
  return Array.from(segmenter.segment(text.normalize('NFC')), ({ segment }) => segment);
}
