import { existsSync } from 'node:fs';
import type { SqlDatabase } from '../../ports/sql.ts';
import { Problem } from '../problem.ts';

/**
 * A database that the sql.js driver keeps as an image and a journal, read from a copy of both; undefined for any other.
 * @throws {Problem}
 */
export async function openSqlJsCopy(path: string, name: string): Promise<SqlDatabase | undefined> {
  if (!['-lading', '-lading-next'].some((suffix) => existsSync(`${path}${suffix}`)))
    return undefined;
  throw new Problem(
    `${name} is kept by the sql.js driver, and has changes in a journal that this command cannot read. Close the app, so that it writes them into the file, and try again.`,
  );
}
