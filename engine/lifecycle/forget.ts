import type { AccountRows, UnsentWork } from '../../ports/account-rows.ts';
import type { Backend } from '../../ports/backend.ts';
import { accountPrefix, type BlobStore } from '../../ports/blob-store.ts';
import { type Clock, sleep } from '../../ports/clock.ts';
import { LadingError } from '../../ports/errors.ts';
import type { EventStore, StoreTransaction } from '../../ports/event-store.ts';

export interface ForgetOptions {
  /** Also what was never uploaded or told to the backend, and is lost then. Default false. */
  readonly evenUnsent?: boolean;
}

/** What was taken away. */
export interface ForgetReport {
  readonly attachments: number;
  readonly blobs: number;
  /** What the backend or the remote never got. */
  readonly unsent: UnsentWork;
  /** False while another connection has the database open: what deleted rows left is overwritten at the next opening. */
  readonly scrubbed: boolean;
}

export interface ForgetParts {
  readonly events: EventStore;
  readonly rows: AccountRows;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  /** This process among others; null before it is one. */
  readonly runner: string | null;
  /** Told between two durable steps; for crash tests. */
  readonly crashPoint?: ((name: string) => void) | undefined;
  /** Without one, changes of refs wait for nobody. */
  readonly backend?: Backend | undefined;
}

/** Streams in one commit: others get their turn in between. */
const BATCH = 64;
const SCRUB_TRIES = 40;
const SCRUB_PAUSE_MS = 50;

/**
 * Refuses what would lose work or pull rows from under another process.
 * @throws {LadingError} `unsent_work`, `account_in_use`.
 */
export function requireForgettable(
  parts: ForgetParts,
  accountId: string,
  options: ForgetOptions,
): UnsentWork {
  return parts.events.read((tx) => forgettable(tx, parts, accountId, options));
}

function forgettable(
  tx: StoreTransaction,
  { rows, clock, runner, backend }: ForgetParts,
  accountId: string,
  { evenUnsent = false }: ForgetOptions,
): UnsentWork {
  if (rows.isHeldElsewhere(tx, accountId, { runner, now: clock.now() })) throw inUse(accountId);
  const found = rows.unsent(tx, accountId);
  // Nobody was ever to hear of them.
  const unsent = backend === undefined ? { ...found, ops: 0 } : found;
  if (!evenUnsent && unsent.uploads + unsent.ops > 0) throw unsentWork(unsent);
  return unsent;
}

/**
 * Takes rows, bytes and log of an account away (contract 10.7). Nothing of it may run in this process. From the first
 * commit on it is going to happen: what a crash leaves undone, {@link openAccount} does at the next opening.
 * Objects at the remote and refs at the backend stay: they may be all that is left of the user's work.
 *
 * @throws {LadingError} `unsent_work`, `account_in_use`: nothing happened then. What the store throws.
 */
export async function forgetAccount(
  parts: ForgetParts,
  accountId: string,
  options: ForgetOptions = {},
): Promise<ForgetReport> {
  const { events, rows } = parts;
  // One commit: what another process captures in between would be lost unasked.
  const unsent = await events.transact((tx) => {
    const found = forgettable(tx, parts, accountId, options);
    rows.mark(tx, accountId, 'delete');
    return found;
  });
  parts.crashPoint?.('forget_marked');
  return { unsent, ...(await forgetMarked(parts, accountId)) };
}

/** Ends what earlier processes began, then begins the account that is opened, where it is new on this device. */
export async function openAccount(
  parts: ForgetParts & { readonly installationId: string },
  accountId: string,
): Promise<void> {
  await finishForgetting(parts);
  await parts.events.transact((tx) => parts.rows.begin(tx, accountId, parts.installationId));
}

/** Before anything of those accounts is opened. */
async function finishForgetting(parts: ForgetParts): Promise<void> {
  for (const { accountId, phase } of parts.events.read((tx) => parts.rows.marked(tx))) {
    if (phase === 'delete') await forgetMarked(parts, accountId);
    else await scrub(parts, accountId);
  }
}

async function forgetMarked(
  parts: ForgetParts,
  accountId: string,
): Promise<Omit<ForgetReport, 'unsent'>> {
  const { events, rows } = parts;
  await removeSidecars(parts, accountId);
  const blobs = await removeBytes(parts, accountId);
  let attachments = 0;
  for (let after: string | undefined = ''; after !== undefined; ) {
    const from: string = after;
    const dropped = await events.transact((tx) => {
      if (!isOwed(parts, tx, accountId)) return [];
      const streams = rows.streams(tx, accountId, from, BATCH);
      for (const stream of streams) rows.dropStream(tx, stream);
      return streams;
    });
    attachments += dropped.length;
    after = dropped.at(-1);
    parts.crashPoint?.('forget_rows_dropped');
  }
  await events.transact((tx) => {
    if (!isOwed(parts, tx, accountId)) return;
    rows.dropRest(tx, accountId);
    rows.mark(tx, accountId, 'scrub');
  });
  parts.crashPoint?.('forget_rest_dropped');
  return { attachments, blobs, scrubbed: await scrub(parts, accountId) };
}

/**
 * Whether it is still to be done. Another process that opened meanwhile may have ended it: what is there now is of a
 * new life of the account.
 */
function isOwed({ rows }: ForgetParts, tx: StoreTransaction, accountId: string): boolean {
  return rows.marked(tx).some((mark) => mark.accountId === accountId && mark.phase === 'delete');
}

/** What they tell is the account's too: who it is of, and names of files. */
async function removeSidecars(parts: ForgetParts, accountId: string): Promise<void> {
  const { blobs, events } = parts;
  for await (const name of blobs.sidecars?.list(accountId) ?? []) {
    if (!events.read((tx) => isOwed(parts, tx, accountId))) return;
    await blobs.sidecars?.remove(name);
  }
}

/** By their place and not by rows: those without a row go too. */
async function removeBytes(parts: ForgetParts, accountId: string): Promise<number> {
  const { blobs, crashPoint, events } = parts;
  const prefix = accountPrefix(accountId);
  let removed = 0;
  for await (const { key, temporary } of blobs.list()) {
    if (temporary || !key.startsWith(prefix)) continue;
    // Asked after the bytes were found: those of a new life were written after the mark was gone.
    if (!events.read((tx) => isOwed(parts, tx, accountId))) break;
    await blobs.remove(key);
    removed += 1;
    crashPoint?.('forget_blob_removed');
  }
  return removed;
}

async function scrub(
  { events, rows, clock, crashPoint }: ForgetParts,
  accountId: string,
): Promise<boolean> {
  for (let tries = 1; !rows.scrub(); tries++) {
    if (tries === SCRUB_TRIES) return false; // the mark stays: the next opening tries again
    await sleep(clock, SCRUB_PAUSE_MS);
  }
  crashPoint?.('forget_scrubbed');
  await events.transact((tx) => rows.unmark(tx, accountId));
  rows.scrub(); // the mark itself named the account
  return true;
}

function unsentWork({ uploads, ops }: UnsentWork): LadingError {
  return new LadingError(
    'unsent_work',
    `Files that are not uploaded: ${uploads}, changes that are not sent: ${ops}; they would be lost. Let them finish, or pass { evenUnsent: true }.`,
    { details: { uploads, ops } },
  );
}

function inUse(accountId: string): LadingError {
  return new LadingError(
    'account_in_use',
    'Another process works for this account now: close Lading there first. Nothing was forgotten.',
    { details: { accountId } },
  );
}
