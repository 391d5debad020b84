import { LadingError } from '../../../ports/errors.ts';
import { decodeBatch, encodeBatch, type JournalEntry, StatementNames } from './batch-codec.ts';
import { asFileError, type SqlFile, type SqlFiles } from './files.ts';
import {
  decodeHeader,
  encodeFrame,
  encodeHeader,
  encodeSeal,
  HEADER_BYTES,
  hasFrameBehind,
  type ImageIdentity,
  identityOf,
  type JournalEnd,
  readFrames,
} from './journal-format.ts';
import { journalPath } from './journal-path.ts';

/** A database in files: its last image, and what was committed since. One owner at a time. */
export interface ImageAndJournal {
  /** As it was when it was opened; undefined for a database that does not exist yet. */
  readonly image: Uint8Array | undefined;
  /** Committed since that image, in order. */
  replay(): Iterable<readonly JournalEntry[]>;
  /** Bytes that a replay would have to read now. */
  readonly journalBytes: number;
  /**
   * Writes a transaction without committing it, so that a full disk is noticed while it can still be taken back.
   * @throws {LadingError} `disk_full`, `commit_failed`: nothing happened. `database_poisoned`: the files are unclear.
   */
  stage(entries: readonly JournalEntry[]): void;
  /** Forgets what was staged. @throws {LadingError} `database_poisoned`. */
  unstage(): void;
  /** Commits what was staged: durable on return. @throws {LadingError} `database_poisoned`. */
  seal(): void;
  /**
   * Replaces image and journal by a newer image and an empty journal; a crash leaves one pair or the other.
   * @returns false when it could not, and nothing happened. @throws {LadingError} `database_poisoned`.
   */
  checkpoint(image: Uint8Array): boolean;
  /** Removes a journal in which nothing is: the image alone is the database, for any other driver too. */
  retire(): void;
  /** Lets go of the files. */
  release(): void;
}

/**
 * Opens the files of a database, and writes nothing.
 * @throws {LadingError} `database_busy` while another owner lives, `database_corrupt`, `database_unopenable`,
 *   `database_read_only`.
 */
