import type { CaptureSource } from 'lading';
import { describe, expect, it } from 'vitest';
import {
  codeOf,
  FIELDS,
  gate,
  image,
  ME,
  owner,
  picture,
  pictureBytes,
  shows,
  type World,
  world,
} from '../support/lading-world.ts';

function leftovers(phone: World): number {
  return phone.blobs.keys.length + phone.rows('SELECT 1 FROM lading_event').length;
}

describe('a field projection', () => {
  it('runs in every commit that changes refs, attach included, and only for the owners concerned (contract 3.3)', async () => {
    const seen: string[] = [];
    const phone = world({
      online: false,
      fields: {
        ...FIELDS,
        'item.images': {
          kinds: ['image'],
          project(tx, { entityId }, refs) {
            const urls = refs.map(({ url }) => url.split(':')[0]);
            tx.run('INSERT OR REPLACE INTO app VALUES (?, ?)', entityId, urls.join(' '));
            seen.push(`${entityId}: ${urls.join(' ')}`);
          },
        },
      },
    });
    phone.handle.exec('CREATE TABLE app (id TEXT PRIMARY KEY, photo TEXT)');
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture(), image()));
    const other = owner('item.images', 'item-2');
    await phone.until(lading.link(photo.id, other));
    phone.net.set({ online: true });
    await phone.until(lading.settled());
    expect(seen).toEqual(['item-1: offline', 'item-2: offline', 'item-1: https', 'item-2: https']);
    await phone.until(lading.remove(photo.id, other));
    expect(phone.rows('SELECT * FROM app ORDER BY id')).toEqual([
      { id: 'item-1', photo: 'https' },
      { id: 'item-2', photo: '' },
    ]);
    expect(seen).toHaveLength(5);
  });

  it('takes back the attach when it throws, and harms no other upload (contract 4.6)', async () => {
    let broken = true;
    const phone = world({
      fields: {
        ...FIELDS,
        'item.images': {
          kinds: ['image'],
          project(_tx, { entityId }, refs) {
            const isAttached = refs.some(({ url }) => !url.startsWith('offline:'));
            if (broken && entityId === 'item-2' && isAttached) throw new Error('no such column');
          },
        },
      },
    });
    const lading = await phone.open();
    const one = await phone.until(lading.capture(picture('one'), image()));
    const two = await phone.until(
      lading.capture(picture('two'), image(undefined, { owner: owner('item.images', 'item-2') })),
    );
    await phone.pass(5 * 60_000);
    expect(shows(one.view)).toBe('uploaded');
    expect(two.view).toMatchObject({ state: 'failed', error: { code: 'internal_error' } });
    expect(two.ref.url).toBe(`offline://${two.id}`);
    broken = false;
    await phone.until(lading.retry(two.id));
    await phone.until(lading.settled());
    expect(shows(two.view)).toBe('uploaded');
    expect([...phone.remote.completions.values()]).toEqual([1, 1]);
  });

  it('may not be asynchronous', async () => {
    const phone = world({
      fields: {
        // oxlint-disable-next-line typescript/no-misused-promises -- what apps get wrong
        'item.images': { kinds: ['image'], project: async () => {} },
      },
    });
    const lading = await phone.open();
    await expect(phone.until(lading.capture(picture(), image()))).rejects.toThrow('synchronous');
    expect(leftovers(phone)).toBe(0);
  });
});

describe('a capture while Lading closes', () => {
  it.each(['while it reads', 'while its commit waits'])(
    'ends with "closed" and leaves nothing, %s',
    async (moment) => {
      const phone = world({ online: false });
      const lading = await phone.open();
      const half = gate();
      const source: CaptureSource = {
        async *open() {
          yield pictureBytes();
          if (moment === 'while it reads') await half.promise;
        },
      };
      const code = codeOf(lading.capture(source, image()));
      await phone.clock.settle();
      const closing = lading.close();
      expect(await phone.until(code)).toBe('closed');
      await phone.until(closing);
      expect(leftovers(phone)).toBe(0);
      expect(await codeOf(lading.capture(picture(), image()))).toBe('closed');
      half.open();
      const next = await phone.open();
      expect(next.list(owner())).toEqual([]);
    },
  );
});

