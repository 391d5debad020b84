import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { nodeSqlite } from 'lading/sqlite/node';
import { describe, expect, it } from 'vitest';
import { ownerKey } from '../../machines/attachment/types.ts';
import { initialSchema } from '../../persistence/migrations/0001-initial.ts';
import { cleanupSchema } from '../../persistence/migrations/0002-cleanup.ts';
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
  const [shared = ''] = await captureMany(phone, lading, 2);
  await phone.until(lading.link(shared, owner('item.images', 'item-0')));
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

/** The schemas that were there once, each with what made it. */
const SCHEMAS = [
  [1, [initialSchema]],
  [2, [initialSchema, cleanupSchema]],
] as const;

/** The same rows as an older version left them: its tables, its columns. */
function asSchema(version: number, from: DatabaseSync, file: string): void {
  const old = new DatabaseSync(file);
  const schemas = SCHEMAS.flatMap(([known, made]) => (known === version ? made : []));
  old.exec(
    'CREATE TABLE lading_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID',
  );
  for (const schema of schemas) old.exec(schema);
  for (const table of tablesOf(old)) {
    const columns = columnsOf(old, table);
    const holes = columns.replace(/\w+/g, '?');
    const insert = old.prepare(`INSERT INTO ${table} (${columns}) VALUES (${holes})`);
    for (const row of from.prepare(`SELECT ${columns} FROM ${table}`).all()) {
      insert.run(...(Object.values(row) as string[]));
    }
  }
  old.exec(`UPDATE lading_meta SET value = '${version}' WHERE key = 'schema_version'`);
  old.close();
}

function rowsOf(handle: DatabaseSync, table: string): readonly unknown[] {
  return handle.prepare(`SELECT * FROM ${table} ORDER BY 1, 2`).all();
}

describe.each(SCHEMAS.map(([version]) => version))(
  'a database of schema %i (contract 9.4)',
  (version) => {
    it('comes to what the present version would have written, and holds when it is verified', () =>
      inFolder(async (folder) => {
        const phone = await lived();
        const file = join(folder, 'old.db');
        asSchema(version, phone.handle, file);
        const handle = new DatabaseSync(file, { timeout: 0 });
        expect(columnsOf(handle, 'lading_job')).not.toContain('owner_key');
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
        const jobs =
          'SELECT DISTINCT owner_key, byte_size > 0 AS sized FROM lading_job WHERE situation = ? ORDER BY 1';
        expect(handle.prepare(jobs).all('queued')).toEqual([
          // One of two owners: the turn is that of the first.
          { owner_key: ownerKey(owner('item.images', 'item-0')), sized: 1 },
          { owner_key: ownerKey(owner()), sized: 1 },
        ]);
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
        asSchema(version, phone.handle, file);
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
  },
);
