import type { Fault, Lading } from 'lading';
import { describe, expect, it } from 'vitest';
import {
  captureMany,
  gate,
  image,
  owner,
  picture,
  shows,
  type World,
  world,
} from '../support/lading-world.ts';

const DOWN: Fault = { ok: false, class: 'retryable', code: 'server_error' };
const REMOTE_RESTS = 'local_only, waiting for remote';

/** A remote that can be down, and so many photos captured for it; the network is there. */
async function phoneWith(
  count: number,
  fault: Fault = DOWN,
  more: Parameters<World['open']>[0] = {},
) {
  const state = { isDown: true };
  const phone = world({ script: () => (state.isDown ? { fault } : undefined) });
  const lading = await phone.open(more);
  const ids = await captureMany(phone, lading, count);
  return { phone, lading, ids, state };
}

function all(lading: Lading, ids: readonly string[]): ReadonlySet<string> {
  return new Set(ids.map((id) => shows(lading.view(id))));
}

function attempts(phone: World): number {
  return Number(
    phone.rows("SELECT count(*) AS n FROM lading_event WHERE type = 'upload.started'")[0]?.['n'],
  );
}

describe('a remote that fails again and again (contract 4.5, field case 28)', () => {
  it('is left alone: nothing starts, no attempt is burnt, and what waits says for what and until when', async () => {
    const { phone, lading, ids } = await phoneWith(20);
    await phone.pass(10);
    const asked = phone.remote.calls.length;
    expect(asked).toBeLessThan(9);
    const waiting = ids.filter((id) => shows(lading.view(id)) === REMOTE_RESTS);
    expect(waiting.length).toBe(20 - asked);
    const { until = 0 } = lading.view(waiting[0] ?? '');
    expect(until).toBeGreaterThan(phone.clock.now());
    expect(until).toBeLessThanOrEqual(phone.clock.now() + 5_000);
    await phone.pass(until - phone.clock.now() - 1);
    expect(phone.remote.calls.length).toBe(asked);
    expect(attempts(phone)).toBe(asked);
  });

  it('is told truly by settled, metrics and explain', async () => {
    const { phone, lading, ids } = await phoneWith(20);
    const report = await phone.until(lading.settled());
    const resting = report.waiting.filter(({ waitingFor }) => waitingFor === 'remote');
    expect(resting.length).toBeGreaterThan(10);
    expect(resting.every(({ until }) => (until ?? 0) > phone.clock.now())).toBe(true);
    expect(lading.metrics().now.waitingFor['remote']).toBe(resting.length);
    expect(lading.metrics().process.uploadLimit).toBe(1);
    const last = ids.at(-1) ?? '';
    const { standing, waitingFor, until } = await phone.until(lading.explain(last));
    expect(waitingFor).toBe('remote');
    expect(until).toBe(lading.view(last).until);
    expect(standing.join(' ')).toMatch(/It waits until .* for the remote to recover/);
  });

  it('is asked by one upload after its rest; when that arrives, the others follow, and all arrive', async () => {
    const { phone, lading, ids, state } = await phoneWith(20);
    await phone.pass(10);
    const before = phone.remote.calls.length;
    await phone.pass(5_000);
    expect(phone.remote.calls.length).toBe(before + 1);
    state.isDown = false;
    await phone.pass(120_000);
    expect(all(lading, ids)).toEqual(new Set(['uploaded']));
    expect(lading.metrics().process.uploadLimit).toBe(3);
    expect([...phone.remote.completions.values()]).toEqual(ids.map(() => 1));
    expect((await phone.until(lading.verify())).ok).toBe(true);
  });

  it('that takes the one that goes through for minutes is well: the others need not wait for its end', async () => {
    const slow = gate();
    let [isDown, isFirst] = [true, true];
    const phone = world({
      script() {
        if (isDown) return { fault: DOWN };
        const isLong = isFirst;
        isFirst = false;
        return isLong ? { after: slow.promise } : undefined;
      },
    });
    const lading = await phone.open();
    const ids = await captureMany(phone, lading, 8);
    await phone.pass(1_000);
    isDown = false;
    await phone.pass(180_000);
    expect(ids.map((id) => shows(lading.view(id))).toSorted()).toEqual(
      [...Array.from({ length: 7 }, () => 'uploaded'), 'uploading'].toSorted(),
    );
    slow.open();
  });

  it('is asked less and less while it stays down, and nothing is given up for it', async () => {
    const { phone, lading, ids } = await phoneWith(40);
    await phone.pass(3_600_000);
    // Without a rest 40 files would be tried up to ten times each, and fail.
    expect(phone.remote.calls.length).toBeLessThan(150);
    expect(lading.metrics().total.gaveUp).toBe(0);
    expect(all(lading, ids).has('failed, waiting for retry')).toBe(false);
  });

  it('stops nothing that is under way', async () => {
    const hold = gate();
    const phone = world({
      script: ({ objectKey }) =>
        objectKey.endsWith(slow.id) ? { after: hold.promise } : { fault: DOWN },
    });
    const slow = { id: 'none' };
    const lading = await phone.open({ concurrency: 8 });
    slow.id = lading.newMediaId();
    const id = slow.id as ReturnType<Lading['newMediaId']>;
    await phone.until(lading.capture(picture('slow'), image(undefined, { id })));
    const ids = await captureMany(phone, lading, 10);
    await phone.pass(100);
    // Captured in one commit, they queue in the order of their ids.
    expect(all(lading, ids.toSorted().slice(-1))).toEqual(new Set([REMOTE_RESTS]));
    expect(shows(lading.view(slow.id))).toBe('uploading');
    hold.open();
    await phone.pass(1);
    expect(shows(lading.view(slow.id))).toBe('uploaded');
  });

  it('is asked beside uploads that began before and have every slot that is left; none is begun in vain', async () => {
    const [slow, hold] = [new Set<string>(), gate()];
    const state = { isDown: true };
    const phone = world({
      script({ objectKey }) {
        if (slow.has(objectKey.split('/')[1] ?? '')) return { after: hold.promise };
        return state.isDown ? { fault: DOWN } : undefined;
      },
    });
    const lading = await phone.open({ concurrency: 8 });
    for (let index = 0; index < 2; index++) {
      const id = lading.newMediaId();
      slow.add(id);
      await phone.until(lading.capture(picture(`slow ${index}`), image(undefined, { id })));
    }
    const ids = await captureMany(phone, lading, 10);
    await phone.pass(50_000);
    expect(all(lading, [...slow])).toEqual(new Set(['uploading']));
    expect(lading.metrics().process.uploadLimit).toBe(1);
    // Each attempt asked the remote something.
    expect(attempts(phone)).toBe(phone.remote.calls.length);
    state.isDown = false;
    await phone.pass(120_000);
    expect(all(lading, ids)).toEqual(new Set(['uploaded']));
    hold.open();
    await phone.until(lading.settled());
    expect(all(lading, [...slow])).toEqual(new Set(['uploaded']));
  });

  it('does not hold up removals for ever, and burns none of their tries', async () => {
    const { phone, lading, ids, state } = await phoneWith(20);
    await phone.pass(10);
    const tried = ids.find((id) => shows(lading.view(id)) !== REMOTE_RESTS) ?? '';
    await phone.until(lading.cancel(tried));
    await phone.pass(10);
    expect(lading.view(tried)).toMatchObject({ state: 'gone', waitingFor: 'remote' });
    expect(phone.remote.calls.some(({ operation }) => operation === 'remove')).toBe(false);
    expect((await phone.until(lading.settled())).waiting).toContainEqual(
      expect.objectContaining({ mediaId: tried, waitingFor: 'remote' }),
    );
    state.isDown = false;
    await phone.pass(180_000);
    expect(phone.remote.calls.some(({ operation }) => operation === 'remove')).toBe(true);
    expect(lading.history(tried).some(({ type }) => type === 'removeRemote.failed')).toBe(false);
  });

  it('is not blamed for what the network did', async () => {
    const { phone, lading, ids, state } = await phoneWith(0);
    const hold = gate();
    state.isDown = true;
    phone.net.set({ online: false });
    hold.open();
    await captureMany(phone, lading, 12);
    await phone.pass(60_000);
    state.isDown = false;
    phone.net.set({ online: true });
    await phone.until(lading.settled());
    expect(all(lading, ids).has(REMOTE_RESTS)).toBe(false);
    expect(phone.remote.objects.size).toBe(12);
  });

  it('is asked at once when the network comes back: that may have been what failed', async () => {
    const { phone, lading, state } = await phoneWith(20);
    await phone.pass(10);
    const before = phone.remote.calls.length;
    phone.net.set({ online: false });
    await phone.pass(10);
    state.isDown = false;
    phone.net.set({ online: true });
    await phone.pass(10);
    expect(phone.remote.calls.length).toBeGreaterThan(before);
    expect(lading.metrics().total.uploaded).toBeGreaterThan(0);
  });

  it('is asked also where an upload that nobody can carry on stands in the log (contract 4.6)', async () => {
    const { phone, lading, ids, state } = await phoneWith(20);
    await phone.pass(10);
    await phone.until(lading.close());
    // Its claim stands, its stream is of a newer version: no runner takes it up.
    const [unreadable = ''] = ids.slice(-1);
    phone.handle.exec(`
      UPDATE lading_job SET situation = 'uploading' WHERE media_id = '${unreadable}';
      UPDATE lading_event SET schema_version = 99 WHERE stream = '${unreadable}';
      DELETE FROM lading_snapshot`);
    const next = await phone.open();
    await phone.pass(100);
    expect([...all(next, ids)]).toContain(REMOTE_RESTS);
    state.isDown = false;
    await phone.pass(180_000);
    const others = ids.filter((id) => id !== unreadable);
    expect(all(next, others)).toEqual(new Set(['uploaded']));
  });

  it('begins with a clean slate when the app starts', async () => {
    const { phone, lading, ids, state } = await phoneWith(20);
    await phone.pass(10);
    await phone.until(lading.close());
    state.isDown = false;
    const next = await phone.open();
    await phone.pass(10);
    expect(ids.filter((id) => shows(next.view(id)) === 'uploaded').length).toBeGreaterThan(10);
  });
});

