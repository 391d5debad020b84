import type { StoreTransaction, StreamId } from './event-store.ts';

/** What of an account exists on this device alone. */
export interface UnsentWork {
  /** Captured, and not known to be at the remote. */
  readonly uploads: number;
  /** Ops that the backend has not acknowledged. */
  readonly ops: number;
}

/** How far forgetting an account has come: its rows may be there still, or only what deleted rows leave in the file. */
export type ForgettingPhase = 'delete' | 'scrub';

/** All that a database holds of one account, to take it away (contract 10.7). */
export interface AccountRows {
  /** Begins the epoch of an account that has none, under a name of its own; not while its rows are being deleted. */
  begin(tx: StoreTransaction, accountId: string, epoch: string): void;
  unsent(tx: StoreTransaction, accountId: string): UnsentWork;
  /** Whether a runner that lives works on something of the account; `runner` itself does not count. */
  isHeldElsewhere(
    tx: StoreTransaction,
    accountId: string,
    options: { readonly runner: string | null; readonly now: number },
  ): boolean;
  /**
   * Remembers that the account is being forgotten, until `unmark`. With `delete` its epoch ends: whoever has it open
   * makes no stream of it any more.
   */
  mark(tx: StoreTransaction, accountId: string, phase: ForgettingPhase): void;
  /** Takes the mark `scrub` away; one that was set anew since stays. */
  unmark(tx: StoreTransaction, accountId: string): void;
  marked(
    tx: StoreTransaction,
  ): readonly { readonly accountId: string; readonly phase: ForgettingPhase }[];
  /** Up to `limit` streams of the account with ids after `after`, in their order, whichever row names them. */
  streams(
    tx: StoreTransaction,
    accountId: string,
    after: string,
    limit: number,
  ): readonly StreamId[];
  /** Deletes a stream: its events, snapshot, tasks and every projection. */
  dropStream(tx: StoreTransaction, stream: StreamId): void;
  /** Deletes what belongs to no stream: ops, cursors, usage, files. */
  dropRest(tx: StoreTransaction, accountId: string): void;
  /** Leaves nothing of deleted rows in the files; false while another connection reads them. */
  scrub(): boolean;
}
