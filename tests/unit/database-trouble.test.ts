import type { Connectivity } from 'lading';
import { nodeSqlite } from 'lading/sqlite/node';
import { createReferenceBackend } from 'lading/sync';
import { describe, expect, it } from 'vitest';
import { ailing, failingDatabase, SQLITE } from '../support/failing-database.ts';
import {
  captureMany,
  codeOf,
  gate,
  image,
  ME,
  picture,
  shows,
  world,
} from '../support/lading-world.ts';

describe('an engine whose database fails for a while', () => {
  it('interrupts what it could not interrupt then, soon after (contract 2)', async () => {
    const phone = world({ script: () => ({ after: gate().promise }) });
    const trouble = ailing(nodeSqlite(phone.handle));
    const lading = await phone.open({ store: trouble.store });
    const [id = ''] = await captureMany(phone, lading, 1);
    await phone.pass(20_000); // others have looked at what was committed
    expect(shows(lading.view(id))).toBe('uploading');
    trouble.fall();
    phone.net.set({ online: false });
    await phone.pass(1_000);
    trouble.mend();
    await phone.pass(6_000);
    expect(shows(lading.view(id))).toBe('local_only, waiting for network');
    expect(lading.history(id).at(-1)).toMatchObject({ type: 'upload.interrupted' });
    phone.kill();
  });
});

describe('an opening that the database refuses', () => {
  it.each([1, Number.POSITIVE_INFINITY])(
    'leaves nothing running, wherever it was refused, %d times',
    async (times) => {
      const phone = world({ script: () => ({ after: gate().promise }) });
      const first = await phone.open();
      await captureMany(phone, first, 2);
      await phone.pass(1_000);
      phone.kill(); // in the middle of two uploads
      phone.net.set({ online: false });
      const backend = createReferenceBackend({ clock: phone.clock }).client(ME);
      await phone.pass(60_000);
      const idle = phone.clock.pending;
      const codes = new Set<string>();
      for (let from = 1; ; from++) {
        const sql = nodeSqlite(phone.handle);
        let asked = 0;
        const store = failingDatabase(
          {
            ...sql,
            get inTransaction() {
              return sql.inTransaction;
            },
            close() {},
          },
          () => {
            asked += 1;
            return asked >= from && asked < from + times ? SQLITE.io() : undefined;
          },
        );
        const opening = phone.open({ store, backend });
        const code = await codeOf(opening);
        if (code === 'no error' && asked >= from) {
          // It was no matter for the opening; it was told to the log.
          await phone.until((await opening).close());
        } else if (code === 'no error') break;
        codes.add(code);
        await phone.pass(0);
        expect({ from, pending: phone.clock.pending }).toEqual({ from, pending: idle });
      }
      expect(codes).toEqual(new Set(['database_io_failed', 'no error']));
    },
  );
});

describe('an end that the platform refuses', () => {
  it('is told, and everything is closed all the same', async () => {
    const phone = world();
    const net: Connectivity = {
      current: () => ({ online: true, metered: false }),
      subscribe: () => () => {
        throw new Error('not subscribed');
      },
    };
    let closed = 0;
    const trouble = ailing(nodeSqlite(phone.handle), () => {
      closed += 1;
    });
    const lading = await phone.open({ store: trouble.store, connectivity: net });
    await phone.until(lading.capture(picture(), image()));
    expect(await phone.until(codeOf(lading.close()))).toBe('Error: not subscribed');
    expect(closed).toBe(1);
    expect(phone.clock.pending).toBe(0);
  });
});
