import type { AttachmentKind, AttachmentRef, Owner, SqlDatabase, SqlRow } from 'lading';

/** One feature of the ledger: a slot of an entity, and the column of the app that follows it. */
export interface Feature {
  readonly name: string;
  readonly field: string;
  /** Kind of the attachment that a cell is about. */
  readonly kind: AttachmentKind;
  readonly table: string;
  readonly column: string;
  /** What the column holds for a list of refs. */
  readonly holds: (refs: readonly AttachmentRef[]) => unknown;
  readonly single: boolean;
  readonly maxCount: number;
  /** A kind that it does not take. */
  readonly wrongKind: AttachmentKind;
  /** What else is in the list when the operation comes, behind the cell's own attachment. */
  readonly neighbours: readonly AttachmentKind[];
}

type Refs = readonly AttachmentRef[];
const asList = (refs: Refs): unknown => refs;
const asOne = (refs: Refs): unknown => refs[0] ?? null;
const asUrl = (refs: Refs): unknown => refs[0]?.url ?? null;

const list = {
  kind: 'image',
  holds: asList,
  single: false,
  maxCount: Number.POSITIVE_INFINITY,
  wrongKind: 'pdf',
  neighbours: ['image'],
} as const;
const single = { ...list, holds: asOne, single: true, maxCount: 1, neighbours: [] } as const;
const receipts = {
  ...list,
  field: 'transaction.receiptImages',
  table: 'transaction_',
  column: 'receiptImages',
  maxCount: 5,
  wrongKind: 'video',
  // The PDF comes first: it must not become primary when the image before it goes.
  neighbours: ['pdf', 'image'],
} as const;

export const features: readonly Feature[] = [
  { ...list, name: 'Items.images', field: 'item.images', table: 'item', column: 'images' },
  { ...receipts, name: 'Transactions.receiptImages, an image' },
  { ...receipts, name: 'Transactions.receiptImages, a PDF', kind: 'pdf' },
  {
    ...list,
    name: 'Transactions.otherImages',
    field: 'transaction.otherImages',
    table: 'transaction_',
    column: 'otherImages',
    maxCount: 5,
  },
  {
    ...list,
    name: 'Spaces.images',
    field: 'space.images',
    table: 'space',
    column: 'images',
    maxCount: 20,
  },
  { ...single, name: 'Settings.logo', field: 'profile.logo', table: 'profile', column: 'logo' },
  {
    ...single,
    name: 'Projects.mainImageUrl',
    field: 'project.mainImage',
    table: 'project',
    column: 'mainImageUrl',
    holds: asUrl,
  },
  {
    ...single,
    name: 'Invoice.document',
    field: 'invoiceImport.document',
    table: 'invoice_import',
    column: 'document',
    kind: 'pdf',
    wrongKind: 'image',
  },
  {
    ...list,
    name: 'Invoice.thumbnails',
    field: 'item.images',
    table: 'item',
    column: 'images',
    neighbours: [],
  },
];

/** The slot of one entity of a feature. */
export function ownerIn({ field }: Feature, accountId: string, entityId: string): Owner {
  const [entityType = '', name = ''] = field.split('.');
  return { scope: { accountId, projectId: null }, entityType, entityId, field: name };
}

/** The app's own row of an entity, with nothing in its slot. */
export function insertRow(store: SqlDatabase, { table }: Feature, id: string, account: string) {
  const columns = ROWS[table] ?? ['name'];
  const values = columns.map(() => '?').join(', ');
  store.run(
    `INSERT INTO ${table} (id, account_id, ${columns.join(', ')}) VALUES (?, ?, ${values})`,
    id,
    account,
    ...columns.map(() => 'a name'),
  );
}

/** Columns besides id and account that a row needs. */
const ROWS: Readonly<Record<string, readonly string[]>> = { invoice_import: ['project_id'] };

/** What the app's own column says. */
export function columnOf(store: SqlDatabase, feature: Feature, entityId: string): unknown {
  const sql = `SELECT ${feature.column} AS held FROM ${feature.table} WHERE id = ?`;
  const held = (store.get(sql, entityId) as SqlRow)['held'];
  return typeof held === 'string' && feature.holds !== asUrl ? JSON.parse(held) : held;
}

/** Another entity that takes the same file. */
export function secondOwner({ kind }: Feature, { scope, entityId }: Owner): Owner {
  const [entityType, field] =
    kind === 'pdf' ? ['transaction', 'receiptImages'] : ['item', 'images'];
  return { scope, entityType, entityId: `second-${entityId}`, field };
}