describe('Retry-After of one answer (field case 29)', () => {
  const busy: Fault = {
    ok: false,
    class: 'retryable',
    code: 'too_many_requests',
    retryAfterMs: 600_000,
  };

  it('holds the whole host for that long, and then lets one through first', async () => {
    const { phone, lading, ids, state } = await phoneWith(20, busy, { concurrency: 1 });
    await phone.pass(10);
    expect(phone.remote.calls).toHaveLength(1);
    const last = ids.at(-1) ?? '';
    const { until, ...rest } = lading.view(last);
    expect(rest).toMatchObject({ state: 'local_only', waitingFor: 'remote' });
    expect(until).toBe(lading.view(ids[0] ?? '').until);
    await phone.pass(599_000);
    expect(phone.remote.calls).toHaveLength(1);
    state.isDown = false;
    await phone.pass(2_000);
    await phone.until(lading.settled());
    expect(all(lading, ids)).toEqual(new Set(['uploaded']));
  });

  it('holds no longer than a day, whatever it says', async () => {
    const { phone, lading, ids, state } = await phoneWith(
      5,
      { ...busy, retryAfterMs: 1e12 },
      { concurrency: 1 },
    );
    await phone.pass(10);
    expect(lading.view(ids.at(-1) ?? '').until).toBeLessThanOrEqual(phone.clock.now() + 86_400_000);
    state.isDown = false;
    await phone.pass(86_400_000);
    await phone.until(lading.settled());
    expect(all(lading, ids)).toEqual(new Set(['uploaded']));
  });
});

