import { httpTable } from 'lading/remotes/http';
import { s3Table } from 'lading/remotes/s3';
import { tusTable } from 'lading/remotes/tus';
import { describe, expect, it } from 'vitest';
import { printTable } from '../support/print-table.ts';
import { page } from './markdown.ts';

const tables = [
  ['Plain HTTP', printTable(httpTable)],
  ['tus', printTable(tusTable)],
  ['S3', printTable(s3Table)],
] as const;

describe('docs/errors-of-remotes.md', () => {
  it.each(tables)('prints the table of %s as the code has it', (heading, table) => {
    const { text } = page('docs/errors-of-remotes.md');
    const section = text.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
    expect(section).toContain(`\n${table}\n`);
  });
});
