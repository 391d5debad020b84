import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { nodeSqlite, openNodeSqlite, openSqliteEventStore } from 'lading/sqlite/node';
import { describe, expect, it } from 'vitest';
import { vacuum } from '../../persistence/vacuum.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { SqlDatabase } from '../../ports/sql.ts';
import { type VirtualClock, virtualClock } from '../../testing/world/virtual-clock.ts';
import { drivers } from '../support/drivers.ts';
import { inFolder } from '../support/store-world.ts';

const ROWS = 2_000;

async function settle<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  await clock.advanceBy(1);
  return promise;
}

/** A database with much in it that was deleted again. */
function emptied(database: SqlDatabase): void {
  database.exec('CREATE TABLE IF NOT EXISTS junk (id INTEGER PRIMARY KEY, s TEXT) STRICT');
  database.transaction(() => {
    for (let n = 0; n < ROWS; n++)
      database.run('INSERT INTO junk (s) VALUES (?)', 'x'.repeat(1_000));
  });
  database.run('DELETE FROM junk WHERE id % 100 <> 0');
}

function sizeOf(database: SqlDatabase, file: string): number {
  database.get('PRAGMA wal_checkpoint(TRUNCATE)');
  return statSync(file).size;
}

async function slices(events: EventStore, clock: VirtualClock, pages: number) {
  const reports = [];
  for (;;) {
    const report = await settle(clock, vacuum(events, pages));
    reports.push(report);
    if (report.freedPages === 0) return reports;
  }
}

describe.each(drivers)('incremental vacuum of $name', ({ name, openFile }) => {
  it('gives the pages of deleted rows back in slices, and keeps every row', () =>
    inFolder(async (folder) => {
      const file = join(folder, 'app.db');
      const clock = virtualClock();
      const database = openFile(file);
      const events = openSqliteEventStore(database, clock);
      emptied(database);
      const before = sizeOf(database, file);
      const reports = await slices(events, clock, 50);
      expect(reports[0]).toMatchObject({ freedPages: 50, isPossible: true });
      expect(reports.length).toBeGreaterThan(5);
      expect(reports.at(-1)).toMatchObject({ freedPages: 0, freePages: 0 });
      // sql.js writes its next image when there is something to write.
      database.run("INSERT INTO junk (s) VALUES ('last')");
      const after = sizeOf(database, file);
      expect(after).toBeLessThan(before / 4);
      expect(database.get('SELECT count(*) AS n FROM junk')).toEqual({ n: ROWS / 100 + 1 });
      expect(database.get('PRAGMA integrity_check')).toEqual({ integrity_check: 'ok' });
      await settle(clock, events.close());
      const again = openFile(file);
      expect(again.get('SELECT count(*) AS n FROM junk')).toEqual({ n: ROWS / 100 + 1 });
      expect(again.get('PRAGMA auto_vacuum')).toEqual({ auto_vacuum: 2 });
      again.close();
    }));

  it('frees nothing of a file that was made without it, and says so', () =>
    inFolder(async (folder) => {
      const file = join(folder, 'app.db');
      const app = new DatabaseSync(file);
      app.exec('CREATE TABLE theirs (id INTEGER)');
      app.close();
      const clock = virtualClock();
      const database = openFile(file);
      const events = openSqliteEventStore(database, clock);
      emptied(database);
      const report = await settle(clock, vacuum(events, 50));
      expect(report).toMatchObject({ freedPages: 0, isPossible: false });
      expect(report.freePages).toBeGreaterThan(100);
      await settle(clock, events.close());
    }));

  it(`leaves the other files of ${name} what they are`, () =>
    inFolder((folder) => {
      const file = join(folder, 'app.db');
      const first = openFile(file);
      first.exec('CREATE TABLE t (id INTEGER)');
      first.close();
      const other = openNodeSqlite(file);
      expect(other.get('PRAGMA auto_vacuum')).toEqual({ auto_vacuum: 2 });
      other.close();
    }));
});

it('leaves the layout of an app’s own handle to the app', () => {
  const handle = new DatabaseSync(':memory:');
  const database = nodeSqlite(handle);
  database.exec('CREATE TABLE t (id INTEGER)');
  expect(database.get('PRAGMA auto_vacuum')).toEqual({ auto_vacuum: 0 });
});
