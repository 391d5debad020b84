import type { Fields } from '../../engine/lifecycle/fields.ts';
import {
  type AttachmentPolicy,
  type AttachmentRef,
  type Owner,
  ownerKey,
} from '../../machines/attachment/types.ts';
import type { SqlTransaction } from '../../ports/sql.ts';

/** The app that uses Lading on every simulated device: three entities, and tables of its own. */

export const ACCOUNT = 'alice';
export const PROJECTS: readonly (string | null)[] = [null, 'garden'];

const inNoProject = { accountId: ACCOUNT, projectId: null };
const inGarden = { accountId: ACCOUNT, projectId: 'garden' };

export const owners: readonly Owner[] = [
  { scope: inNoProject, entityType: 'transaction', entityId: 't1', field: 'receipts' },
  { scope: inGarden, entityType: 'space', entityId: 's1', field: 'images' },
  { scope: inNoProject, entityType: 'profile', entityId: 'p1', field: 'logo' },
];

/** The field whose uploads wait for an unmetered link where the scenario says so. */
export const WAITING_FIELD = 'images';

export type Projection = (tx: SqlTransaction, owner: Owner, refs: readonly AttachmentRef[]) => void;

/** The field projection: the app's own row holds its refs as JSON. */
export const projectRefs: Projection = (tx, owner, refs) => {
  tx.run(
    'INSERT INTO app_row (owner, refs) VALUES (?, ?) ON CONFLICT (owner) DO UPDATE SET refs = excluded.refs',
    ownerKey(owner),
    JSON.stringify(refs),
  );
};

/** @param unmetered whether {@link WAITING_FIELD} sends over unmetered links only. */
export function appFields(
  policy: Partial<AttachmentPolicy>,
  project: Projection,
  unmetered: boolean,
): Fields {
  const common = { maxBytes: 1_000_000, policy, project };
  return {
    'transaction.receipts': { kinds: ['image', 'pdf'], ...common },
    'space.images': {
      kinds: ['image'],
      maxCount: 5,
      network: unmetered ? 'unmetered' : 'any',
      ...common,
    },
    'profile.logo': { kinds: ['image'], single: true, ...common },
  };
}

export const appSchema = `
CREATE TABLE IF NOT EXISTS app_row (owner TEXT PRIMARY KEY, refs TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS app_note (media_id TEXT PRIMARY KEY) STRICT;
`;

/** What the app writes in the commit of a capture, through `inTransaction`. */
export function writeNote(mediaId: string): (tx: SqlTransaction) => void {
  return (tx) => void tx.run('INSERT INTO app_note (media_id) VALUES (?)', mediaId);
}
