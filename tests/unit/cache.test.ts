import { createHash } from 'node:crypto';
import type { RemoteScript } from 'lading/testing';
import { describe, expect, it } from 'vitest';
import {
  collect,
  downloads,
  filled,
  here,
  KB,
  keyOf,
  MINUTE,
  read,
} from '../support/cache-world.ts';
import { device, FILE, fill, OWNER, sized, storedBytes } from '../support/guardrails-world.ts';
import { codeOf, shows } from '../support/lading-world.ts';

describe('the limits of the cache (contract 6)', () => {
  it.each([
    { maxBytes: -1 },
    { maxBytes: 1.5 },
    { maxBytes: Number.NaN },
    { maxAgeMs: -1 },
    { maxAgeMs: '1' as never },
  ])('are refused when they are no numbers: %o', async (cache) => {
    const phone = device();
    const name = Object.keys(cache)[0];
    await expect(phone.open({ cache })).rejects.toMatchObject({
      code: 'invalid_option',
      details: { name: `cache.${name}` },
    });
    await expect((await phone.open()).freeRoom(-1)).rejects.toMatchObject({
      code: 'invalid_option',
    });
  });

  it('without any, everything stays', async () => {
    const { phone, ids } = await filled(5);
    await phone.pass(100 * MINUTE);
    expect(here(phone, ids)).toEqual([0, 1, 2, 3, 4]);
  });

  it('evict the least recently opened, when uploads have settled, down to maxBytes', async () => {
    const { phone, lading, ids } = await filled(3, { cache: { maxBytes: 300 * KB } });
    expect(here(phone, ids)).toEqual([0, 1, 2]);
    await read(phone, lading, ids[0] ?? '');
    ids.push(await fill(phone, lading, 100 * KB));
    await phone.pass(2_000);
    expect(here(phone, ids)).toEqual([0, 2, 3]);
    expect(lading.storage()).toMatchObject({ usedBytes: 300 * KB, evictableBytes: 300 * KB });
    expect(await storedBytes(phone)).toBe(300 * KB);
    expect((await phone.until(lading.verify())).differences).toEqual([]);
  });

  it('evict what nobody opened for maxAgeMs, also at the start', async () => {
    const { phone, lading, ids } = await filled(3, { cache: { maxAgeMs: 10 * MINUTE } });
    await phone.pass(6 * MINUTE);
    await read(phone, lading, ids[1] ?? '');
    await phone.pass(4 * MINUTE);
    expect(here(phone, ids)).toEqual([1]);
    await phone.until(lading.close());
    await phone.pass(20 * MINUTE);
    await phone.open({ cache: { maxAgeMs: 10 * MINUTE } });
    await phone.pass(1_000);
    expect(here(phone, ids)).toEqual([]);
  });

  it('take a file that others hold too only when none of them needs it', async () => {
    const { phone, lading, ids } = await filled(1, { cache: { maxBytes: 0, maxAgeMs: 0 } });
    expect(here(phone, ids)).toEqual([]);
    phone.net.set({ online: false });
    const same = sized(50 * KB);
    const [a, b] = [
      await phone.until(lading.capture(same, FILE)),
      await phone.until(lading.capture(same, FILE)),
    ];
    await phone.until(lading.pause(b.id));
    phone.net.set({ online: true });
    await phone.pass(5 * MINUTE);
    expect(shows(a.view)).toBe('uploaded');
    expect(here(phone, [a.id, b.id])).toEqual([0, 1]);
    expect(lading.storage().evictableBytes).toBe(0);
    await phone.until(lading.resume(b.id));
    await phone.pass(5 * MINUTE);
    expect(here(phone, [a.id, b.id])).toEqual([]);
    expect(phone.blobs.keys).toEqual([]);
  });

  it('take many files in transactions of fifty', async () => {
    const phone = device({ online: true });
    const lading = await phone.open();
    const files = Array.from({ length: 120 }, () => ({ source: sized(10), kind: 'file' as const }));
    await phone.until(lading.captureAll(files, { owner: OWNER }));
    await phone.until(lading.settled());
    await phone.pass(MINUTE);
    expect(lading.storage()).toMatchObject({ evictableBytes: 1_200 });
    let most = 0;
    const watching = phone.rows.bind(phone);
    const evicting = "SELECT count(*) AS n FROM lading_media WHERE facts ->> 'local' = 'evicting'";
    const real = { ...phone.blobs };
    phone.blobs.remove = (key) => {
      most = Math.max(most, Number(watching(evicting)[0]?.['n']));
      return real.remove(key);
    };
    expect(await phone.until(lading.freeRoom(1e9))).toEqual({ freedBytes: 1_200 });
    expect(most).toBe(50);
    expect(phone.blobs.keys).toEqual([]);
  });
});

