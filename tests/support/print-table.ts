import type { Row } from '../../adapters/remotes/transport/table.ts';

/** A classification table as a page shows it: one line for rows that differ only in the request. */
export function printTable<Phase extends string>(table: readonly Row<Phase>[]): string {
  const all = new Set(table.flatMap(({ phases }) => phases));
  const lines = table.map(({ phases, status, when, means }) => {
    const asked = phases.length === all.size ? 'any' : phases.join(', ');
    const [faultClass, code] = means ?? ['success', ''];
    const cells = [
      statusWords(status),
      when?.words ?? '',
      asked,
      faultClass,
      code && `\`${code}\``,
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '| status | and | request | class | code |',
    '|---|---|---|---|---|',
    ...new Set(lines),
  ].join('\n');
}

function statusWords(status: Row<string>['status']): string {
  if (typeof status === 'number') return String(status);
  const [first, last] = status;
  return first === 0 ? 'any other' : `${first} … ${last}`;
}
