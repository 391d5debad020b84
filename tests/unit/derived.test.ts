import { PassThrough, Readable } from 'node:stream';
import { type BlobKey, LadingError, type Make } from 'lading';
import { describe, expect, it } from 'vitest';
import { sampleJpeg } from '../../testing/sample-files/index.ts';
import { collect } from '../support/cache-world.ts';
import { codeOf, gate, image, owner, picture, type World, world } from '../support/lading-world.ts';

const HOUR_MS = 3_600_000;
const small = sampleJpeg({ body: 'small', sizeBytes: 300 });

/** Makes a thumbnail, and counts how often it was asked to. */
function maker(bytes: Uint8Array = small) {
  const made: string[] = [];
  const make: Make = async (source) => {
    made.push(source.mediaId);
    for await (const _ of source.open());
    return bytes;
  };
  return { made, make };
}

async function captured(options: Parameters<World['open']>[0] = {}) {
  const phone = world();
  const lading = await phone.open({ runner: { leaseMs: 4 * HOUR_MS }, ...options });
  const photo = await phone.until(lading.capture(picture('large', 5_000), image()));
  await phone.until(lading.settled());
  return { phone, lading, photo };
}

const filesOf = (phone: World): readonly BlobKey[] =>
  phone.blobs.keys.filter((key) => key.includes('/d-'));

