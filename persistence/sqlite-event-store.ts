import type { Clock } from '../ports/clock.ts';
import type { EventStore } from '../ports/event-store.ts';
import type { SqlDatabase } from '../ports/sql.ts';
import { eventStoreOn } from './event-store-on.ts';
import { migrate } from './migrations/index.ts';

/**
 * The event store on one SQLite connection, with group commit (design 2). Creates or migrates its tables first.
 * @throws {LadingError} `database_newer`, `database_read_only`, `database_corrupt`, `database_busy`.
 */
export function openSqliteEventStore(database: SqlDatabase, clock: Clock): EventStore {
  migrate(database, clock.now());
  return eventStoreOn(database, clock);
}
