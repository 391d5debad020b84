import { describe, expect, it } from 'vitest';
import { filled, here, KB, MINUTE, read } from '../support/cache-world.ts';
import { FILE, fill, sized, storedBytes } from '../support/guardrails-world.ts';
import { codeOf, gate, owner } from '../support/lading-world.ts';

describe('when a file was last opened', () => {
  it('is written about once a minute, together, without an event', async () => {
    const { phone, lading, ids } = await filled(2);
    const events = () => phone.rows('SELECT count(*) AS n FROM lading_event')[0]?.['n'];
    const openedAt = () =>
      phone.rows('SELECT opened_at AS at FROM lading_blob').map((row) => Number(row['at']));
    const before = { events: events(), openedAt: openedAt() };
    const written = () => Number(phone.rows('SELECT total_changes() AS n')[0]?.['n']);
    const start = written();
    for (let n = 0; n < 20; n++) for (const id of ids) await read(phone, lading, id);
    expect({ events: events(), openedAt: openedAt() }).toEqual(before);
    expect(written()).toBe(start);
    const now = phone.clock.now();
    await phone.pass(61_000);
    expect(Math.min(...openedAt())).toBeGreaterThanOrEqual(now - 1_000);
    expect(events()).toBe(before.events);
    // A row a file, and the runner's heartbeats, for forty reads.
    expect(written() - start).toBeLessThan(20);
    expect((await phone.until(lading.verify())).differences).toEqual([]);
  });

  it('by a clock that was ahead does not keep a file for ever', async () => {
    const { phone, ids } = await filled(1);
    phone.handle.exec(`UPDATE lading_blob SET opened_at = ${phone.clock.now() + 1e12}`);
    await phone.open({ cache: { maxBytes: 0 } });
    await phone.pass(MINUTE);
    expect(here(phone, ids)).toEqual([]);
  });

  it('by a clock that was ahead keeps no derived file for ever either', async () => {
    const { phone, lading, ids } = await filled(1);
    await phone.until(lading.derive(ids[0] ?? '', 'thumb', async () => new Uint8Array(10)));
    await phone.pass(2 * MINUTE);
    phone.handle.exec(`UPDATE lading_derived SET opened_at = ${phone.clock.now() + 1e12}`);
    await phone.open({ cache: { maxBytes: 0 } });
    await phone.pass(MINUTE);
    expect(phone.blobs.keys).toEqual([]);
  });
});

