import {
  type Attachment,
  type Lading,
  type LadingOptions,
  openLading,
  type UndoToken,
} from 'lading';
import {
  type AppParts,
  deleteEntity,
  type Entity,
  ownerOf,
  rowOf,
  undoDelete,
} from './entities.ts';
import { ledgerFields, MAX_OTHER_IMAGES, MAX_RECEIPTS, MAX_SPACE_IMAGES } from './fields.ts';
import { type Gallery, gallery, type PickedFile } from './gallery.ts';
import {
  imageSentences,
  type Outcome,
  receiptSentences,
  type SlotSentences,
} from './inline-errors.ts';
import { type InvoiceImport, newInvoiceImport } from './invoice-import.ts';
import { type ItemForm, newItemForm } from './item-form.ts';
import { createTables } from './schema.ts';
import { createSettings, type Settings } from './settings.ts';

/** The app: five features on its own tables, all through the same calls of Lading. */
export interface Ledger {
  readonly lading: Lading;
  readonly settings: Settings;
  /** A new entity with its first files, in one commit. `slot` is where the files go. */
  create(entity: NewEntity, slot: Slot, files: readonly PickedFile[]): Promise<Outcome<Entity>>;
  /** A row that another device made, as the app's own sync brings it: its refs may be here already, or come later. */
  receive(entity: Entity, name: string): void;
  gallery(entity: Entity, slot: Slot): Gallery;
  delete(entity: Entity): Promise<UndoToken>;
  undoDelete(entity: Entity, token: UndoToken): Promise<void>;
  newItemForm(projectId: string | null): ItemForm;
  newInvoiceImport(projectId: string | null): InvoiceImport;
  /** What the app's own column says: refs as they are stored. */
  column(entity: Entity, slot: Slot): unknown;
  close(): Promise<void>;
}

export type NewEntity = Omit<Entity, 'id'> & { readonly id?: string; readonly name: string };

/** Fields that hold lists, by entity. */
export type Slot = 'images' | 'receiptImages' | 'otherImages' | 'mainImage';

/** No limit is given for the images of an item; a form shows this many places. */
const ITEM_FORM_PLACES = 5;

const SENTENCES: Readonly<Record<string, SlotSentences>> = {
  'item.images': imageSentences(ITEM_FORM_PLACES),
  'transaction.receiptImages': receiptSentences(MAX_RECEIPTS),
  'transaction.otherImages': imageSentences(MAX_OTHER_IMAGES),
  'space.images': imageSentences(MAX_SPACE_IMAGES),
  'project.mainImage': imageSentences(1),
};

const COLUMNS: Readonly<Record<string, string>> = {
  'item.images': 'images FROM item',
  'transaction.receiptImages': 'receiptImages FROM transaction_',
  'transaction.otherImages': 'otherImages FROM transaction_',
  'space.images': 'images FROM space',
  'project.mainImage': 'mainImageUrl FROM project',
};

/** @throws {LadingError} as `openLading`. */
export async function openLedger(options: Omit<LadingOptions, 'fields'>): Promise<Ledger> {
  const { store, account: accountId } = options;
  createTables(store);
  const lading = await openLading({ ...options, fields: ledgerFields() });
  const parts: AppParts = {
    lading,
    store,
    accountId,
    now: () => options.clock?.now() ?? Date.now(),
  };
  const slotOf = (entity: Entity, slot: Slot): Gallery => {
    const sentences = SENTENCES[`${entity.type}.${slot}`];
    if (sentences === undefined) throw new TypeError(`${entity.type} has no ${slot}`);
    return gallery(lading, ownerOf(accountId, entity, slot), sentences);
  };
  const columnOf = (entity: Entity, slot: Slot): unknown => {
    const from = COLUMNS[`${entity.type}.${slot}`] ?? '';
    const row = store.get(`SELECT ${from} WHERE id = ?`, entity.id);
    const value = Object.values(row ?? {})[0];
    return typeof value === 'string' && slot !== 'mainImage' ? JSON.parse(value) : (value ?? null);
  };

  return {
    lading,
    settings: createSettings(parts),
    async create({ type, projectId, name, id = lading.newMediaId() }, slot, files) {
      const entity: Entity = { type, id, projectId };
      const row = [rowOf(accountId, entity, name)];
      if (files.length === 0) {
        for (const { sql, params = [] } of row) store.run(sql, ...params);
        return { ok: true, value: entity };
      }
      const added: Outcome<readonly Attachment[]> = await slotOf(entity, slot).add(files, row);
      return added.ok ? { ok: true, value: entity } : added;
    },
    receive(entity, name) {
      const { sql, params = [] } = rowOf(accountId, entity, name);
      const spec = ledgerFields();
      store.transaction(() => {
        store.run(sql.replace('INSERT', 'INSERT OR IGNORE'), ...params);
        for (const field of Object.keys(spec)) {
          if (!field.startsWith(`${entity.type}.`)) continue;
          const owner = ownerOf(accountId, entity, field.slice(entity.type.length + 1));
          const refs = lading.list(owner).map(({ ref }) => ref);
          spec[field]?.project?.(store, owner, refs);
        }
      });
    },
    gallery: slotOf,
    delete: (entity) => deleteEntity(parts, entity),
    undoDelete: (entity, token) => undoDelete(parts, entity, token),
    newItemForm: (projectId) => newItemForm(parts, projectId, ITEM_FORM_PLACES),
    newInvoiceImport: (projectId) => newInvoiceImport(parts, projectId),
    column: columnOf,
    close: () => lading.close(),
  };
}
