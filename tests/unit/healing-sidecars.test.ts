import { describe, expect, it } from 'vitest';
import type { Disk } from '../../ports/disk.ts';
import { healingWorld } from '../support/healing-world.ts';
import { captureMany, codeOf, image, ME, owner, picture, shows } from '../support/lading-world.ts';

describe('a sidecar (field case 16)', () => {
  it('is written after the commit of a capture, and says what its stream would need to begin anew', async () => {
    const phone = healingWorld({ online: false });
    const lading = await phone.start();
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.pass();
    const { [photo.id]: text } = await phone.texts();
    const [row] = phone.rows('SELECT blob_key, captured_at FROM lading_media');
    const { mediaId, kind, contentType, byteSize, sha256 } = photo.ref;
    expect(text).toMatchObject({
      version: 1,
      mediaId,
      accountId: ME,
      blobKey: row?.['blob_key'],
      capturedAt: row?.['captured_at'],
      media: { kind, contentType, byteSize, sha256, filename: 'picture.jpg' },
      policy: { maxAttempts: 10 },
      refs: [{ owner: owner(), isPrimary: true, rank: expect.any(String) }],
    });
    expect(Object.keys(text ?? {}).toSorted()).toEqual([
      'accountId',
      'blobKey',
      'capturedAt',
      'media',
      'mediaId',
      'policy',
      'refs',
      'version',
    ]);
  });

  it('is not there for a capture that was refused, or whose commit failed', async () => {
    const phone = healingWorld({ online: false });
    const lading = await phone.start();
    const refused = lading.capture(picture(), {
      ...image(),
      inTransaction: () => {
        throw new Error('the app says no');
      },
    });
    expect(await codeOf(phone.until(refused))).toContain('the app says no');
    await phone.pass(60_000);
    expect(await phone.texts()).toEqual({});
  });

  it('is there for a draft, without refs', async () => {
    const phone = healingWorld({ online: false });
    const lading = await phone.start();
    const photo = await phone.until(
      lading.capture(picture(), image('item.images', { draft: true })),
    );
    await phone.pass();
    expect((await phone.texts())[photo.id]).toMatchObject({ refs: [] });
  });

  it('follows links, moves and the primary mark', async () => {
    const phone = healingWorld({ online: false });
    const lading = await phone.start();
    const [a = '', b = ''] = await captureMany(phone, lading, 2);
    await phone.until(lading.link(a, owner('item.images', 'item-2')));
    await phone.until(lading.setPrimary(b, owner()));
    await phone.until(lading.move(b, owner(), 0));
    await phone.pass();
    const texts = await phone.texts();
    const entries = (id: string) =>
      phone.rows(
        `SELECT entity_id, rank, is_primary FROM lading_ref WHERE media_id = '${id}' ORDER BY entity_id`,
      );
    for (const id of [a, b]) {
      const refs = texts[id]?.['refs'] as readonly {
        readonly owner: { readonly entityId: string };
        readonly rank: string;
        readonly isPrimary: boolean;
      }[];
      const told = refs
        .map((ref) => ({
          entity_id: ref.owner.entityId,
          rank: ref.rank,
          is_primary: Number(ref.isPrimary),
        }))
        .toSorted((x, y) => (x.entity_id < y.entity_id ? -1 : 1));
      expect(told).toEqual(entries(id).map((row) => ({ ...row })));
    }
    expect(texts[a]?.['refs']).toHaveLength(2);
  });

  it('goes when the attachment is attached, removed or cancelled, and comes back with undo', async () => {
    const phone = healingWorld({ online: false });
    const lading = await phone.start();
    const [sent = '', removed = '', cancelled = ''] = await captureMany(phone, lading, 3);
    const undo = await phone.until(lading.remove(removed, owner()));
    await phone.until(lading.cancel(cancelled));
    await phone.pass();
    expect(Object.keys(await phone.texts())).toEqual([sent]);
    await phone.until(lading.undo(undo));
    await phone.pass();
    expect(Object.keys(await phone.texts()).toSorted()).toEqual([sent, removed].toSorted());
    phone.net.set({ online: true, metered: false });
    await phone.until(lading.settled());
    await phone.pass();
    expect(shows(lading.view(sent))).toBe('uploaded');
    expect(await phone.texts()).toEqual({});
  });

  it('is written before close resolves', async () => {
    const phone = healingWorld({ online: false });
    const lading = await phone.start();
    const ids = await captureMany(phone, lading, 5);
    await phone.until(lading.close());
    expect(Object.keys(await phone.texts()).toSorted()).toEqual([...ids].toSorted());
  });

  it('that could not be written holds up nothing, and is mended by the next start', async () => {
    let isFull = true;
    const phone = healingWorld({ online: false, wrap: (disk) => refusing(disk, () => isFull) });
    const lading = await phone.start();
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.pass();
    expect(await phone.texts()).toEqual({});
    expect(phone.logged).toContainEqual({
      level: 'warn',
      message: 'a sidecar could not be written; the next start tries again',
    });
    await phone.until(lading.close());
    isFull = false;
    await phone.start();
    expect(Object.keys(await phone.texts())).toEqual([photo.id]);
  });

  it('that a kill left behind or left out is mended by the next start, and one that the log does not know stays', async () => {
    const phone = healingWorld({ online: false });
    const lading = await phone.start();
    const [sent = '', unsent = ''] = await captureMany(phone, lading, 2);
    await phone.pass();
    const old = await phone.texts();
    const names = new Map<string, Parameters<typeof phone.sidecars.write>[0]>();
    for await (const name of phone.sidecars.list()) {
      names.set(name.slice(name.indexOf('m-') + 2), name);
    }
    await phone.until(lading.pause(unsent));
    phone.net.set({ online: true, metered: false });
    await phone.until(lading.settled());
    await phone.until(lading.close());
    const [sentName, unsentName] = [names.get(sent), names.get(unsent)];
    if (sentName === undefined || unsentName === undefined) throw new Error('no names');
    await phone.sidecars.write(sentName, JSON.stringify(old[sent]));
    await phone.sidecars.remove(unsentName);
    const stranger = sentName.replace(/m-.*/, 'm-stranger') as typeof sentName;
    await phone.sidecars.write(stranger, JSON.stringify({ ...old[sent], mediaId: 'stranger' }));
    await phone.start();
    expect(Object.keys(await phone.texts()).toSorted()).toEqual([unsent, 'stranger'].toSorted());
    expect(phone.reports.at(-1)).toMatchObject({ recoverable: ['stranger'] });
  });

  it('of an account goes when the account is forgotten, and no other one (contract 10.7)', async () => {
    const phone = healingWorld({ online: false });
    const other = await phone.start({ account: 'account-2' });
    const kept = await phone.until(
      other.capture(picture(), { owner: owner('item.images', 'i', 'account-2'), kind: 'image' }),
    );
    await phone.until(other.close());
    const lading = await phone.start();
    await captureMany(phone, lading, 3);
    await phone.until(lading.forget(ME, { evenUnsent: true }));
    expect(Object.keys(await phone.texts())).toEqual([kept.id]);
  });

  it('is kept by two processes on one database at once', async () => {
    const phone = healingWorld({ online: false });
    const [one, two] = [await phone.start(), await phone.start()];
    const mine = await captureMany(phone, one, 3);
    const theirs = await captureMany(phone, two, 3, owner('item.images', 'item-2'));
    await phone.until(one.remove(theirs[0] ?? '', owner('item.images', 'item-2')));
    await phone.pass();
    const unsent = [...mine, ...theirs.slice(1)].toSorted();
    expect(Object.keys(await phone.texts()).toSorted()).toEqual(unsent);
    phone.net.set({ online: true, metered: false });
    await phone.until(one.settled());
    await phone.until(two.settled());
    await phone.pass(60_000);
    expect(await phone.texts()).toEqual({});
  });
});

/** A disk that lets nobody make a folder for sidecars. */
function refusing(disk: Disk, isFull: () => boolean): Disk {
  return {
    ...disk,
    async makeDirectory(path) {
      if (isFull() && path.startsWith('sidecars')) {
        throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
      }
      await disk.makeDirectory(path);
    },
  };
}
