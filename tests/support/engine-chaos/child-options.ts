import type { Fields } from '../../../engine/lifecycle/fields.ts';
import type { AttachmentPolicy } from '../../../machines/attachment/types.ts';
import type { SqlDatabase } from '../../../ports/sql.ts';
import type { DriverName } from '../drivers.ts';
import type { Bug } from './bugs.ts';
import { ownerName, type PlanOptions } from './plan.ts';
import type { KillAt, Points } from './points.ts';

/** The child's only argument, as JSON. */
export interface ChildOptions extends PlanOptions {
  /** Holds `app.db` and `blobs/`. */
  readonly directory: string;
  readonly driver: DriverName;
  readonly endpoint: string;
  readonly backendUrl: string;
  readonly killAt: KillAt | null;
  /** Between two pieces of 64 KiB of an upload. */
  readonly paceMs: number;
  readonly bug: Bug | null;
}

/** Short enough that a life of a second sees every timer. */
const QUICK: Partial<AttachmentPolicy> = {
  maxAttempts: 60,
  backoffBaseMs: 20,
  backoffCapMs: 200,
  undoGraceMs: 150,
  lateArrivalMs: 150,
};

export const APP_SCHEMA = `
  CREATE TABLE IF NOT EXISTS app_step (n INTEGER PRIMARY KEY) STRICT;
  CREATE TABLE IF NOT EXISTS app_item (owner TEXT PRIMARY KEY, refs TEXT NOT NULL) STRICT;
`;

/** The app's fields; each keeps the app's own row equal to the owner's refs. */
export function fieldsOf(points: Points, bug: Bug | null): Fields {
  const project: Fields[string]['project'] = (tx, owner, refs) => {
    if (bug === 'forgets_the_app_row' && refs.some(({ url }) => !url.startsWith('offline:'))) {
      return;
    }
    tx.run(
      `INSERT INTO app_item (owner, refs) VALUES (?, ?)
       ON CONFLICT (owner) DO UPDATE SET refs = excluded.refs`,
      ownerName(owner),
      JSON.stringify(refs),
    );
    points.hit('app.projected');
  };
  return {
    'item.images': { kinds: ['image'], policy: QUICK, project },
    'item.scans': { kinds: ['image'], policy: QUICK, project },
    'item.thumbnails': { kinds: ['image'], policy: { ...QUICK, dropLocalAtOnce: true }, project },
    'item.logo': { kinds: ['image'], single: true, policy: QUICK, project },
  };
}

/** Steps whose commit happened. */
export function stepsDone(database: Pick<SqlDatabase, 'all'>): ReadonlySet<number> {
  return new Set(database.all('SELECT n FROM app_step').map((row) => Number(row['n'])));
}

/** What the engine still owes; bytes that were read lately are dropped again half a minute later, which nobody awaits. */
export function tasksLeft(database: Pick<SqlDatabase, 'all'>) {
  return database.all(
    `SELECT stream, kind, name, due_at, attempts FROM lading_task WHERE name NOT LIKE '%busyWait%'`,
  );
}