export function openImageAndJournal(files: SqlFiles, path: string): ImageAndJournal {
  const unlock = onDisk(() => files.lock(path));
  try {
    return openLocked(files, path, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

function openLocked(files: SqlFiles, path: string, unlock: () => void): ImageAndJournal {
  const names = { image: `${path}-lading-image`, journal: journalPath(path) };
  const next = `${names.journal}-next`;
  const image = onDisk(() => files.read(path));
  refuseForeignLog(files, path);
  const found = findJournal(files, path, identityOf(image), [names.journal, next]);
  const statements = new StatementNames();
  let identity = identityOf(image);
  let end: JournalEnd | undefined = found?.end;
  /** Open from the first write on. */
  let journal: SqlFile | undefined;
  let staged: { readonly end: JournalEnd; readonly sealAtByte: number } | undefined;
  let statementsBefore = 0;
  let foundAt = found?.path;

  /** The journal that stands for the database: cut behind its last commit, under its own name, or a new one. */
  function begin(): { readonly file: SqlFile; readonly end: JournalEnd } {
    if (journal !== undefined && end !== undefined) return { file: journal, end };
    if (found === undefined || foundAt === undefined) {
      ({ file: journal, end } = writeJournal(files, next, identity));
      files.rename(next, names.journal);
    } else {
      journal = files.open(foundAt, 'keep');
      journal.truncate(found.end.atByte);
      journal.sync();
      ({ end } = found);
      if (foundAt !== names.journal) files.rename(foundAt, names.journal);
      foundAt = names.journal;
    }
    files.syncDirectory(names.journal);
    return { file: journal, end };
  }

  return {
    image,
    *replay() {
      for (const body of found?.bodies ?? []) yield decoded(body, statements);
    },
    get journalBytes() {
      return end === undefined ? 0 : end.atByte - HEADER_BYTES;
    },
    stage(entries) {
      statementsBefore = statements.count;
      let cut: (() => void) | undefined;
      try {
        const { file, end: last } = begin();
        cut = () => file.truncate(last.atByte);
        const frame = encodeFrame(encodeBatch(entries, statements), last);
        staged = frame;
        file.write(last.atByte, frame.bytes);
      } catch (error) {
        statements.forgetAfter(statementsBefore);
        staged = undefined;
        if (cut === undefined) forgetHalfBegun();
        else poisonUnless(cut); // gives back the space that the part of a frame took
        throw asFileError(error, 'commit_failed');
      }
    },
    unstage() {
      staged = undefined;
      statements.forgetAfter(statementsBefore);
      const { file, end: last } = begin();
      poisonUnless(() => file.truncate(last.atByte));
    },
    seal() {
      const frame = staged;
      if (frame === undefined || journal === undefined) throw new TypeError('nothing is staged');
      const file = journal;
      poisonUnless(() => {
        file.write(frame.sealAtByte, encodeSeal(frame.end.seal));
        file.sync();
      });
      end = frame.end;
      staged = undefined;
    },
    checkpoint(bytes) {
      const fresh = identityOf(bytes);
      let made: ReturnType<typeof writeJournal> | undefined;
      try {
        writeImage(files, names.image, bytes);
        made = writeJournal(files, next, fresh);
        // Both names are there for good before one of them counts: a journal is found by the image that it names.
        files.syncDirectory(path);
      } catch {
        made?.file.close();
        removeQuietly(names.image, next); // the old pair is whole, and needs the room
        return false;
      }
      poisonUnless(() => {
        files.rename(names.image, path);
        files.syncDirectory(path);
        files.rename(next, names.journal);
        files.syncDirectory(path);
      });
      journal?.close();
      ({ file: journal, end } = made);
      identity = fresh;
      statements.forgetAfter(0);
      return true;
    },
    retire() {
      if (end === undefined || end.frames > 0) return;
      journal?.close();
      journal = undefined;
      removeQuietly(next, names.image, names.journal);
    },
    release() {
      journal?.close();
      journal = undefined;
      unlock();
    },
  };

  /** What stays behind holds nothing: the next checkpoint or close removes it. */
  function removeQuietly(...unneeded: readonly string[]): void {
    try {
      for (const name of unneeded) files.remove(name);
      files.syncDirectory(path);
    } catch {
      // as the sentence above says
    }
  }

  function forgetHalfBegun(): void {
    journal?.close();
    journal = undefined;
    end = found?.end;
  }
}

interface FoundJournal {
  readonly path: string;
  readonly bodies: readonly Uint8Array[];
  readonly end: JournalEnd;
}

/** A crash in the middle of a checkpoint leaves two: the one that names the image is the journal. */
function findJournal(
  files: SqlFiles,
  path: string,
  image: ImageIdentity,
  candidates: readonly string[],
): FoundJournal | undefined {
  let others = 0;
  for (const candidate of candidates) {
    const bytes = onDisk(() => files.read(candidate));
    if (bytes === undefined) continue;
    const start = decodeHeader(bytes);
    if (start?.image.sizeBytes !== image.sizeBytes || start.image.crc !== image.crc) {
      // Under its temporary name it was not finished, and nothing was ever committed to it.
      if (candidate === candidates[0]) others += 1;
      continue;
    }
    const { bodies, end } = readFrames(bytes, start);
    if (hasFrameBehind(bytes, end)) {
      throw corrupt(
        `The journal ${candidate} is damaged after its commit ${end.frames}, and more commits follow.`,
      );
    }
    return { path: candidate, bodies, end };
  }
  if (others === 0) return undefined;
  throw corrupt(
    `The journal ${candidates[0]} belongs to another image than ${path}: one of them was replaced or changed by another program.`,
  );
}

function writeImage(files: SqlFiles, path: string, bytes: Uint8Array): void {
  const file = files.open(path, 'create');
  try {
    file.write(0, bytes);
    file.sync();
  } finally {
    file.close();
  }
}

function writeJournal(files: SqlFiles, path: string, image: ImageIdentity) {
  const file = files.open(path, 'create');
  try {
    const header = encodeHeader(image);
    file.write(0, header);
    file.sync();
    const seal = decodeHeader(header)?.seal ?? 0;
    return { file, end: { atByte: HEADER_BYTES, frames: 0, seal } satisfies JournalEnd };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** A database that another SQLite left with a log of its own is only whole together with that. */
function refuseForeignLog(files: SqlFiles, path: string): void {
  for (const log of [`${path}-wal`, `${path}-journal`]) {
    const bytes = onDisk(() => files.read(log));
    if (bytes === undefined || bytes.byteLength === 0) continue;
    throw new LadingError(
      'database_busy',
      `Another SQLite has ${path} open, or left it without closing: ${log} is there. Open and close it with that driver first.`,
    );
  }
}

function decoded(body: Uint8Array, statements: StatementNames): readonly JournalEntry[] {
  try {
    return decodeBatch(body, statements);
  } catch (cause) {
    throw corrupt('A frame of the journal cannot be read.', cause);
  }
}

export function corrupt(what: string, cause?: unknown): LadingError {
  return new LadingError(
    'database_corrupt',
    `${what} Keep all its files: set them aside and open a new database. Nothing was changed.`,
    { cause },
  );
}

/** Runs what leaves the files unclear when it fails. @throws {LadingError} `database_poisoned`. */
function poisonUnless(work: () => void): void {
  try {
    work();
  } catch (cause) {
    throw new LadingError(
      'database_poisoned',
      'The disk failed while a commit was made durable: whether it is cannot be told from here. Close the database and open it again.',
      { cause },
    );
  }
}

function onDisk<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asFileError(error, 'database_unopenable');
  }
}
