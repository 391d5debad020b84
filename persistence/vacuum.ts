import type { EventStore } from '../ports/event-store.ts';

/** What giving back free pages came to. */
export interface VacuumReport {
  /** Pages that the file is shorter by: at once, with WAL when it is next checkpointed, with sql.js in its next image. */
  readonly freedPages: number;
  /** Free pages that are left in the file. */
  readonly freePages: number;
  readonly pageBytes: number;
  /** False: the file was made without `auto_vacuum`, and nothing but a whole VACUUM gives its free pages back. */
  readonly isPossible: boolean;
}

/** `PRAGMA auto_vacuum` of a file whose free pages are given back in slices. */
const INCREMENTAL = 2;

/**
 * Gives back up to `pages` free pages of the database file, in a transaction of its own. The time it takes grows with
 * `pages`, not with the database.
 * @throws {LadingError} what the store throws; nothing happened then.
 */
export function vacuum(events: Pick<EventStore, 'transact'>, pages: number): Promise<VacuumReport> {
  return events.transact(({ sql }) => {
    const ask = (name: string): number => Number(sql.get(`PRAGMA ${name}`)?.[name] ?? 0);
    const isPossible = ask('auto_vacuum') === INCREMENTAL;
    const before = ask('freelist_count');
    const wanted = isPossible ? Math.min(before, Math.max(1, Math.floor(pages))) : 0;
    if (wanted > 0) sql.all(`PRAGMA incremental_vacuum(${wanted})`);
    let freePages = ask('freelist_count');
    // better-sqlite3 takes it for a statement without rows, of which one step is all: a page at a time then.
    while (before - freePages < wanted) {
      sql.all('PRAGMA incremental_vacuum(1)');
      const left = ask('freelist_count');
      if (left >= freePages) break;
      freePages = left;
    }
    return { freedPages: before - freePages, freePages, pageBytes: ask('page_size'), isPossible };
  });
}
