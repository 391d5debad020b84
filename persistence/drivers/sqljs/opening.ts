import { LadingError } from '../../../ports/errors.ts';
import type { SqlDatabase } from '../../../ports/sql.ts';
import { asLadingError, createSqlDatabase, type DriverOptions } from '../driver.ts';
import { prepareConnection } from '../pragmas.ts';
import type { SqlFiles } from './files.ts';
import { openImageAndJournal } from './image-and-journal.ts';
import { codeOf, type RawSqlJs, rawSqlJs } from './raw-sqljs.ts';
import type { SqlJsDatabase, SqlJsModule } from './sqljs-types.ts';

export interface SqlJsOptions extends DriverOptions {
  /** `sql.js` already loaded, as browsers need it to name the place of its wasm file. Default: imported. */
  readonly sqlJs?: SqlJsModule;
  /** Where the files are. Default: Node's file system. */
  readonly files?: SqlFiles;
  /**
   * The most bytes that the database may have; a commit beyond it is refused with `disk_full`. Default 128 MiB. It is
   * held in memory whole, and once more while an image is written.
   */
  readonly maxBytes?: number;
  /**
   * A journal of this many bytes becomes a new image at the next commit, which then takes as long as it takes to
   * write the whole database. Default: 1 MiB, or half of the image if that is more.
   */
  readonly checkpointBytes?: number;
}

/** A database, and the way to let it go as a process that dies does. */
export interface OpenedSqlJs {
  readonly database: SqlDatabase;
  readonly abandon: () => void;
}

const DEFAULT_MAX_BYTES = 128 * 1024 * 1024;
const LEAST_CHECKPOINT_BYTES = 1024 * 1024;
/** What wasm can address, less what SQLite needs to work. */
const MOST_BYTES = 1024 * 1024 * 1024;

/** Loads `sql.js`, an optional peer dependency. @throws {LadingError} `sdk_missing`. */
export async function loadSqlJs(): Promise<SqlJsModule> {
  try {
    const { default: init } = await import('sql.js');
    return await init();
  } catch (cause) {
    throw new LadingError('sdk_missing', 'This driver needs sql.js: npm install sql.js@^1.16.0', {
      cause,
    });
  }
}

/** Opens a database where everything is loaded. */
export function openLoaded(
  sqlJs: SqlJsModule,
  file: string,
  options: SqlJsOptions & { readonly files: SqlFiles },
): OpenedSqlJs {
  const { maxBytes = DEFAULT_MAX_BYTES } = options;
  if (typeof file !== 'string' || file.trim() === '') {
    throw invalid('file', 'A database needs the path of a file.');
  }
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 65_536 || maxBytes > MOST_BYTES) {
    throw invalid('maxBytes', `maxBytes is a whole number from 65536 to ${MOST_BYTES}.`);
  }
  const store = openImageAndJournal(options.files, file);
  let handle: SqlJsDatabase | undefined;
  let raw: RawSqlJs | undefined;
  try {
    const imageBytes = store.image?.byteLength ?? 0;
    if (imageBytes > maxBytes) throw tooLarge(imageBytes, maxBytes);
    handle = new sqlJs.Database(inMemory(store.image));
    raw = rawSqlJs({
      handle,
      files: store,
      maxBytes,
      checkpointBytes: (bytes) =>
        options.checkpointBytes ?? Math.max(LEAST_CHECKPOINT_BYTES, bytes / 2),
    });
    const database = createSqlDatabase(raw, options);
    prepareConnection(database, raw);
    const { abandon } = raw;
    return { database, abandon };
  } catch (error) {
    if (raw !== undefined) {
      raw.abandon();
    } else {
      handle?.close();
      store.release();
    }
    throw asLadingError(codeOf(error), error) ?? error;
  }
}

/** An image that says "my log is beside me" (sqlite.org/fileformat2.html 1.3.3) has none in memory. */
function inMemory(image: Uint8Array | undefined): Uint8Array | null {
  if (image === undefined || image.byteLength === 0) return null;
  if (image[18] !== 2 || image[19] !== 2) return image;
  const copy = image.slice();
  copy.fill(1, 18, 20);
  return copy;
}

function tooLarge(sizeBytes: number, limitBytes: number): LadingError {
  return new LadingError(
    'database_unopenable',
    `The database has ${sizeBytes} bytes, and the limit of this sql.js database is ${limitBytes}: raise maxBytes, or use another driver.`,
    { details: { sizeBytes, limitBytes } },
  );
}

function invalid(name: string, message: string): LadingError {
  return new LadingError('invalid_option', message, { details: { name } });
}
