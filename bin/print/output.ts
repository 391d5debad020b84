import { stripVTControlCharacters, styleText } from 'node:util';

/** Where a command writes; nothing else prints. */
export interface Output {
  line(text?: string): void;
  /** One JSON document, or one line of several. */
  json(document: unknown, shape?: 'pretty' | 'line'): void;
  /** Text as it is, without a line end. */
  raw(text: string): void;
  readonly style: (format: Format, text: string) => string;
  /** Characters in a line; undefined where nobody looks at it: nothing is cut then. */
  readonly width: number | undefined;
  readonly height: number;
  readonly isTerminal: boolean;
}

export type Format = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** The process's own standard output. Colours only on a terminal, and never with `NO_COLOR` (no-color.org). */
export function standardOutput(): Output {
  const { stdout, env } = process;
  const noColor = env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '';
  const isTerminal = stdout.isTTY;
  const colored = isTerminal && !noColor && env['TERM'] !== 'dumb';
  return {
    line: (text = '') => void stdout.write(`${text}\n`),
    json: (document, shape = 'pretty') =>
      void stdout.write(`${JSON.stringify(document, null, shape === 'pretty' ? 2 : 0)}\n`),
    raw: (text) => void stdout.write(text),
    style: (format, text) => (colored ? styleText(format, text, { validateStream: false }) : text),
    get width() {
      return isTerminal ? Math.max(40, stdout.columns || 80) : undefined;
    },
    get height() {
      return stdout.rows || 24;
    },
    isTerminal,
  };
}

/** Columns that a text takes in a terminal: East Asian wide ones and emoji two, combining marks none. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of stripVTControlCharacters(text)) {
    if (/\p{M}/u.test(character)) continue;
    width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;

/** Cut to `columns`, with `…` at its end where something is missing. */
export function cut(text: string, columns: number | undefined): string {
  if (columns === undefined || widthOf(text) <= columns) return text;
  let [kept, width] = ['', 0];
  for (const character of text) {
    width += widthOf(character);
    if (width > columns - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Breaks a sentence into lines of at most `columns`, with `indent` before each but the first. */
export function wrapped(text: string, columns: number | undefined, indent: string): string {
  if (columns === undefined) return text;
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && widthOf(longer) > columns - (lines.length === 0 ? 0 : widthOf(indent))) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line].join(`\n${indent}`);
}