describe('what can be freed is freed before a capture is refused (contract 6, 7.3)', () => {
  const BUDGET = { storageBudgetBytes: 1_000 * KB };

  it('as much as is missing, the oldest first', async () => {
    const { phone, lading, ids } = await filled(8, BUDGET);
    ids.push(await fill(phone, lading, 250 * KB));
    // 800 + 250 kB must stay below 900 kB: two files of 100 kB go.
    expect(here(phone, ids)).toEqual([2, 3, 4, 5, 6, 7, 8]);
    expect(lading.storage()).toMatchObject({ usedBytes: 850 * KB, level: 'warning' });
    expect(await storedBytes(phone)).toBe(850 * KB);
  });

  it('nothing, when all of it would not be enough', async () => {
    const { phone, lading, ids } = await filled(8, BUDGET);
    for (const bytes of [900 * KB, 2_000 * KB]) {
      const refused = await codeOf(phone.until(lading.capture(sized(bytes), FILE)));
      expect(refused).toBe('storage_full');
    }
    expect(here(phone, ids)).toHaveLength(8);
  });

  it('two captures at once free what both need, and no more', async () => {
    const { phone, lading, ids } = await filled(8, BUDGET);
    const both = [1, 2].map(() => lading.capture(sized(100 * KB), FILE));
    const photos = await phone.until(Promise.all(both));
    expect(here(phone, ids)).toEqual([2, 3, 4, 5, 6, 7]);
    expect(
      here(
        phone,
        photos.map(({ id }) => id),
      ),
    ).toEqual([0, 1]);
  });

  it('is waited for until the files are away; one that cannot be removed leads to a refusal in the end', async () => {
    const { phone, lading, ids } = await filled(8, BUDGET);
    phone.blobs.remove = async () => {
      throw new Error('EIO');
    };
    const refused = codeOf(phone.until(lading.capture(sized(250 * KB), FILE)));
    expect(await refused).toBe('storage_full');
    expect(here(phone, ids)).toHaveLength(8);
  });

  it('when a write finds the disk full though nobody said so, once (field case 6)', async () => {
    const { phone, lading, ids } = await filled(4, {}, { capacityBytes: 500 * KB });
    ids.push(await fill(phone, lading, 200 * KB));
    expect(here(phone, ids)).toEqual([2, 3, 4]);
    phone.net.set({ online: false });
    const huge = phone.until(lading.capture(sized(600 * KB), FILE));
    expect(await codeOf(huge)).toBe('disk_full');
    expect(await storedBytes(phone)).toBe(lading.storage().usedBytes);
  });

  it('for a reader too: others go, never the one he asked for', async () => {
    const { phone, lading, ids } = await filled(4, {}, { capacityBytes: 450 * KB });
    await phone.until(lading.freeRoom(100 * KB));
    expect(here(phone, ids)).toEqual([1, 2, 3]);
    ids.push(await fill(phone, lading, 100 * KB));
    await phone.pass(MINUTE);
    expect(await read(phone, lading, ids[0] ?? '')).toHaveLength(100 * KB);
    expect(here(phone, ids)).toEqual([0, 2, 3, 4]);
  });

  it('of other accounts as well: the device is full for all of them', async () => {
    const { phone, ids } = await filled(8, BUDGET);
    const other = await phone.open({ ...BUDGET, account: 'account-2' });
    const theirs = { ...FILE, owner: owner('item.files', 'item-1', 'account-2') };
    await phone.until(other.capture(sized(250 * KB), theirs));
    expect(here(phone, ids)).toEqual([2, 3, 4, 5, 6, 7]);
  });

  it('and when a smaller budget comes with a new start, whatever else the cache may keep (contract 7.2)', async () => {
    const { phone, lading, ids } = await filled(8, BUDGET);
    await phone.until(lading.close());
    await phone.open({ storageBudgetBytes: 500 * KB, cache: { maxBytes: 10_000 * KB } });
    await phone.pass(MINUTE);
    expect(here(phone, ids)).toHaveLength(4);
    expect(phone.logged.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('and when the platform says that room is short, at its next check (contract 7.2)', async () => {
    let free = 10_000 * KB;
    const storageEstimate = { estimate: async () => ({ freeBytes: free }) };
    const { phone, lading, ids } = await filled(5, { storageEstimate });
    expect(here(phone, ids)).toEqual([0, 1, 2, 3, 4]);
    free = 20 * KB; // 500 of 520 kB are ours: 32 kB too many
    await phone.pass(40_000);
    expect(here(phone, ids)).toEqual([1, 2, 3, 4]);
    expect(lading.storage().level).not.toBe('critical');
  });
});

describe('what cannot go now keeps nothing else from going', () => {
  const BUDGET = { storageBudgetBytes: 1_200 * KB };

  /** Files of 100 kB each, and a derived one of 200 kB that was opened before all of them. */
  async function withDerived() {
    const world = await filled(8, BUDGET);
    const { phone, lading, ids } = world;
    const make = async () => new Uint8Array(200 * KB);
    const derived = await phone.until(lading.derive(ids[0] ?? '', 'preview', make));
    await phone.pass(MINUTE);
    for (const id of ids) await read(phone, lading, id);
    await phone.pass(2 * MINUTE);
    return { ...world, derived };
  }

  it('a derived file that is being read', async () => {
    const { phone, lading, ids, derived } = await withDerived();
    const reading = derived.open()[Symbol.asyncIterator]();
    await phone.until(reading.next());
    for (const id of ids) await read(phone, lading, id);
    await phone.pass(MINUTE);
    await fill(phone, lading, 200 * KB);
    expect(here(phone, ids)).toHaveLength(6);
    await reading.return?.(undefined);
  });

  it('a derived file that cannot be removed', async () => {
    const { phone, lading, ids } = await withDerived();
    const real = { ...phone.blobs };
    phone.blobs.remove = async (key) => {
      if (key.includes('/d-')) throw new Error('EBUSY');
      return real.remove(key);
    };
    await fill(phone, lading, 350 * KB);
    expect(here(phone, ids)).toHaveLength(7);
  });

  it('an attachment whose log cannot be read (contract 4.6)', async () => {
    const { phone, lading, ids } = await filled(4);
    await phone.until(lading.close());
    phone.handle.exec(`DELETE FROM lading_snapshot;
      UPDATE lading_event SET type = 'no.such.event' WHERE stream = '${ids[0]}' AND version = 3`);
    const again = await phone.open();
    await phone.pass(MINUTE);
    expect(await phone.until(again.freeRoom(1e9))).toEqual({ freedBytes: 300 * KB });
    expect(here(phone, ids)).toEqual([0]);
    const told = phone.logged.filter(({ message }) => message === 'a file could not be evicted');
    expect(told).toHaveLength(1);
  });
});

describe('a removal that hangs', () => {
  it('is not waited for by a close', async () => {
    const { phone, lading } = await filled(3);
    phone.blobs.remove = () => new Promise(() => {});
    const freed = lading.freeRoom(1e9);
    await phone.pass(100);
    const began = phone.clock.now();
    await phone.until(lading.close());
    // The host's patience with services, and not that of the cache on top of it.
    expect(phone.clock.now() - began).toBeLessThan(6_000);
    await freed;
  });

  it('is not waited for by a capture that was aborted before its turn', async () => {
    const { phone, lading } = await filled(8, { storageBudgetBytes: 1_000 * KB });
    phone.blobs.remove = () => new Promise(() => {});
    lading.freeRoom(100 * KB).catch(() => {});
    await phone.pass(100);
    const user = new AbortController();
    const options = { ...FILE, signal: user.signal };
    const asked = codeOf(lading.capture(sized(450 * KB), options));
    await phone.pass(100);
    user.abort();
    const began = phone.clock.now();
    expect(await phone.until(asked)).toBe('capture_aborted');
    expect(phone.clock.now() - began).toBeLessThan(1_000);
  });
});

describe('a kill in the middle of an eviction', () => {
  it('leaves what the next start finishes, and nothing that is not at the remote', async () => {
    const { phone, lading, ids } = await filled(3);
    const removing = gate();
    const real = { ...phone.blobs };
    phone.blobs.remove = async () => {
      removing.open();
      return new Promise(() => {});
    };
    lading.freeRoom(1e9).catch(() => {});
    await phone.until(removing.promise);
    phone.kill();
    phone.blobs.remove = (key) => real.remove(key);
    await phone.pass(MINUTE);
    const next = await phone.open();
    await phone.pass(5 * MINUTE);
    expect(here(phone, ids)).toEqual([]);
    expect(phone.blobs.keys).toEqual([]);
    for (const id of ids) expect(await read(phone, next, id)).toHaveLength(100 * KB);
  });
});
