import type {
  AttachmentTables,
  CheckpointTable,
  CursorTable,
  OutboxTable,
} from '../ports/attachment-tables.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventStore, StoreTransaction } from '../ports/event-store.ts';
import type { Random } from '../ports/random.ts';
import type { SqlDatabase } from '../ports/sql.ts';
import { checkpointTable } from './attachment/checkpoint-table.ts';
import { cursorTable } from './attachment/cursor-table.ts';
import { outboxTable } from './attachment/outbox-table.ts';
import { attachmentTables } from './attachment/tables.ts';
import { hasForgetting } from './forget-mark.ts';
import { installationId } from './installation.ts';
import { keepSealKey } from './seal-key.ts';
import { openSqliteEventStore } from './sqlite-event-store.ts';

/** Everything that Lading keeps in one SQLite database. */
export interface LadingStore {
  readonly events: EventStore;
  readonly tables: AttachmentTables;
  readonly outbox: OutboxTable;
  readonly cursors: CursorTable;
  readonly checkpoints: CheckpointTable;
  readonly installationId: string;
  /** Stores the key of sealed handles where there is none, and gives back the stored one (contract 10.4). */
  keepSealKey(tx: StoreTransaction, offered: string): string;
  /** The connection itself. */
  readonly database: SqlDatabase;
  /** An earlier process began to forget an account and did not end it (contract 10.7). */
  readonly hasForgetting: boolean;
}

/**
 * Opens, and if need be creates or migrates, Lading's tables in a database.
 * @throws {LadingError} `database_newer`, `database_read_only`, `database_corrupt`, `database_busy`.
 */
export function openStore(database: SqlDatabase, clock: Clock, random: Random): LadingStore {
  const events = openSqliteEventStore(database, clock);
  return {
    events,
    tables: attachmentTables,
    outbox: outboxTable,
    cursors: cursorTable,
    checkpoints: checkpointTable,
    installationId: installationId(random),
    keepSealKey,
    database,
    hasForgetting: hasForgetting(database),
  };
}
