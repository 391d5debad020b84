import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { LadingError } from '../../ports/errors.ts';
import type { SqlDatabase } from '../../ports/sql.ts';
import { Problem } from '../problem.ts';
import { temporaryFolder } from './copy.ts';

/** What the sql.js driver keeps beside its image: commits that are not in the image yet. */
const JOURNALS = ['-lading', '-lading-next'];
/** A copy taken while the app writes a new image fits together at the next try. */
const TRIES = 3;

/**
 * A database that the sql.js driver keeps as an image and a journal, read from a copy of both; undefined for any other,
 * and for one that an app has closed: then the image is an ordinary database.
 * @throws {Problem}
 */
export async function openSqlJsCopy(path: string, name: string): Promise<SqlDatabase | undefined> {
  if (!JOURNALS.some((suffix) => existsSync(`${path}${suffix}`))) return undefined;
  const { openSqlJs } = await import('../../persistence/drivers/sqljs.ts');
  for (let count = 1; ; count++) {
    const copy = join(temporaryFolder(), 'copy.sqlite');
    for (const suffix of ['', ...JOURNALS]) {
      if (existsSync(`${path}${suffix}`)) copyFileSync(`${path}${suffix}`, `${copy}${suffix}`);
    }
    try {
      return await openSqlJs(copy);
    } catch (error) {
      if (!(error instanceof LadingError)) throw error;
      if (error.code === 'sdk_missing') {
        throw new Problem(
          `${name} is kept by the sql.js driver, with changes in a journal beside it. Run this where sql.js is installed, or close the app first.`,
        );
      }
      if (error.code !== 'database_corrupt' || count >= TRIES) {
        throw new Problem(`${name} cannot be read from its image and journal: ${error.message}`);
      }
    }
  }
}
