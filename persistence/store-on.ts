import type { AttachmentTables, CheckpointTable, OutboxTable } from '../ports/attachment-tables.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventStore, StoreTransaction } from '../ports/event-store.ts';
import type { Random } from '../ports/random.ts';
import type { SqlDatabase } from '../ports/sql.ts';
import { checkpointTable } from './attachment/checkpoint-table.ts';
import { outboxTable } from './attachment/outbox-table.ts';
import { attachmentTables } from './attachment/tables.ts';
import { eventStoreOn } from './event-store-on.ts';
import { isUnfinished } from './forget-mark.ts';
import { installationId } from './installation.ts';
import { keepImportSalt, keepSealKey } from './kept-values.ts';

/** What Lading keeps in one SQLite database, as opening, showing and stepping need it. */
export interface CoreStore {
  readonly events: EventStore;
  readonly tables: AttachmentTables;
  readonly outbox: OutboxTable;
  readonly checkpoints: CheckpointTable;
  readonly installationId: string;
  /** Stores the key of sealed handles where there is none, and gives back the stored one (contract 10.4). */
  keepSealKey(tx: StoreTransaction, offered: string): string;
  /** As {@link CoreStore.keepSealKey}, for ids of local names that an older app gave its files. */
  keepImportSalt(tx: StoreTransaction, offered: string): string;
  /** The connection itself. */
  readonly database: SqlDatabase;
  /**
   * An earlier process began to forget an account and did not end it (contract 10.7), or the database was made from a
   * damaged one.
   */
  readonly isUnfinished: boolean;
}

/**
 * Lading's tables in a database that has the present schema.
 * @throws {LadingError} `database_read_only`, `database_corrupt`, `database_busy`.
 */
export function storeOn(database: SqlDatabase, clock: Clock, random: Random): CoreStore {
  const events = eventStoreOn(database, clock);
  return {
    events,
    tables: attachmentTables,
    outbox: outboxTable,
    checkpoints: checkpointTable,
    installationId: installationId(clock, random),
    keepSealKey,
    keepImportSalt,
    database,
    isUnfinished: isUnfinished(database),
  };
}
