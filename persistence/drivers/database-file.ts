import { LadingError } from '../../ports/errors.ts';

/** SQLite takes '' for a temporary database, which is gone when it is closed. @throws {LadingError} `invalid_option`. */
export function requireDatabaseFile(file: unknown): void {
  if (typeof file === 'string' && file.trim() !== '') return;
  throw new LadingError(
    'invalid_option',
    'A database needs the path of a file, or ":memory:" to keep nothing.',
    { details: { name: 'file' } },
  );
}

/** The library's handle on a file. @throws {LadingError} `database_unopenable`. */
export function openHandle<Handle>(open: () => Handle): Handle {
  try {
    return open();
  } catch (cause) {
    throw new LadingError(
      'database_unopenable',
      'The database file cannot be opened: check that its folder exists and may be written.',
      { cause },
    );
  }
}