describe('a derived file (field case 68)', () => {
  it('is made once, read from this device from then on, and counted as what can be let go', async () => {
    const { phone, lading, photo } = await captured();
    const before = lading.storage();
    const { made, make } = maker();
    for (let time = 0; time < 3; time++) {
      const thumb = await phone.until(lading.derive(photo.ref, 'thumb-200', make));
      expect(thumb).toMatchObject({ byteSize: 300, contentType: 'image/jpeg' });
      const read: Uint8Array[] = [];
      for await (const piece of thumb.open()) read.push(piece);
      expect(Buffer.concat(read).equals(small)).toBe(true);
    }
    expect(made).toHaveLength(1);
    expect(lading.storage()).toMatchObject({
      usedBytes: before.usedBytes + 300,
      files: before.files + 1,
      evictableBytes: before.evictableBytes + 300,
    });
    expect(await phone.until(lading.verify())).toMatchObject({ ok: true });
    await phone.until(lading.close());
    const again = await phone.open();
    await phone.until(again.derive(photo.id, 'thumb-200', make));
    expect(made).toHaveLength(1);
  });

  it('is made once for all who ask at the same time, and two are made at once at most', async () => {
    const { phone, lading, photo } = await captured();
    const opens = gate();
    let [running, most] = [0, 0];
    const make: Make = async () => {
      running += 1;
      most = Math.max(most, running);
      await opens.promise;
      running -= 1;
      return small;
    };
    const asked = ['a', 'b', 'c', 'd', 'a', 'b'].map((name) =>
      lading.derive(photo.ref, name, make),
    );
    await phone.pass(50);
    opens.open();
    await phone.until(Promise.all(asked));
    expect(most).toBe(2);
    expect(filesOf(phone)).toHaveLength(4);
  });

  it('goes with its attachment, in whatever state that is removed', async () => {
    const { phone, lading, photo } = await captured();
    const { make } = maker();
    await phone.until(lading.derive(photo.ref, 'thumb', make));
    await phone.until(lading.derive(photo.ref, 'preview', make));
    await phone.until(lading.cancel(photo.id));
    await phone.pass(HOUR_MS);
    expect(phone.blobs.keys).toEqual([]);
    expect(phone.rows('SELECT * FROM lading_derived')).toEqual([]);
    expect(lading.storage()).toMatchObject({ usedBytes: 0, files: 0, evictableBytes: 0 });
    expect(await codeOf(phone.until(lading.derive(photo.id, 'thumb', make)))).toMatch(
      /already_gone|not_found/,
    );
  });

  it('whose attachment is removed while it is made is not kept', async () => {
    const { phone, lading, photo } = await captured();
    const opens = gate();
    const slow: Make = async () => {
      await opens.promise;
      return small;
    };
    const asked = codeOf(lading.derive(photo.ref, 'thumb', slow));
    await phone.pass(50);
    await phone.until(lading.cancel(photo.id));
    await phone.pass(1_000);
    opens.open();
    await phone.pass(1_000);
    expect(await asked).toBe('already_gone');
    expect(phone.blobs.keys).toEqual([]);
  });

  it('survives the eviction of its attachment, and goes itself when it was not opened for long', async () => {
    const { phone, lading, photo } = await captured({ cache: { maxAgeMs: 2 * HOUR_MS } });
    const { made, make } = maker();
    await phone.pass(HOUR_MS);
    await phone.until(lading.derive(photo.ref, 'thumb', make));
    await phone.pass(1.5 * HOUR_MS);
    await phone.until(lading.derive(photo.ref, 'thumb', make));
    await phone.pass(1.7 * HOUR_MS);
    expect(filesOf(phone)).toEqual(phone.blobs.keys);
    expect(filesOf(phone)).toHaveLength(1);
    await phone.pass(3 * HOUR_MS);
    expect(phone.blobs.keys).toEqual([]);
    expect(made).toHaveLength(1);
    expect(lading.view(photo.ref).state).toBe('uploaded');
    await phone.until(lading.derive(photo.ref, 'thumb', make));
    expect(made).toHaveLength(2);
  });

  it('is made again when somebody cleared the folder', async () => {
    const { phone, lading, photo } = await captured();
    const { made, make } = maker();
    await phone.until(lading.derive(photo.ref, 'thumb', make));
    for (const key of filesOf(phone)) phone.blobs.lose(key);
    await phone.until(lading.derive(photo.ref, 'thumb', make));
    expect(made).toHaveLength(2);
    expect(lading.storage()).toMatchObject({ files: 2 });
    expect(await phone.until(lading.verify())).toMatchObject({ ok: true });
  });

  it('leaves nothing behind when its making fails, and is tried anew by the next who asks', async () => {
    const { phone, lading, photo } = await captured();
    const broken: Make = async () => {
      throw new Error('no decoder');
    };
    async function* half(): AsyncIterable<Uint8Array> {
      yield small.slice(0, 100);
      throw new Error('no decoder any more');
    }
    const asked = (make: Make) => phone.until(lading.derive(photo.ref, 'thumb', make));
    await expect(asked(broken)).rejects.toThrow('no decoder');
    await expect(asked(half)).rejects.toThrow('no decoder any more');
    expect(filesOf(phone)).toEqual([]);
    await asked(maker().make);
    expect(filesOf(phone)).toHaveLength(1);
  });

  it('keeps no file of its attachment open that cannot be written (contract 6)', async () => {
    const { phone, lading, photo } = await captured();
    const streams: Readable[] = [];
    // As a decoder does: it reads ahead, and waits for whoever reads it.
    const make: Make = (source) => {
      const stream = Readable.from(source.open()).pipe(new PassThrough({ highWaterMark: 16 }));
      streams.push(stream);
      return stream;
    };
    phone.blobs.write = () => Promise.reject(new LadingError('disk_full', 'no room for a file'));
    const asked = codeOf(phone.until(lading.derive(photo.id, 'thumb', make)));
    expect(await asked).toBe('disk_full');
    await phone.pass();
    expect(streams.map(({ destroyed }) => destroyed)).toEqual([true]);
  });

  it('is not begun where there is no room for a byte of it (contract 7.3)', async () => {
    const { phone, lading, photo } = await captured();
    await phone.until(lading.close());
    const full = await phone.open({ storageBudgetBytes: 4_000 });
    await phone.until(full.pin(photo.id));
    const { made, make } = maker();
    const asked = codeOf(phone.until(full.derive(photo.id, 'thumb', make)));
    expect(await asked).toBe('storage_full');
    expect(made).toEqual([]);
  });

  it.each(['', 'Thumb', '../x', 'a'.repeat(41), 'thumb.200', 7])(
    'of an odd name is refused: %j',
    async (name) => {
      const { phone, lading, photo } = await captured();
      const asked = lading.derive(photo.ref, name as string, maker().make);
      expect(await codeOf(phone.until(asked))).toBe('invalid_option');
    },
  );

  it('without a row is garbage like any file, also one that is older than the database', async () => {
    const { phone, lading, photo } = await captured({ garbage: { graceMs: 0 } });
    await phone.until(lading.derive(photo.ref, 'thumb', maker().make));
    phone.handle.exec(`DELETE FROM lading_derived; UPDATE lading_usage SET
      bytes = bytes - 300, blobs = blobs - 1, evictable_bytes = evictable_bytes - 300`);
    await phone.until(lading.close());
    phone.clock.jump(HOUR_MS);
    const again = await phone.open({ garbage: { graceMs: 0 } });
    for (let run = 0; run < 2; run++) {
      await phone.until(again.collectGarbage());
      await phone.pass(1_000);
    }
    expect(filesOf(phone)).toEqual([]);
    expect(await phone.until(again.resolve(photo.id))).toMatchObject({ mediaId: photo.id });
  });

  it('of an attachment whose rows are gone is let go by the collector', async () => {
    const { phone, lading, photo } = await captured({ garbage: { graceMs: 0 } });
    await phone.until(lading.derive(photo.ref, 'thumb', maker().make));
    phone.handle.exec(
      `UPDATE lading_derived SET media_id = '0198f000-0000-7000-8000-0000000000aa'`,
    );
    expect((await phone.until(lading.collectGarbage())).counts.derived).toEqual({ removed: 1 });
    expect(phone.rows('SELECT * FROM lading_derived')).toEqual([]);
  });

  it('is no part of what others see: no op, no ref, no event', async () => {
    const { phone, lading, photo } = await captured();
    const rows = () =>
      ['lading_event', 'lading_outbox', 'lading_ref'].map(
        (table) => phone.rows(`SELECT count(*) AS n FROM ${table}`)[0]?.['n'],
      );
    const before = rows();
    await phone.until(lading.derive(photo.ref, 'thumb', maker().make));
    expect(rows()).toEqual(before);
    expect(lading.list(owner())).toHaveLength(1);
  });

  it('of a file that is here is made while others wait for the network', async () => {
    const { phone, lading, photo } = await captured();
    const away = [];
    for (const text of ['b', 'c', 'd']) {
      const one = await phone.until(lading.capture(picture(text, 5_000), image()));
      away.push(one.id);
    }
    await phone.until(lading.settled());
    await phone.pass(HOUR_MS);
    await phone.until(lading.pin(photo.id));
    await phone.until(lading.freeRoom(1e9));
    phone.net.set({ online: false });
    await phone.pass(1_000);
    for (const id of away) lading.derive(id, 'thumb', maker().make).catch(() => {});
    await phone.pass(1_000);
    const { made, make } = maker();
    lading.derive(photo.id, 'thumb', make).catch(() => {});
    await phone.pass(1_000);
    expect(made).toEqual([photo.id]);
    expect(filesOf(phone)).toHaveLength(1);
  });

  it('whose maker never answers holds up no close', async () => {
    const { phone, lading, photo } = await captured();
    const asked = codeOf(lading.derive(photo.id, 'thumb', () => new Promise(() => {})));
    await phone.pass(1_000);
    await phone.until(lading.close());
    expect(await asked).toBe('closed');
    expect(filesOf(phone)).toEqual([]);
  });

  it('takes no more room than there is, whatever its attachment has (contract 7.3)', async () => {
    const { phone, lading, photo } = await captured({ storageBudgetBytes: 20_000 });
    await phone.until(lading.pin(photo.id));
    async function* large(): AsyncIterable<Uint8Array> {
      for (let piece = 0; piece < 50; piece++) yield new Uint8Array(1_000);
    }
    const asked = codeOf(phone.until(lading.derive(photo.id, 'preview', large)));
    expect(await asked).toBe('storage_full');
    expect(filesOf(phone)).toEqual([]);
    expect(lading.storage()).toMatchObject({ usedBytes: 5_000 });
  });

  it('that was let go after it was given is made again when it is opened', async () => {
    const { phone, lading, photo } = await captured();
    const { made, make } = maker();
    const thumb = await phone.until(lading.derive(photo.id, 'thumb', make));
    await phone.pass(HOUR_MS);
    await phone.until(lading.freeRoom(1e9));
    expect(filesOf(phone)).toEqual([]);
    expect((await phone.until(collect(thumb.open({ start: 100 })))).equals(small.slice(100))).toBe(
      true,
    );
    expect(made).toHaveLength(2);
  });

  it('that comes out with another size when it is made again is not given in place of the first', async () => {
    const { phone, lading, photo } = await captured();
    const thumb = await phone.until(lading.derive(photo.id, 'thumb', maker().make));
    await phone.pass(HOUR_MS);
    await phone.until(lading.freeRoom(1e9));
    await phone.until(lading.derive(photo.id, 'thumb', maker(small.slice(0, 200)).make));
    expect(await codeOf(phone.until(collect(thumb.open())))).toBe('blob_missing');
  });
});
