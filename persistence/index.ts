import type { AttachmentAudit, CursorTable, OutboxQueue } from '../ports/attachment-tables.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { SqlDatabase } from '../ports/sql.ts';
import { attachmentAudit } from './attachment/audit.ts';
import { cursorTable, outboxQueue } from './attachment/sync-tables.ts';
import { migrate } from './migrations/index.ts';
import { type CoreStore, storeOn } from './store-on.ts';

/** Everything that Lading keeps in one SQLite database, with all that reads and writes it. */
export interface LadingStore extends CoreStore {
  readonly tables: CoreStore['tables'] & AttachmentAudit;
  readonly outbox: CoreStore['outbox'] & OutboxQueue;
  readonly cursors: CursorTable;
}

/**
 * Opens, and if need be creates or migrates, Lading's tables in a database.
 * @throws {LadingError} `database_newer`, `database_read_only`, `database_corrupt`, `database_busy`.
 */
export function openStore(database: SqlDatabase, clock: Clock, random: Random): LadingStore {
  migrate(database, clock.now());
  const store = storeOn(database, clock, random);
  return {
    ...store,
    tables: { ...store.tables, ...attachmentAudit },
    outbox: { ...store.outbox, ...outboxQueue },
    cursors: cursorTable,
  };
}