describe('the account', () => {
  it('bounds every read and verb (contract 4.8, 10.7)', async () => {
    const phone = world({ online: false });
    const mine = await phone.open();
    const photo = await phone.until(mine.capture(picture(), image()));
    const token = await phone.until(mine.remove(photo.id, owner()));
    await phone.until(mine.undo(token));
    await phone.until(mine.close());

    const yours = await phone.open({ account: 'you' });
    expect(shows(yours.view(photo.id))).toBe('local_only, waiting for author');
    expect(() => yours.list(owner())).toThrow(expect.objectContaining({ code: 'wrong_account' }));
    expect(() => yours.history(photo.id)).toThrow(
      expect.objectContaining({ code: 'wrong_account' }),
    );
    const theirs = owner('item.images', 'item-1', 'you');
    const codes = await phone.until(
      Promise.all(
        [
          yours.resolve(photo.id),
          yours.retry(photo.id),
          yours.pause(photo.id),
          yours.cancel(photo.id),
          yours.link(photo.id, theirs),
          yours.remove(photo.id, owner()),
          yours.ownerDeleted(owner()),
          yours.undo(token),
        ].map(codeOf),
      ),
    );
    expect(codes).toEqual(['not_found', ...Array<string>(7).fill('wrong_account')]);
    expect(yours.storage()).toMatchObject({ usedBytes: 0, files: 0 });
  });

  it('never uploads what another account left under way (contract 4.8, field case 59)', async () => {
    const held = gate();
    const phone = world({ script: ({ nth }) => (nth === 1 ? { after: held.promise } : undefined) });
    const mine = await phone.open();
    const photo = await phone.until(mine.capture(picture(), image()));
    await phone.pass();
    expect(phone.remote.running.now).toBe(1);
    await phone.until(mine.close());

    const yours = await phone.open({ account: 'you' });
    await phone.pass(120_000);
    await phone.until(yours.settled());
    expect(phone.remote.calls).toHaveLength(1);
    await phone.until(yours.close());

    const again = await phone.open({ account: ME });
    await phone.until(again.settled());
    expect(shows(again.view(photo.id))).toBe('uploaded');
    expect(phone.remote.objects.size).toBe(1);
  });

  it('leaves the removals of another account to it, and writes no events about them (contract 4.8)', async () => {
    let refuse = true;
    const phone = world({
      fields: {
        'item.images': { kinds: ['image'], policy: { undoGraceMs: 1_000, lateArrivalMs: 5_000 } },
      },
      script: ({ operation }) =>
        operation === 'upload' || (operation === 'remove' && refuse)
          ? { fault: { ok: false, class: 'retryable', code: 'http_503' } }
          : undefined,
    });
    const mine = await phone.open();
    const photo = await phone.until(mine.capture(picture(), image()));
    await phone.pass(100);
    await phone.until(mine.cancel(photo.id));
    await phone.pass(100);
    await phone.until(mine.close());
    const events = (): unknown => phone.rows('SELECT count(*) AS n FROM lading_event')[0]?.['n'];
    const calls = phone.remote.calls.length;
    const before = Number(events());

    const yours = await phone.open({ account: 'you' });
    await phone.pass(3_600_000);
    expect(phone.remote.calls).toHaveLength(calls);
    // Its timer elapses once; then the removal is a row that waits.
    expect(Number(events()) - before).toBeLessThanOrEqual(1);
    await phone.until(yours.close());

    refuse = false;
    const again = await phone.open({ account: ME });
    await phone.pass(60_000);
    expect(again.view(photo.id)).toMatchObject({ state: 'gone' });
    expect(phone.rows('SELECT * FROM lading_task')).toEqual([]);
  });
});