describe('retrySync', () => {
  it('pressed twice is once: the second tap hears what the first one started', async () => {
    const { phone, lading, state } = await phoneWith(4, { ...DOWN, code: 'locked' });
    await phone.pass(10);
    state.isDown = false;
    const both = [lading.retrySync(), lading.retrySync()] as const;
    const [first, second] = await phone.until(Promise.all(both));
    const nothing = { pushed: 0, refused: 0, pulled: 0, complete: true };
    expect(first).toEqual({ retried: 4, uploads: 4, ...nothing });
    expect(second).toBe(first);
    const asked = phone.rows("SELECT 1 FROM lading_event WHERE type = 'retry.requested'");
    expect(asked).toHaveLength(4);
  });

  it('lets one through to a remote that rests, at once, and the others when it answers (contract 4.7)', async () => {
    const { phone, lading, ids, state } = await phoneWith(20, {
      ...DOWN,
      retryAfterMs: 3_600_000,
    });
    await phone.pass(10);
    const before = phone.remote.calls.length;
    await phone.until(Promise.all([lading.retrySync(), lading.retrySync()]));
    await phone.pass(10);
    expect(phone.remote.calls.length).toBe(before + 1);
    state.isDown = false;
    const { retried, uploads } = await phone.until(lading.retrySync());
    expect(retried).toBeGreaterThan(0);
    expect(uploads).toBe(20);
    await phone.until(lading.settled());
    expect(all(lading, ids)).toEqual(new Set(['uploaded']));
  });

  it('retry of one does so too', async () => {
    const { phone, lading, ids, state } = await phoneWith(3, { ...DOWN, retryAfterMs: 3_600_000 });
    await phone.pass(10);
    state.isDown = false;
    await phone.until(lading.retry(ids[0] ?? ''));
    await phone.pass(10);
    expect(shows(lading.view(ids[0] ?? ''))).toBe('uploaded');
  });
});

