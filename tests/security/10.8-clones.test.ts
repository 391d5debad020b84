import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { nodeSqlite } from 'lading/sqlite/node';
import { createReferenceBackend } from 'lading/sync';
import { describe, expect, it } from 'vitest';
import { captureMany, ME, owner, world } from '../support/lading-world.ts';

const OPS = 'SELECT op_id, op FROM lading_outbox ORDER BY seq';

describe('contract 10.8: a cloned or restored installation gets a new installation id', () => {
  it('makes no op id twice for different ops, in a clone and in what it was cloned from', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lading-clone-'));
    try {
      const phone = world({ online: false });
      const lading = await phone.open();
      const [id = ''] = await captureMany(phone, lading, 1);
      await phone.until(lading.close());
      await backup(phone.handle, join(folder, 'clone.db'));
      const clone = new DatabaseSync(join(folder, 'clone.db'), { timeout: 0 });

      // The same stream, at the same version, goes two ways.
      const ops: Record<string, unknown>[] = [];
      for (const [store, entity] of [
        [nodeSqlite(phone.handle), 'item-original'],
        [nodeSqlite(clone), 'item-clone'],
      ] as const) {
        const opened = await phone.open({
          store: { ...store, inTransaction: false, close() {} },
        });
        await phone.until(opened.link(id, owner('item.images', entity)));
        ops.push(...(store.all(OPS) as Record<string, unknown>[]));
        await phone.until(opened.close());
      }
      clone.close();
      const contents = new Map<unknown, Set<unknown>>();
      for (const { op_id: opId, op } of ops) {
        contents.set(opId, (contents.get(opId) ?? new Set()).add(op));
      }
      expect(ops).toHaveLength(4);
      // The op from before the cloning is one op in both; those made since are three.
      expect([...contents.values()].map((different) => different.size)).toEqual([1, 1, 1]);

      const backend = createReferenceBackend({ clock: phone.clock });
      const sent = ops.map(({ op_id: opId, op }) => ({
        opId: String(opId),
        op: JSON.parse(String(op)),
      }));
      const statuses = sent.map((one) => backend.push(ME, [one])[0]?.status);
      expect(statuses).toEqual(['applied', 'applied', 'duplicate', 'applied']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
