import { constants, copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder that is gone when this process is. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lading-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * Copies a database and the log that SQLite keeps beside it, for a file that nobody has open.
 * @returns the copy, which SQLite may mend.
 */
export function copyWithLog(file: string): string {
  const copy = join(temporaryFolder(), 'copy.sqlite');
  for (const suffix of ['', '-wal', '-journal']) {
    if (existsSync(`${file}${suffix}`)) {
      copyFileSync(`${file}${suffix}`, `${copy}${suffix}`, constants.COPYFILE_FICLONE);
    }
  }
  return copy;
}
