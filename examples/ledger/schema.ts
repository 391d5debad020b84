import type { SqlDatabase } from 'lading';

/**
 * The app's own tables. The columns that hold attachments hold refs and nothing else: no upload state, no local path.
 * `images`, `receiptImages` and `otherImages` are JSON lists, `logo` is one ref or null, `mainImageUrl` a bare url.
 */
export function createTables(store: SqlDatabase): void {
  store.exec(`
    CREATE TABLE IF NOT EXISTS project (
      id TEXT PRIMARY KEY, account_id TEXT NOT NULL, name TEXT NOT NULL,
      mainImageUrl TEXT, deleted_at INTEGER
    ) STRICT;
    CREATE TABLE IF NOT EXISTS item (
      id TEXT PRIMARY KEY, account_id TEXT NOT NULL, project_id TEXT, name TEXT NOT NULL,
      images TEXT NOT NULL DEFAULT '[]', deleted_at INTEGER
    ) STRICT;
    CREATE TABLE IF NOT EXISTS transaction_ (
      id TEXT PRIMARY KEY, account_id TEXT NOT NULL, project_id TEXT, name TEXT NOT NULL,
      amountCents INTEGER NOT NULL DEFAULT 0,
      receiptImages TEXT NOT NULL DEFAULT '[]', otherImages TEXT NOT NULL DEFAULT '[]',
      deleted_at INTEGER
    ) STRICT;
    CREATE TABLE IF NOT EXISTS space (
      id TEXT PRIMARY KEY, account_id TEXT NOT NULL, project_id TEXT, name TEXT NOT NULL,
      images TEXT NOT NULL DEFAULT '[]', deleted_at INTEGER
    ) STRICT;
    CREATE TABLE IF NOT EXISTS profile (
      id TEXT PRIMARY KEY, account_id TEXT NOT NULL, name TEXT NOT NULL,
      logo TEXT
    ) STRICT;
    CREATE TABLE IF NOT EXISTS invoice_import (
      id TEXT PRIMARY KEY, account_id TEXT NOT NULL, project_id TEXT,
      document TEXT, transaction_id TEXT
    ) STRICT;
  `);
}
