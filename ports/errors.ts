/** Every error that Lading throws on purpose. `code` is stable; `message` says what happened and what to do next. */
export class LadingError extends Error {
  override readonly name = 'LadingError';
  readonly code: ErrorCode;
  /**
   * Ids and numbers that the message speaks of; never a secret. For one file of a capture also `index`, `mediaId` and
   * `filename`: its place in the call, and its name for people, never a path.
   */
  readonly details: Readonly<Record<string, string | number | boolean | null>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      readonly details?: Readonly<Record<string, string | number | boolean | null>>;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }
}

/**
 * The store itself failed, whoever asked: the fault of no attachment, and of no code. It may work again by itself, so that
 * what was to be stored is kept and tried again.
 */
export function isStoreTrouble(error: unknown): boolean {
  return error instanceof LadingError && STORE_TROUBLE.test(error.code);
}

const STORE_TROUBLE = /^(?:database_|disk_full|commit_failed)/;

/** All codes, one line each. A new failure gets a new code; a code never changes its meaning. */
export type ErrorCode =
  // capture and fields (contract 3.1)
  | 'source_missing' // the file is not there
  | 'source_not_a_file' // a directory or device
  | 'source_unreadable' // no permission, or an I/O error while reading
  | 'source_changed' // the file changed while it was read
  | 'source_empty' // zero bytes, and the field does not allow it
  | 'capture_aborted' // the caller's AbortSignal
  | 'unknown_field'
  | 'wrong_kind'
  | 'file_too_large'
  | 'wrong_content_type' // the bytes are of a type that the field does not take, SVG, HTML and programs among them
  | 'image_unreadable' // the picture's structure is broken, or says no width and height
  | 'image_too_large' // more pixels than the field takes
  | 'location_not_removable' // the picture holds its location where it cannot be removed
  | 'too_many' // the field's maximum count
  | 'not_single' // a list verb on a field that holds one ref
  | 'invalid_id' // not an id, owner part or name that can be stored safely
  | 'id_taken'
  | 'import_failed' // code of the app's threw while one owner's column was imported
  | 'invalid_url' // no address that lasts: an older app's ref cannot be imported with it
  | 'not_found' // no such attachment, ref or stream on this device
  | 'already_gone' // it was purged or cancelled
  | 'undo_expired'
  | 'wrong_account' // belongs to another account than the one that is open
  | 'unsent_work' // forgetting the account would lose what only this device has
  | 'account_in_use' // another process works for the account that is to be forgotten
  | 'account_forgotten' // the open account was forgotten by another process since it was opened
  | 'bytes_missing' // neither here nor remote
  | 'credentials_refused' // thrown by an app's backend: the sign-in is not accepted
  // storage
  | 'storage_full' // more than there is room for, by estimate or budget (contract 7.3)
  | 'storage_nearly_full'
  | 'disk_full'
  | 'database_corrupt'
  | 'database_newer' // written by a newer version; left untouched
  | 'database_read_only'
  | 'database_unopenable'
  | 'database_busy'
  | 'database_io_failed' // the system could not read or write the file: an I/O error
  | 'database_poisoned' // sql.js: a commit was not made durable for certain; only opening it again tells
  | 'sql_refused' // sql.js: a statement that its journal could not repeat
  | 'commit_failed' // COMMIT failed; nothing of the batch happened
  | 'statement_count' // an app statement changed another number of rows than it said
  | 'blobs_unwritable' // the place of the bytes refuses them: permissions, read-only, an I/O error
  | 'blobs_unreadable' // the same, while they are read, listed or removed
  | 'blob_missing'
  | 'blob_corrupt' // stored bytes were changed, cut or exchanged; thrown by encrypting stores
  | 'blob_key_wrong' // stored bytes were encrypted with a key that was not given
  // event log and host
  | 'version_conflict'
  | 'invalid_event' // refused by the event's schema
  | 'machine_refused' // uses a construct that the host cannot keep durable
  | 'unknown_machine'
  | 'stream_exists'
  | 'unknown_event_version' // a log written by a newer version
  | 'closed'
  | 'roots_unreadable' // what keeps files alive could not be read: garbage collection stopped before it removed anything
  | 'roots_empty' // the app had roots and has none now: the same
  | 'part_not_loaded' // a module that is loaded on demand could not be
  // adapters
  | 'sdk_missing' // an optional peer dependency is not installed
  | 'invalid_option';
