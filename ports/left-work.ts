import type { Owner } from '../machines/attachment/types.ts';
import type { StoreTransaction } from './event-store.ts';

/** An upload or a removal that goes on only when somebody asks for it. */
export interface DeadLetter {
  readonly mediaId: string;
  /** Why, as `view.error.code` says. */
  readonly code: string;
  /** Who holds it; null for one that nobody does any more, whose object is still to be removed. */
  readonly owner: Owner | null;
}

/** What of an account is not done yet (field case 59). */
export interface LeftWork {
  /** Captured here and not known to be at the remote, failed ones and drafts included: its bytes are on this device alone. */
  readonly unsent: { readonly uploads: number; readonly bytes: number };
  /** Uploads on their way, whatever they wait for: they go on when the account signs in again. */
  readonly waiting: number;
  /** All dead letters. */
  readonly failed: number;
  /** The oldest of them, at most 1,000; one that several owners hold is there for each. */
  readonly deadLetters: readonly DeadLetter[];
  /** Changes of refs that the backend has not acknowledged. */
  readonly unsyncedOps: number;
}

export type ReadLeftWork = (tx: StoreTransaction, accountId: string) => LeftWork;
