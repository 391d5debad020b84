import { describe, expect, it } from 'vitest';
import type { BlobKey } from '../../ports/blob-store.ts';
import { image, owner, picture, pictureBytes, shows, world } from '../support/lading-world.ts';
import {
  asFromDisk,
  inOrder,
  naive,
  objectsOf,
  offline,
  other,
  right,
  SIZE,
  type Trouble,
  WAYS,
  type Way,
  waiting,
  whole,
} from '../support/naive-remote.ts';

const CHANGED = { state: 'failed', error: { code: 'source_changed', retryable: false } };
const RIGHT = [Buffer.from(pictureBytes('right', SIZE))];

describe('what is sent is what was captured (contract 4.4)', () => {
  it.each(WAYS)('%s, on a steady day', async (name, way) => {
    const phone = offline();
    const { lading, id, blobs } = await waiting(phone, naive(phone, way));
    phone.net.set({ online: true });
    await phone.pass(60_000);
    expect(shows(lading.view(id))).toBe('uploaded');
    expect(objectsOf(phone)).toEqual(RIGHT);
    // Read once where it flows in order, once more beside where it does not.
    expect(blobs.readBytes / right().byteLength).toBe(name === 'parts at once' ? 2 : 1);
  });

  it.each(WAYS)(
    '%s: bytes that changed before are never completed (field case 13)',
    async (_, way) => {
      const phone = offline();
      const { lading, id, key } = await waiting(phone, naive(phone, way));
      phone.blobs.spoil(key, other());
      phone.net.set({ online: true });
      await phone.pass(60_000);
      expect(lading.view(id)).toMatchObject(CHANGED);
      expect(objectsOf(phone)).toEqual([]);
    },
  );

  it.each(WAYS.slice(0, 2))('%s: bytes that change while they are sent are not', async (_, way) => {
    for (const at of [0, SIZE - 1]) {
      const phone = offline();
      let key: BlobKey | undefined;
      const remote = naive(phone, way, {
        onArrival: (bytes) => {
          if (bytes >= SIZE / 2 && key !== undefined) phone.blobs.spoil(key, other(at));
        },
      });
      const one = await waiting(phone, remote);
      ({ key } = one);
      phone.net.set({ online: true });
      await phone.pass(60_000);
      // The first byte had left before it changed: what was sent is what was captured.
      expect(objectsOf(phone)).toEqual(at === 0 ? RIGHT : []);
      expect(one.lading.view(one.id)).toMatchObject(at === 0 ? { state: 'uploaded' } : CHANGED);
    }
  });

  it('bytes that change between two runs are not', async () => {
    const phone = offline();
    const remote = naive(phone, inOrder, { cutAfter: SIZE / 2, cuts: 1 });
    const { lading, id, key } = await waiting(phone, remote);
    phone.net.set({ online: true });
    await phone.pass();
    expect(phone.remote.unfinished.size).toBe(1);
    phone.blobs.spoil(key, other());
    await phone.pass(60_000);
    expect(lading.view(id)).toMatchObject(CHANGED);
    expect(objectsOf(phone)).toEqual([]);
  });

  it.each([
    ['right', undefined],
    ['wrong', other()],
    ['gone', null],
  ] as const)('after a kill in the middle the bytes are looked at anew: %s', async (_, found) => {
    const phone = offline();
    let killed = false;
    const remote = naive(phone, inOrder, {
      onArrival(bytes) {
        if (killed || bytes < SIZE / 2) return undefined;
        killed = true;
        phone.kill();
        return new Promise(() => {}); // nothing more happens in a process that is gone
      },
    });
    const { id, key } = await waiting(phone, remote);
    phone.net.set({ online: true });
    await phone.pass();
    expect(killed).toBe(true);
    if (found === null) phone.blobs.lose(key);
    else if (found !== undefined) phone.blobs.spoil(key, found);
    const again = await phone.open({ remote, blobs: asFromDisk(phone) });
    await phone.pass(60_000);
    const code = found === null ? 'source_missing' : 'source_changed';
    expect(again.view(id)).toMatchObject(
      found === undefined ? { state: 'uploaded' } : { state: 'failed', error: { code } },
    );
    expect(objectsOf(phone)).toEqual(found === undefined ? RIGHT : []);
  });

  it('an empty file is: one that is not empty any more is not sent as one', async () => {
    const fields = { 'item.images': { kinds: ['file'], allowEmpty: true } } as const;
    for (const isSpoilt of [false, true]) {
      const phone = world({ online: false, fields });
      const lading = await phone.open({ remote: naive(phone, whole) });
      const source = { open: async function* () {}, contentType: 'application/octet-stream' };
      const options = { owner: owner(), kind: 'file' as const };
      const { id } = await phone.until(lading.capture(source, options));
      if (isSpoilt) phone.blobs.spoil(phone.blobs.keys[0] as BlobKey, new Uint8Array([1]));
      phone.net.set({ online: true });
      await phone.pass(60_000);
      expect(lading.view(id)).toMatchObject(isSpoilt ? CHANGED : { state: 'uploaded' });
      expect(phone.remote.objects.size).toBe(isSpoilt ? 0 : 1);
    }
  });
});

