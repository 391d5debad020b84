import { cut, type Output, widthOf } from './output.ts';

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly align?: 'right';
}

/** Rows under their titles, two spaces apart; on a terminal each line is cut at its edge. */
export function printTable<Row>(
  out: Output,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): void {
  const cells = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ cell }) => cell(row))),
  ];
  const widths = columns.map((_, at) => Math.max(...cells.map((line) => widthOf(line[at] ?? ''))));
  for (const [index, line] of cells.entries()) {
    const text = line
      .map((cell, at) => padded(cell, widths[at] ?? 0, columns[at]?.align))
      .join('  ')
      .trimEnd();
    const fitting = cut(text, out.width);
    out.line(index === 0 ? out.style('dim', fitting) : fitting);
  }
}

function padded(text: string, width: number, align: 'right' | undefined): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(text)));
  return align === 'right' ? space + text : text + space;
}
