import { createHash } from 'node:crypto';
import type { Lading, ResolvedBytes } from 'lading';
import type { RemoteScript } from 'lading/testing';
import { describe, expect, it } from 'vitest';
import { codeOf, gate, image, picture, shows, type World, world } from '../support/lading-world.ts';

/** An attachment that is uploaded and, by its field's policy, no longer here. */
async function evicted(script?: RemoteScript) {
  const phone = world({
    fields: {
      'item.images': { kinds: ['image'], policy: { dropLocalAtOnce: true, maxAttempts: 3 } },
    },
    ...(script === undefined ? {} : { script }),
  });
  const lading = await phone.open();
  const photo = await phone.until(lading.capture(picture('the bytes', 100_000), image()));
  const { sha256 } = photo.ref;
  await phone.until(lading.settled());
  expect(shows(photo.view)).toBe('uploaded');
  expect(phone.blobs.keys).toEqual([]);
  return { phone, lading, id: photo.id, ref: photo.ref, sha256 };
}

async function hashOf(bytes: ResolvedBytes): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of bytes.open()) hash.update(chunk);
  return hash.digest('hex');
}

function downloads({ remote }: World): number {
  return remote.calls.filter(({ operation }) => operation === 'download').length;
}

describe('resolve (contract 3.6)', () => {
  it('gives bytes that are here, without the network', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture('here'), image()));
    const bytes = await phone.until(lading.resolve(photo.ref));
    expect(bytes).toMatchObject({
      mediaId: photo.id,
      contentType: 'image/jpeg',
      byteSize: photo.ref.byteSize,
    });
    expect(await hashOf(bytes)).toBe(photo.ref.sha256);
  });

  it('fetches what is not here once for many waiters, verifies it, and keeps it for a while', async () => {
    const { phone, lading, id, sha256 } = await evicted();
    const waiting = Array.from({ length: 5 }, () => lading.resolve(id));
    const all = await phone.until(Promise.all(waiting));
    expect(await Promise.all(all.map(hashOf))).toEqual(Array(5).fill(sha256));
    expect(downloads(phone)).toBe(1);
    await phone.pass(60_000);
    expect(phone.blobs.keys).toEqual([]);
  });

  it('never gives bytes that are not the ones captured, and leaves none (field case 55)', async () => {
    const { phone, lading, id } = await evicted();
    for (const [key, object] of phone.remote.objects) {
      phone.remote.objects.set(key, { ...object, bytes: object.bytes.toReversed() });
    }
    const resolving = phone.until(lading.resolve(id));
    await expect(resolving).rejects.toMatchObject({
      code: 'bytes_missing',
      message: expect.stringContaining('hash_mismatch'),
    });
    expect(downloads(phone)).toBe(3);
    expect(phone.blobs.keys).toEqual([]);
    expect(shows(lading.view(id))).toBe('uploaded');
  });

  it('goes on after a transfer that broke', async () => {
    const { phone, lading, id, sha256 } = await evicted(({ operation, nth }) =>
      operation === 'download' && nth === 1 ? { afterBytes: 50_000 } : undefined,
    );
    expect(await hashOf(await phone.until(lading.resolve(id)))).toBe(sha256);
    expect(downloads(phone)).toBe(2);
    expect(phone.blobs.keys).toHaveLength(1);
  });

  it('says that the sign-in is not accepted, and asks again at the next call', async () => {
    const { phone, lading, id, sha256 } = await evicted(({ operation, nth }) =>
      operation === 'download' && nth === 1
        ? { fault: { ok: false, class: 'auth', code: 'unauthorized' } }
        : undefined,
    );
    await expect(phone.until(lading.resolve(id))).rejects.toMatchObject({
      code: 'bytes_missing',
      message: expect.stringContaining('unauthorized'),
    });
    expect(await hashOf(await phone.until(lading.resolve(id)))).toBe(sha256);
    expect(downloads(phone)).toBe(2);
  });

  it('waits while offline, and can be aborted alone', async () => {
    const { phone, lading, id, sha256 } = await evicted();
    phone.net.set({ online: false });
    const abort = new AbortController();
    const impatient = lading.resolve(id, { signal: abort.signal });
    const patient = lading.resolve(id);
    await phone.pass(60_000);
    abort.abort(new Error('scrolled away'));
    await expect(phone.until(impatient)).rejects.toThrow('scrolled away');
    await expect(lading.resolve(id, { signal: abort.signal })).rejects.toThrow('scrolled away');
    phone.net.set({ online: true });
    expect(await hashOf(await phone.until(patient))).toBe(sha256);
    expect(downloads(phone)).toBe(1);
  });

  it('says so when neither has the bytes, and the view follows', async () => {
    const { phone, lading, id } = await evicted();
    phone.remote.objects.clear();
    expect(await codeOf(phone.until(lading.resolve(id)))).toBe('bytes_missing');
    expect(lading.view(id)).toMatchObject({ state: 'failed', error: { code: 'remote_missing' } });
    const unknown = lading.newMediaId();
    expect(await codeOf(phone.until(lading.resolve(unknown)))).toBe('not_found');
  });

  it('fetches bytes again that somebody took away, and says so when they were the only ones (field case 2)', async () => {
    const phone = world();
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture('one'), image()));
    await phone.until(lading.settled());
    loseAll(phone);
    expect(await hashOf(await phone.until(lading.resolve(photo.id)))).toBe(photo.ref.sha256);

    phone.net.set({ online: false });
    const lost = await phone.until(lading.capture(picture('two'), image()));
    loseAll(phone);
    expect(await codeOf(phone.until(lading.resolve(lost.id)))).toBe('bytes_missing');
    expect(lost.view).toMatchObject({ state: 'failed', error: { code: 'source_missing' } });
  });

  it('never sends bytes that are not the ones captured (field case 13)', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture('one'), image()));
    for (const key of phone.blobs.keys) phone.blobs.spoil(key, new Uint8Array(7));
    phone.net.set({ online: true });
    await phone.until(lading.settled());
    expect(photo.view).toMatchObject({
      state: 'failed',
      error: { code: 'source_changed', retryable: false },
    });
    expect(phone.remote.calls).toEqual([]);
  });

  it('does not wait for ever for what goes: cancelled, or closed', async () => {
    const ends: readonly ((lading: Lading, id: string) => Promise<void>)[] = [
      (lading, id) => lading.cancel(id),
      (lading) => lading.close(),
    ];
    const codes = [];
    for (const end of ends) {
      const held = gate();
      const { phone, lading, id } = await evicted(({ operation }) =>
        operation === 'download' ? { after: held.promise } : undefined,
      );
      const resolving = codeOf(lading.resolve(id));
      await phone.pass();
      await phone.until(end(lading, id));
      codes.push(await phone.until(resolving));
      held.open();
      await phone.pass(60_000);
      expect(phone.blobs.keys).toEqual([]);
    }
    expect(codes).toEqual(['already_gone', 'closed']);
  });
});

function loseAll({ blobs }: World): void {
  for (const key of blobs.keys) blobs.lose(key);
}
