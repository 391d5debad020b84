import { writeSync } from 'node:fs';
import type { AttachmentPolicy } from '../../../machines/attachment/types.ts';
import type { Bug } from '../engine-chaos/bugs.ts';
import type { StoreName } from './stores/store.ts';

/** The child's only argument, as JSON. */
export interface ChildOptions {
  readonly seed: number;
  readonly files: number;
  /** This process among so many: it captures every so-manieth file. */
  readonly index: number;
  readonly processes: number;
  /** Holds `app.db` and `files/`. */
  readonly directory: string;
  readonly store: StoreName;
  /** Of the proxy before the remote. */
  readonly origin: string;
  /** What its store says that an app needs. */
  readonly access?: object;
  readonly backendUrl: string;
  readonly leaseMs: number;
  /** Where helper processes say how far they are; undefined: the app sends its files itself. */
  readonly carried?: string;
  /** A deliberate mistake, which the judge must see. */
  readonly bug: Bug | null;
}

/** Short, so that a campaign of a minute sees every timer; attempts are the product's own. */
export const QUICK: Partial<AttachmentPolicy> = { backoffBaseMs: 20, backoffCapMs: 400 };
/** After which a connection on which nothing moves is given up. */
export const STALL_MS = 1_000;

export const APP_SCHEMA = `
  CREATE TABLE IF NOT EXISTS app_picked (n INTEGER PRIMARY KEY) STRICT;
  CREATE TABLE IF NOT EXISTS app_item (owner TEXT PRIMARY KEY, refs TEXT NOT NULL) STRICT;
`;

/** What the child tells, one line of JSON each, written before the call returns. */
export type Line =
  | { readonly type: 'open' }
  | { readonly type: 'captured'; readonly n: number; readonly mediaId: string }
  /** This process begins an upload. */
  | { readonly type: 'run'; readonly mediaId: string }
  /** The user pressed retry for one that had failed, with this code. */
  | { readonly type: 'pressed'; readonly code: string }
  /** Everything is uploaded and synced, as far as this process sees. */
  | { readonly type: 'idle' }
  | { readonly type: 'finished'; readonly verified: string | null }
  /** Something is left to do and nobody does it; or an error that nothing foresaw. */
  | { readonly type: 'trouble'; readonly message: string };

export function say(line: Line): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}