describe('what is never evicted (contract 6)', () => {
  const TINY = { cache: { maxBytes: 0, maxAgeMs: 0 } };

  it('bytes that are not uploaded yet, refused, or held by a fault', async () => {
    const script: RemoteScript = ({ operation, nth }) =>
      operation === 'upload' && nth === 1
        ? { fault: { ok: false, class: 'terminal', code: 'http_422' } }
        : undefined;
    const { phone, lading, ids } = await filled(1, TINY, { script });
    phone.net.set({ online: false });
    ids.push(await fill(phone, lading, 100 * KB));
    const draft = await phone.until(lading.capture(sized(100 * KB), { ...FILE, draft: true }));
    ids.push(draft.id);
    await phone.pass(20 * MINUTE);
    expect(await phone.until(lading.freeRoom(1e9))).toEqual({ freedBytes: 0 });
    expect(ids.map((id) => lading.view(id).state)).toEqual(['failed', 'local_only', 'local_only']);
    expect(here(phone, ids)).toEqual([0, 1, 2]);
  });

  it('a pinned one, until it is let go', async () => {
    const phone = device({ online: true });
    const lading = await phone.open(TINY);
    const id = lading.newMediaId();
    phone.net.set({ online: false });
    await phone.until(lading.capture(sized(100 * KB), { ...FILE, id }));
    await phone.until(lading.pin(id));
    phone.net.set({ online: true });
    await phone.pass(5 * MINUTE);
    expect(lading.view(id).state).toBe('uploaded');
    expect(here(phone, [id])).toEqual([0]);
    await phone.until(lading.pin(id, false));
    await phone.pass(MINUTE);
    expect(here(phone, [id])).toEqual([]);
  });

  it('one that is being read: it stays while the reader is there', async () => {
    const { phone, lading, ids } = await filled(1);
    const bytes = await phone.until(lading.resolve(ids[0] ?? ''));
    const reading = bytes.open()[Symbol.asyncIterator]();
    await phone.until(reading.next());
    await phone.pass(MINUTE);
    expect(await phone.until(lading.freeRoom(1e9))).toEqual({ freedBytes: 0 });
    expect(phone.rows("SELECT facts ->> 'local' AS local FROM lading_media")).toEqual([
      { local: 'inUse' },
    ]);
    expect(here(phone, ids)).toEqual([0]);
    await reading.return?.(undefined);
    await phone.pass(2 * MINUTE);
    expect(await phone.until(lading.freeRoom(1e9))).toEqual({ freedBytes: 100 * KB });
  });

  it('one that was resolved a moment ago: a screen is about to read it', async () => {
    const { phone, lading, ids } = await filled(2);
    await phone.until(lading.resolve(ids[0] ?? ''));
    await phone.pass(9_000);
    expect(await phone.until(lading.freeRoom(1e9))).toEqual({ freedBytes: 100 * KB });
    expect(here(phone, ids)).toEqual([0]);
    await phone.pass(2_000);
    expect(await phone.until(lading.freeRoom(1e9))).toEqual({ freedBytes: 100 * KB });
  });

  it('one whose object was not verified: a url comes from a receipt or a head that fits, or from the backend', async () => {
    const script: RemoteScript = ({ operation }) =>
      operation === 'upload'
        ? { withoutUrl: true }
        : operation === 'head'
          ? { fault: { ok: false, class: 'retryable', code: 'http_503' } }
          : undefined;
    const { phone, lading, ids } = await filled(1, TINY, { script });
    expect(phone.remote.objects.size).toBe(1); // it is there, but nobody has seen it yet
    expect(await phone.until(lading.freeRoom(1e9))).toEqual({ freedBytes: 0 });
    expect(here(phone, ids)).toEqual([0]);
  });
});

describe('an eviction is no deletion (contract 3.6, field case 58)', () => {
  it('shows uploaded, changes no ref, sends no op, and is fetched again by who reads it', async () => {
    const { phone, lading, ids } = await filled(2);
    const hashes = lading.list(OWNER).map(({ ref }) => ref.sha256);
    const before = JSON.stringify(lading.list(OWNER));
    await phone.until(lading.freeRoom(1e9));
    expect(here(phone, ids)).toEqual([]);
    expect(JSON.stringify(lading.list(OWNER))).toBe(before);
    expect(phone.rows('SELECT * FROM lading_outbox')).toHaveLength(4); // those of link and attach
    for (const [index, id] of ids.entries()) {
      const bytes = await read(phone, lading, id);
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(hashes[index]);
    }
    expect(downloads(phone)).toBe(2);
    expect(here(phone, ids)).toEqual([0, 1]);
  });

  it('that the remote does not have any more is failed with a code, never silent', async () => {
    const { phone, lading, ids } = await filled(1);
    await phone.until(lading.freeRoom(1e9));
    phone.remote.objects.clear();
    expect(await codeOf(phone.until(lading.resolve(ids[0] ?? '')))).toBe('bytes_missing');
    expect(lading.view(ids[0] ?? '')).toMatchObject({
      state: 'failed',
      error: { code: 'remote_missing' },
    });
  });

  it('between resolve and open is fetched again, once, and goes on where the range begins', async () => {
    const { phone, lading, ids } = await filled(1);
    const whole = await read(phone, lading, ids[0] ?? '');
    const bytes = await phone.until(lading.resolve(ids[0] ?? ''));
    await phone.pass(MINUTE);
    expect(await phone.until(lading.freeRoom(1e9))).toEqual({ freedBytes: 100 * KB });
    const part = await phone.until(collect(bytes.open({ start: 10, end: 50_000 })));
    expect(part.equals(whole.subarray(10, 50_000))).toBe(true);
    expect(downloads(phone)).toBe(1);
    // The whole file came, whatever range was asked for.
    expect(lading.storage().usedBytes).toBe(100 * KB);
  });

  it('in the middle of a read elsewhere goes on where it was', async () => {
    const { phone, lading, ids } = await filled(1);
    const whole = await read(phone, lading, ids[0] ?? '');
    const real = { ...phone.blobs };
    const cut = keyOf(phone, ids[0] ?? '');
    phone.blobs.open = async function* (key, range) {
      if (key === cut) {
        yield* real.open(key, { ...range, end: 30_000 });
        phone.blobs.lose(key); // a system that takes an open file away
      }
      yield* real.open(key, range);
    };
    const bytes = await phone.until(lading.resolve(ids[0] ?? ''));
    expect((await phone.until(collect(bytes.open()))).equals(whole)).toBe(true);
    expect(downloads(phone)).toBe(1);
  });
});
