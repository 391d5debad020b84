import type { AppStatement, Attachment, CaptureSource, LinkRequest, Owner } from 'lading';
import { type AppParts, type Entity, ownerOf, rowOf, scopeOf } from './entities.ts';
import type { PickedFile } from './gallery.ts';
import { imageSentences, inline, invoiceSentences, type Outcome } from './inline-errors.ts';

/** One line of an invoice, as a parser finds it: an item with perhaps a picture. */
export interface InvoiceLine {
  readonly name: string;
  /** Asked when its turn comes; at most four are open at a time. */
  readonly thumbnail?: () => Promise<CaptureSource>;
}

/** What a confirmed import made. */
export interface ImportedInvoice {
  readonly transaction: Entity;
  readonly items: readonly Entity[];
}

/**
 * Invoice import: one PDF becomes the receipt of a new transaction, its pictures the images of new items. Everything is
 * captured as drafts first; `confirm` writes all rows and links all of them in one commit, or nothing.
 */
export interface InvoiceImport {
  /** The PDF, safe on this device. A picker may give several files: more than one is refused, and none is stored. */
  pick(files: readonly PickedFile[]): Promise<Outcome<Attachment>>;
  /** Takes the pictures in, four at a time. One that cannot be had leaves its item without one, and is returned. */
  takeThumbnails(lines: readonly InvoiceLine[]): Promise<readonly string[]>;
  confirm(name: string, amountCents: number): Promise<Outcome<ImportedInvoice>>;
  cancel(): Promise<void>;
}

/** As many as the shop's servers like. */
const THUMBNAILS_AT_ONCE = 4;

interface NewItem {
  readonly entity: Entity;
  readonly name: string;
  thumbnail: Attachment | null;
}

export function newInvoiceImport(parts: AppParts, projectId: string | null): InvoiceImport {
  const { lading, accountId } = parts;
  const importOwner: Owner = {
    scope: scopeOf(accountId, projectId),
    entityType: 'invoiceImport',
    entityId: lading.newMediaId(),
    field: 'document',
  };
  let invoice: Attachment | null = null;
  let items: readonly NewItem[] = [];

  const newEntity = (type: Entity['type']): Entity => ({
    type,
    id: lading.newMediaId(),
    projectId,
  });

  async function takeThumbnail(item: NewItem, line: InvoiceLine): Promise<string | null> {
    const owner = ownerOf(accountId, item.entity, 'images');
    const taken = await inline(imageSentences(1), async () => {
      const source = await line.thumbnail?.();
      if (source === undefined) return null;
      return lading.capture(source, { owner, kind: 'image', draft: true });
    });
    if (!taken.ok) return `${line.name}: ${taken.error.text}`;
    item.thumbnail = taken.value;
    return null;
  }

  function rows(transaction: Entity, name: string, amountCents: number): readonly AppStatement[] {
    return [
      rowOf(accountId, transaction, name),
      {
        sql: 'UPDATE transaction_ SET amountCents = ? WHERE id = ?',
        params: [amountCents, transaction.id],
        changes: 1,
      },
      ...items.map((item) => rowOf(accountId, item.entity, item.name)),
    ];
  }

  return {
    pick: (files) =>
      inline(invoiceSentences, async () => {
        const [picked] = await lading.captureAll(files, { owner: importOwner, draft: true });
        if (picked === undefined) throw new Error('no file was picked');
        if (invoice !== null) await lading.cancel(invoice.id);
        invoice = picked;
        return picked;
      }),

    async takeThumbnails(lines) {
      const made = lines.map(({ name }) => ({ entity: newEntity('item'), name, thumbnail: null }));
      items = [...items, ...made];
      const waiting = lines.map((line, index) => ({ line, item: made[index] as NewItem }));
      const problems: string[] = [];
      const worker = async (): Promise<void> => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          const problem = await takeThumbnail(next.item, next.line);
          if (problem !== null) problems.push(problem);
        }
      };
      await Promise.all(Array.from({ length: THUMBNAILS_AT_ONCE }, worker));
      return problems;
    },

    confirm: (name, amountCents) =>
      inline(invoiceSentences, async () => {
        if (invoice === null) throw new Error('pick an invoice first');
        const transaction = newEntity('transaction');
        const links: LinkRequest[] = [
          { ref: invoice.id, owner: ownerOf(accountId, transaction, 'receiptImages') },
        ];
        for (const { entity, thumbnail } of items) {
          if (thumbnail === null) continue;
          links.push({ ref: thumbnail.id, owner: ownerOf(accountId, entity, 'images') });
        }
        await lading.linkAll(links, { inTransaction: rows(transaction, name, amountCents) });
        const imported = { transaction, items: items.map(({ entity }) => entity) };
        invoice = null;
        items = [];
        return imported;
      }),

    async cancel() {
      const drafts = [invoice, ...items.map(({ thumbnail }) => thumbnail)];
      for (const draft of drafts) if (draft !== null) await lading.cancel(draft.id);
      invoice = null;
      items = [];
    },
  };
}
