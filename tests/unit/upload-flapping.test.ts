import type { NetworkState } from 'lading';
import { describe, expect, it } from 'vitest';
import { captureMany, gate, shows, type World, world } from '../support/lading-world.ts';

/** Three uploads that never end, on a link that is there for so long, then away for so long, again and again. */
async function flapping(options: {
  readonly onMs: number;
  readonly offMs: number;
  readonly forMs: number;
}) {
  const forever = gate();
  const phone = world({ script: () => ({ after: forever.promise }), online: false });
  const lading = await phone.open({ onlineDebounceMs: 500 });
  const ids = await captureMany(phone, lading, 3);
  for (let at = 0; at < options.forMs; at += options.onMs + options.offMs) {
    phone.net.set({ online: true });
    await phone.pass(options.onMs);
    phone.net.set({ online: false });
    await phone.pass(options.offMs);
  }
  return { phone, lading, ids, forever };
}

function count(phone: World, type: string): number {
  return Number(
    phone.rows(`SELECT count(*) AS n FROM lading_event WHERE type = '${type}'`)[0]?.['n'],
  );
}

describe('a link that flaps (contract 4.7, field case 37)', () => {
  it('starts nothing while it never stays for half a second', async () => {
    const { phone } = await flapping({ onMs: 400, offMs: 100, forMs: 600_000 });
    expect(count(phone, 'upload.started')).toBe(0);
    expect(count(phone, 'upload.interrupted')).toBe(0);
  });

  it('is trusted later each time that it was lost, so that it does not thrash', async () => {
    const { phone } = await flapping({ onMs: 1_500, offMs: 500, forMs: 600_000 });
    // 300 times it came and went; every start of the three is one interruption, and no more than that.
    expect(count(phone, 'upload.started')).toBeLessThanOrEqual(9);
    expect(count(phone, 'upload.interrupted')).toBe(count(phone, 'upload.started'));
  });

  it('burns no attempt, strands no job, and is trusted again when it stays', async () => {
    const { phone, lading, ids, forever } = await flapping({
      onMs: 3_000,
      offMs: 200,
      forMs: 120_000,
    });
    expect(new Set(ids.map((id) => shows(lading.view(id))))).toEqual(
      new Set(['local_only, waiting for network']),
    );
    phone.net.set({ online: true });
    await phone.pass(8_000);
    expect(new Set(ids.map((id) => shows(lading.view(id))))).toEqual(new Set(['uploading']));
    expect(phone.rows('SELECT DISTINCT attempts FROM lading_job')).toEqual([{ attempts: 0 }]);
    forever.open();
    await phone.pass(60_000);
    expect(new Set(ids.map((id) => shows(lading.view(id))))).toEqual(new Set(['uploaded']));
  });

  it('that stayed for half a minute counts as steady: the next loss costs half a second again', async () => {
    const { phone, lading, ids } = await flapping({ onMs: 1_500, offMs: 500, forMs: 60_000 });
    phone.net.set({ online: true });
    await phone.pass(40_000);
    phone.net.set({ online: false });
    await phone.pass(100);
    phone.net.set({ online: true });
    await phone.pass(499);
    expect(shows(lading.view(ids[0] ?? ''))).toBe('local_only, waiting for network');
    await phone.pass(10);
    expect(shows(lading.view(ids[0] ?? ''))).toBe('uploading');
  });

  it('is back also where the platform tells the same again and again', async () => {
    const phone = world();
    let told: (state: NetworkState) => void = () => {};
    const lading = await phone.open({
      onlineDebounceMs: 500,
      connectivity: {
        current: () => ({ online: false, metered: false }),
        subscribe(listener) {
          told = listener;
          return () => {};
        },
      },
    });
    const [id = ''] = await captureMany(phone, lading, 1);
    for (let n = 0; n < 5; n++) {
      told({ online: true, metered: false });
      await phone.pass(400);
    }
    expect(shows(lading.view(id))).toBe('uploaded');
  });
});
