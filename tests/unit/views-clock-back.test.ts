import type { ListItem, LiveView } from 'lading';
import { describe, expect, it } from 'vitest';
import { captureMany, owner, shows, world } from '../support/lading-world.ts';

describe('a clock that went back by days (field case 44)', () => {
  const HOUR_MS = 3_600_000;

  /** One photo that waits two hours since the remote asked for that, and one that was removed. */
  async function waiting() {
    const locked = { ok: false, class: 'retryable', code: 'locked' } as const;
    const phone = world({
      script: ({ operation, nth }) =>
        operation === 'upload' && nth === 1
          ? { fault: { ...locked, retryAfterMs: 2 * HOUR_MS } }
          : undefined,
    });
    const lading = await phone.open();
    const [id = ''] = await captureMany(phone, lading, 1);
    await phone.pass(HOUR_MS / 2);
    return { phone, lading, id };
  }

  it('ends no wait later, and screens name the end that it has', async () => {
    const { phone, lading, id } = await waiting();
    phone.clock.jump(-5 * 24 * HOUR_MS);
    await phone.pass(10_000);
    const { since = 0, until = 0 } = lading.view(id);
    expect(since).toBeLessThan(phone.clock.now());
    const leftMs = until - phone.clock.now();
    expect(Math.abs(leftMs - 1.5 * HOUR_MS)).toBeLessThan(20_000);
    const { waiting: told } = await phone.until(lading.settled());
    expect(told).toMatchObject([{ mediaId: id, waitingFor: 'backoff', until }]);
    expect((await phone.until(lading.explain(id))).until).toBe(until);
    await phone.pass(leftMs - 1_000);
    expect(shows(lading.view(id))).toBe('local_only, waiting for backoff');
    expect(lading.view(id).until).toBe(until);
    await phone.pass(2_000);
    expect(shows(lading.view(id))).toBe('uploaded');
  });

  it('is told to those who watch: what was pushed before names an end that is none any more', async () => {
    const { phone, lading, id } = await waiting();
    const one: LiveView[] = [];
    const lists: (readonly ListItem[])[] = [];
    lading.watch(id, (view) => one.push(view));
    lading.watch(owner(), (items) => lists.push(items));
    const actor = await phone.until(lading.actor(id));
    const shown: unknown[] = [];
    actor.subscribe(({ context }) => shown.push(context.view));
    phone.clock.jump(-5 * 24 * HOUR_MS);
    await phone.pass(10_000);
    const { since, until } = lading.view(id);
    expect(Math.abs((until ?? 0) - phone.clock.now() - 1.5 * HOUR_MS)).toBeLessThan(20_000);
    const now = { waitingFor: 'backoff', since, until };
    expect(one.at(-1)).toMatchObject(now);
    expect(lists.at(-1)?.[0]?.view).toMatchObject(now);
    expect(shown.at(-1)).toMatchObject(now);
    // Once is enough, as long as it does not jump again.
    const told = [one.length, lists.length, shown.length];
    await phone.pass(60_000);
    expect([one.length, lists.length, shown.length]).toEqual(told);
  });

  it('while nothing ran: a start waits the whole delay again, and says so', async () => {
    const { phone, lading, id } = await waiting();
    await phone.until(lading.close());
    phone.clock.jump(-5 * 24 * HOUR_MS);
    const next = await phone.open();
    await phone.pass(1_000);
    const leftMs = (next.view(id).until ?? 0) - phone.clock.now();
    expect(Math.abs(leftMs - 2 * HOUR_MS)).toBeLessThan(20_000);
    await phone.pass(leftMs + 1_000);
    expect(shows(next.view(id))).toBe('uploaded');
  });
});