describe('what a remote says of one file', () => {
  it('holds no other: refusals, conflicts and locks are answers (contract 4.6)', async () => {
    const faults: readonly Fault[] = [
      { ok: false, class: 'terminal', code: 'too_large' },
      { ok: false, class: 'retryable', code: 'locked' },
      { ok: false, class: 'retryable', code: 'conflict' },
      { ok: false, class: 'mismatch', code: 'checksum_mismatch' },
      { ok: false, class: 'retryable', code: 'source_unreadable' },
    ];
    let nth = 0;
    const phone = world({
      script: ({ objectKey }) =>
        good.has(objectKey.split('/')[1] ?? '')
          ? undefined
          : { fault: faults[nth++ % faults.length] as Fault },
    });
    const good = new Set<string>();
    const lading = await phone.open();
    const bad = await captureMany(phone, lading, 24, owner('item.images', 'a'));
    await phone.pass(10);
    expect(all(lading, bad).has(REMOTE_RESTS)).toBe(false);
    const id = lading.newMediaId();
    good.add(id);
    await phone.until(lading.capture(picture('good'), image(undefined, { id })));
    await phone.pass(10);
    expect(shows(lading.view(id))).toBe('uploaded');
  });
});

describe('an upload that was stopped', () => {
  it('takes no room, also when it does not heed its stop before it has a slot', async () => {
    const phone = world();
    let hanging = 0;
    const blobs = {
      ...phone.blobs,
      async *open(...asked: Parameters<World['blobs']['open']>) {
        if (hanging++ < 3) await new Promise<never>(() => {});
        yield* phone.blobs.open(...asked);
      },
    };
    const lading = await phone.open({ blobs });
    const ids = await captureMany(phone, lading, 5);
    await phone.pass(10);
    const stuck = phone
      .rows("SELECT media_id FROM lading_job WHERE situation = 'uploading'")
      .map((row) => String(row['media_id']));
    expect([stuck.length, hanging]).toEqual([3, 3]);
    for (const id of stuck) await phone.until(lading.remove(id, owner()));
    await phone.pass(10);
    const others = ids.filter((id) => !stuck.includes(id));
    expect(others.map((id) => shows(lading.view(id)))).toEqual(['uploaded', 'uploaded']);
  });
});
