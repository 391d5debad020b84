import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { nodeSqlite } from 'lading/sqlite/node';
import { describe, expect, it } from 'vitest';
import { initialSchema } from '../../persistence/migrations/0001-initial.ts';
import { migrate } from '../../persistence/migrations/index.ts';
import { captureMany, owner, type World, world } from '../support/lading-world.ts';
import { inFolder } from '../support/store-world.ts';

/** Attachments in many states: uploaded, pinned, held twice, removed, purged, waiting for the network. */
async function lived(): Promise<World> {
  const phone = world();
  const lading = await phone.open();
  const ids = await captureMany(phone, lading, 5);
  await phone.pass(1_000);
  await phone.until(lading.pin(ids[0] ?? ''));
  await phone.until(lading.link(ids[1] ?? '', owner('item.images', 'item-2')));
  await phone.until(lading.remove(ids[2] ?? '', owner()));
  await phone.until(lading.cancel(ids[3] ?? ''));
  await phone.pass(60_000);
  phone.net.set({ online: false });
  await captureMany(phone, lading, 2);
  await phone.pass(1_000);
  await phone.until(lading.close());
  return phone;
}

function tablesOf(handle: DatabaseSync): readonly string[] {
  return handle
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'lading_%'")
    .all()
    .map((row) => String(row['name']));
}

function columnsOf(handle: DatabaseSync, table: string): string {
  const rows = handle.prepare('SELECT name FROM pragma_table_info(?)').all(table);
  return rows.map((row) => String(row['name'])).join(', ');
}

/** The same rows as the version before this one left them: its tables, its columns. */
function asSchema1(from: DatabaseSync, file: string): void {
  const old = new DatabaseSync(file);
  old.exec(
    'CREATE TABLE lading_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID',
  );
  old.exec(initialSchema);
  for (const table of tablesOf(old)) {
    const columns = columnsOf(old, table);
    const holes = columns.replace(/\w+/g, '?');
    const insert = old.prepare(`INSERT INTO ${table} (${columns}) VALUES (${holes})`);
    for (const row of from.prepare(`SELECT ${columns} FROM ${table}`).all()) {
      insert.run(...(Object.values(row) as string[]));
    }
  }
  old.exec("UPDATE lading_meta SET value = '1' WHERE key = 'schema_version'");
  old.close();
}

function rowsOf(handle: DatabaseSync, table: string): readonly unknown[] {
  return handle.prepare(`SELECT * FROM ${table} ORDER BY 1, 2`).all();
}

describe('a database of schema 1 (contract 9.4)', () => {
  it('comes to what the present version would have written, and holds when it is verified', () =>
    inFolder(async (folder) => {
      const phone = await lived();
      const file = join(folder, 'old.db');
      asSchema1(phone.handle, file);
      const handle = new DatabaseSync(file, { timeout: 0 });
      expect(tablesOf(handle)).not.toContain('lading_blob');
      migrate(nodeSqlite(handle), 0);
      for (const table of tablesOf(phone.handle)) {
        const found = rowsOf(handle, table);
        // When a file was last opened is a hint, which the old version did not keep.
        const wanted = rowsOf(phone.handle, table);
        const without = (all: readonly unknown[]) =>
          all.map((row) => ({ ...(row as object), opened_at: 0 }));
        expect([table, without(found)]).toEqual([table, without(wanted)]);
      }
      expect(rowsOf(handle, 'lading_blob').length).toBeGreaterThan(2);
      const lading = await phone.open({ store: nodeSqlite(handle) });
      expect((await phone.until(lading.verify())).differences).toEqual([]);
      phone.net.set({ online: true });
      await phone.pass(60_000);
      expect((await phone.until(lading.verify())).differences).toEqual([]);
      await phone.until(lading.close());
      handle.close();
    }));

  it('has streams that can be found by their age, and compacted', () =>
    inFolder(async (folder) => {
      const phone = await lived();
      const file = join(folder, 'old.db');
      asSchema1(phone.handle, file);
      const handle = new DatabaseSync(file, { timeout: 0 });
      migrate(nodeSqlite(handle), 0);
      const last = `SELECT s.stream FROM lading_stream AS s
        WHERE touched_at IS NOT (SELECT max(at) FROM lading_event AS e WHERE e.stream = s.stream)`;
      expect(handle.prepare(last).all()).toEqual([]);
      const garbage = { log: { checkpointAfterMs: 0, tombstoneAfterMs: 0 } };
      const lading = await phone.open({ store: nodeSqlite(handle), garbage });
      const { log } = await phone.until(lading.collectGarbage());
      expect(log.streams).toBeGreaterThanOrEqual(4);
      expect((await phone.until(lading.verify())).differences).toEqual([]);
      await phone.until(lading.close());
      handle.close();
    }));
});
