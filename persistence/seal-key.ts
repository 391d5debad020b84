import type { StoreTransaction } from '../ports/event-store.ts';

/** Stores `offered` as the key of sealed handles where there is none yet; gives back the stored one. */
export function keepSealKey({ sql }: StoreTransaction, offered: string): string {
  sql.run(
    `INSERT INTO lading_meta (key, value) VALUES ('seal_key', ?) ON CONFLICT (key) DO NOTHING`,
    offered,
  );
  return String(sql.get(`SELECT value FROM lading_meta WHERE key = 'seal_key'`)?.['value']);
}
