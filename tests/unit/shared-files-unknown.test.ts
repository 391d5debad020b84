import { DatabaseSync } from 'node:sqlite';
import { nodeSqlite } from 'lading/sqlite/node';
import { describe, expect, it } from 'vitest';
import { healingWorld } from '../support/healing-world.ts';
import { codeOf, image, world } from '../support/lading-world.ts';
import { BYTES, keyOf, read, same } from '../support/shared-world.ts';
import { inFolder } from '../support/store-world.ts';

describe('a file that somebody may need whom the log does not count', () => {
  it('stays when its attachment goes, until one that missed it has it back', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const a = await phone.until(lading.capture(same(), image()));
    const b = await phone.until(lading.capture(same(), image()));
    const key = keyOf(phone, a.id);
    phone.blobs.lose(key); // a card that is not mounted
    expect(await codeOf(phone.until(lading.resolve(a.id)))).toBe('bytes_missing');
    phone.blobs.spoil(key, BYTES); // mounted again
    await phone.until(lading.cancel(b.id));
    await phone.pass(60_000);
    expect(phone.blobs.keys).toEqual([key]);
    await phone.until(lading.close());
    const next = await phone.open();
    await phone.pass(1_000);
    expect(await read(phone, next, a.id)).toEqual(BYTES);
    await phone.until(next.cancel(a.id));
    await phone.pass(60_000);
    expect(phone.blobs.keys).toEqual([]);
  });

  it('stays when the database was restored from a backup that does not know the other one yet', async () => {
    await inFolder(async (folder) => {
      const phone = healingWorld({ online: false });
      const lading = await phone.start();
      const a = await phone.until(lading.capture(same(), image()));
      phone.handle.exec(`VACUUM INTO '${folder}/backup.sqlite'`);
      const b = await phone.until(lading.capture(same(), image()));
      expect(keyOf(phone, b.id)).toBe(keyOf(phone, a.id));
      await phone.until(lading.close());
      const store = nodeSqlite(new DatabaseSync(`${folder}/backup.sqlite`));
      const restored = await phone.open({ blobs: phone.store, store });
      await phone.until(restored.cancel(a.id));
      await phone.pass(60_000);
      expect(phone.files()).toHaveLength(1);
      const report = await phone.until(restored.recover());
      expect(report.adopted).toEqual([b.id]);
      expect(await read(phone, restored, b.id)).toEqual(BYTES);
      await phone.until(restored.close());
    });
  });
});