describe('the engine has the last word', () => {
  const liar: Way = async function* (request) {
    try {
      yield* request.open();
    } catch {
      yield new Uint8Array(300); // makes up what it was not given
    }
  };

  it('a success over bytes that were found wrong is none', async () => {
    const phone = offline();
    const { lading, id, key } = await waiting(phone, naive(phone, liar));
    phone.blobs.spoil(key, other());
    phone.net.set({ online: true });
    await phone.pass(60_000);
    expect(lading.view(id)).toMatchObject(CHANGED);
  });

  it('nor over bytes that went while they were read', async () => {
    const phone = offline();
    let key: BlobKey | undefined;
    const remote = naive(phone, liar, {
      onArrival: () => key !== undefined && phone.blobs.lose(key),
    });
    const one = await waiting(phone, remote);
    const blobs = asFromDisk(phone);
    await phone.until(one.lading.close());
    const lading = await phone.open({
      remote,
      blobs: {
        ...blobs,
        async *open(...asked) {
          for await (const bytes of blobs.open(...asked)) {
            yield bytes;
            if (phone.blobs.keys.length === 0) yield* phone.blobs.open(...asked);
          }
        },
      },
    });
    ({ key } = one);
    phone.net.set({ online: true });
    await phone.pass(60_000);
    expect(lading.view(one.id)).toMatchObject({
      state: 'failed',
      error: { code: 'source_missing', retryable: false },
    });
  });

  it('a disk that could not be read for a while is no bug, and is tried again (field case 15)', async () => {
    const phone = offline();
    const remote = naive(phone, whole);
    let locked = true;
    const blobs = asFromDisk(phone);
    const lading = await phone.open({
      remote,
      blobs: {
        ...blobs,
        async *open(...asked) {
          if (locked) throw Object.assign(new Error('locked'), { code: 'EPERM' });
          yield* blobs.open(...asked);
        },
      },
    });
    const { id } = await phone.until(lading.capture(picture('right', SIZE), image()));
    phone.net.set({ online: true });
    await phone.pass();
    expect(shows(lading.view(id))).toBe('local_only, waiting for backoff');
    const failures = lading.history(id).filter(({ type }) => type === 'upload.failed');
    expect(failures.at(-1)?.payload).toMatchObject({ output: { code: 'source_unreadable' } });
    locked = false;
    await phone.pass(600_000);
    expect(shows(lading.view(id))).toBe('uploaded');
  });

  it.each([
    ['size_mismatch', { byteSize: SIZE - 1 }],
    ['hash_mismatch', { sha256: 'f'.repeat(64) }],
  ])(
    'what the remote says that it holds is compared before it counts as uploaded: %s',
    async (code, says) => {
      const phone = offline();
      const trouble: Trouble = { says };
      const remote = naive(phone, whole, trouble);
      const { lading, id } = await waiting(phone, remote);
      phone.net.set({ online: true });
      await phone.pass();
      expect(shows(lading.view(id))).toBe('local_only, waiting for backoff');
      expect(lading.history(id).at(-1)?.payload).toMatchObject({
        output: { code, class: 'mismatch' },
      });
      // What it holds goes, and all is sent again (field case 55).
      delete trouble.says;
      await phone.pass(60_000);
      expect(shows(lading.view(id))).toBe('uploaded');
      expect(remote.removals).toBe(1);
      expect(objectsOf(phone)).toEqual(RIGHT);
    },
  );
});

describe('after bytes were found wrong', () => {
  it('nothing that the remote got of them is gone on from: with the right ones back, all is sent anew', async () => {
    const phone = offline();
    const remote = naive(phone, inOrder);
    const { lading, id, key } = await waiting(phone, remote);
    phone.blobs.spoil(key, other());
    phone.net.set({ online: true });
    await phone.pass(60_000);
    expect(lading.view(id)).toMatchObject(CHANGED);
    expect(phone.remote.unfinished.size).toBe(1);
    phone.blobs.spoil(key, right());
    await phone.until(lading.retry(id));
    await phone.pass(60_000);
    expect(shows(lading.view(id))).toBe('uploaded');
    expect(objectsOf(phone)).toEqual(RIGHT);
  });

  it('nothing at the remote is removed as long as they are wrong: what it holds may be better', async () => {
    const phone = offline();
    const remote = naive(phone, inOrder);
    const { lading, id, key } = await waiting(phone, remote);
    phone.blobs.spoil(key, other());
    phone.net.set({ online: true });
    await phone.pass(60_000);
    await phone.until(lading.retry(id));
    await phone.pass(60_000);
    expect(lading.view(id)).toMatchObject(CHANGED);
    expect(remote.removals).toBe(0);
  });

  it('a remote that cannot be cleaned now is asked again later', async () => {
    const phone = world({
      online: false,
      script: ({ operation, nth }) =>
        operation === 'remove' && nth === 1
          ? { fault: { ok: false, class: 'retryable', code: 'busy' } }
          : undefined,
    });
    const { lading, id, key } = await waiting(phone, naive(phone, inOrder));
    phone.blobs.spoil(key, other());
    phone.net.set({ online: true });
    await phone.pass(60_000);
    phone.blobs.spoil(key, right());
    await phone.until(lading.retry(id));
    await phone.pass();
    expect(shows(lading.view(id))).toBe('local_only, waiting for backoff');
    await phone.pass(60_000);
    expect(objectsOf(phone)).toEqual(RIGHT);
  });
});
