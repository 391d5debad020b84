import type { StoreTransaction } from '../ports/event-store.ts';

/** Stores `offered` as the key of sealed handles where there is none yet; gives back the stored one. */
export function keepSealKey(tx: StoreTransaction, offered: string): string {
  return keep(tx, 'seal_key', offered);
}

/** Stores `offered` as what makes ids of local names this device's own; gives back the stored one. */
export function keepImportSalt(tx: StoreTransaction, offered: string): string {
  return keep(tx, 'import_salt', offered);
}

function keep({ sql }: StoreTransaction, key: string, offered: string): string {
  sql.run(
    'INSERT INTO lading_meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING',
    key,
    offered,
  );
  return String(sql.get('SELECT value FROM lading_meta WHERE key = ?', key)?.['value']);
}
