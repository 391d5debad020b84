import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isLeftBehind } from '../../ports/closing.ts';
import { virtualClock } from '../../testing/world/virtual-clock.ts';
import { courier, device, hosted, manual, mortal, stream } from '../support/host-world.ts';
import { inFolder } from '../support/store-world.ts';

const a = stream('a');

/** Two processes with connections of their own to one file, in one virtual time. */
async function two(run: (one: Side, other: Side) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const file = join(folder, 'shared.db');
    const clock = virtualClock();
    const sides = [side(file, clock), side(file, clock)] as const;
    await run(sides[0], sides[1]);
    for (const { phone } of sides) await phone.until(phone.store.close());
  });
}

function side(file: string, clock: ReturnType<typeof virtualClock>) {
  const phone = device(file, { clock });
  const carry = manual();
  const store = mortal(phone.store);
  const machine = hosted('courier', courier, { services: { carry } });
  return { phone, carry, store, open: () => phone.open([machine], { store }) };
}
type Side = ReturnType<typeof side>;

describe('two runners on one database (contract 4.3)', () => {
  it('run no service twice while both live, however often both look (field case 23)', () =>
    two(async (one, other) => {
      const [first, second] = [await one.open(), await other.open()];
      await one.phone.until(first.create(a, 'courier', {}));
      await one.phone.until(first.send(a, { type: 'go' }));
      for (let round = 0; round < 20; round++) {
        second.wake();
        first.wake();
        await one.phone.clock.advanceBy(10_000);
      }
      expect([one.carry.calls.length, other.carry.calls.length]).toEqual([1, 0]);
      one.carry.calls[0]?.resolve({ ok: true, id: 'x' });
      await one.phone.quiet();
      expect(second.state(a)).toMatchObject({ value: 'resting', version: 3 });
      await one.phone.until(Promise.all([first.close(), second.close()]));
    }));

  it('both step one stream, each on what the other committed', () =>
    two(async (one, other) => {
      const [first, second] = [await one.open(), await other.open()];
      await one.phone.until(first.create(a, 'courier', {}));
      for (let round = 0; round < 10; round++) {
        await one.phone.until(
          Promise.all([first.send(a, { type: 'note' }), second.send(a, { type: 'note' })]),
        );
      }
      expect(first.state(a)).toMatchObject({ version: 21, context: { notes: 20 } });
      expect(second.state(a)).toEqual(first.state(a));
      await one.phone.until(Promise.all([first.close(), second.close()]));
    }));

  it('take over from one another when a lease ran out, and mark the run as a repetition', () =>
    two(async (one, other) => {
      const first = await one.open();
      await one.phone.until(first.create(a, 'courier', {}));
      await one.phone.until(first.send(a, { type: 'go' }));
      one.store.kill();
      const second = await other.open();
      await one.phone.clock.advanceBy(9_000);
      expect(other.carry.calls).toHaveLength(0);
      await one.phone.clock.advanceBy(12_000);
      expect(other.carry.calls.map(({ run }) => [run.idempotencyKey, run.rerun])).toEqual([
        ['a:carry:2', true],
      ]);
      other.carry.calls[0]?.resolve({ ok: true, id: 'second' });
      await one.phone.quiet();
      expect(second.state(a)?.context['result']).toBe('second');
      await one.phone.until(second.close());
    }));

  it('an idle runner that takes up work just as the other finds its lease run out keeps it', () =>
    two(async (one, other) => {
      const { clock } = one.phone;
      const [first, second] = [await one.open(), await other.open()];
      await one.phone.until(first.create(a, 'courier', {}));
      await one.phone.until(first.send(a, { type: 'go' }));
      one.carry.calls[0]?.resolve({ ok: true, id: 'x' });
      await one.phone.quiet();
      // Before the heartbeats of that moment: the other one reads the old lease, and commits after the new one.
      clock.schedule(15_000, () => void first.send(a, { type: 'again' }));
      await clock.advanceBy(15_000);
      expect(one.carry.calls).toHaveLength(2);
      expect(other.carry.calls, 'runs taken from one who lives').toHaveLength(0);
      one.carry.calls[1]?.resolve({ ok: true, id: 'again' });
      await one.phone.quiet();
      expect(second.state(a)?.context['result']).toBe('again');
      await one.phone.until(Promise.all([first.close(), second.close()]));
    }));

  it('a runner that was stopped (SIGSTOP) and wakes up can not commit its result, and stops its run', () =>
    two(async (one, other) => {
      const first = await one.open();
      await one.phone.until(first.create(a, 'courier', {}));
      await one.phone.until(first.send(a, { type: 'go' }));
      // The first process stands still: its lease runs out unrenewed, and the second one takes over.
      one.phone.handle.exec('DELETE FROM lading_runner');
      const second = await other.open();
      await one.phone.quiet();
      expect(other.carry.calls).toHaveLength(1);
      const before = second.state(a)?.version;
      await one.phone.until(
        one.carry.calls[0]?.run.send({ type: 'note' }).catch(() => {}) ?? Promise.resolve(),
      );
      one.carry.calls[0]?.resolve({ ok: true, id: 'stale' });
      await one.phone.clock.advanceBy(6_000);
      expect(second.state(a)).toMatchObject({ value: 'carrying', version: before });
      // What it handed to others is the other one's now.
      expect(one.carry.calls[0]?.run.signal).toSatisfy(isLeftBehind);
      expect(first.running).toBe(0);
      other.carry.calls[0]?.resolve({ ok: true, id: 'fresh' });
      await one.phone.quiet();
      expect(first.state(a)?.context['result']).toBe('fresh');
      await one.phone.until(Promise.all([first.close(), second.close()]));
    }));

  it('a runner whose run was taken over finds out at its next tick, even if the service never answers', () =>
    two(async (one, other) => {
      const first = await one.open();
      await one.phone.until(first.create(a, 'courier', {}));
      await one.phone.until(first.send(a, { type: 'go' }));
      one.phone.handle.exec('DELETE FROM lading_runner');
      const second = await other.open();
      await one.phone.clock.advanceBy(6_000);
      expect(one.carry.calls[0]?.run.signal.aborted).toBe(true);
      expect([first.running, second.running]).toEqual([0, 1]);
      await one.phone.until(Promise.all([first.close(), second.close()]));
    }));

  it('a run that another process stopped is stopped at the next tick, not left behind to go on', () =>
    two(async (one, other) => {
      const first = await one.open();
      await one.phone.until(first.create(a, 'courier', {}));
      await one.phone.until(first.send(a, { type: 'go' }));
      const second = await other.open();
      await one.phone.until(second.send(a, { type: 'stop' }));
      await one.phone.clock.advanceBy(6_000);
      const signal = one.carry.calls[0]?.run.signal;
      expect(signal?.aborted).toBe(true);
      expect(signal).not.toSatisfy(isLeftBehind);
      await one.phone.until(Promise.all([first.close(), second.close()]));
    }));

  it('a run that another process stopped and began again is left to it', () =>
    two(async (one, other) => {
      const first = await one.open();
      await one.phone.until(first.create(a, 'courier', {}));
      await one.phone.until(first.send(a, { type: 'go' }));
      const second = await other.open();
      await one.phone.until(second.send(a, { type: 'stop' }));
      await one.phone.until(second.send(a, { type: 'go' }));
      expect(other.carry.calls).toHaveLength(1);
      await one.phone.clock.advanceBy(6_000);
      expect(one.carry.calls[0]?.run.signal).toSatisfy(isLeftBehind);
      await one.phone.until(Promise.all([first.close(), second.close()]));
    }));

  it('a task that a runner holds and does not run is given back by itself', () =>
    two(async (one) => {
      const first = await one.open();
      await one.phone.until(first.create(a, 'courier', {}));
      await one.phone.until(first.send(a, { type: 'go' }));
      await one.phone.until(first.send(a, { type: 'stop' }));
      one.phone.handle
        .prepare(
          `INSERT INTO lading_task VALUES ('a', 'invoke', 'carry', 9, 'courier', 'carry', 'null', 1, 1, 1, ?, NULL)`,
        )
        .run(first.runner);
      await one.phone.clock.advanceBy(6_000);
      expect(one.carry.calls.at(-1)?.run.idempotencyKey).toBe('a:carry:9');
      await one.phone.until(first.close());
    }));

  it('give their lease back when they close, so that nobody waits for it', () =>
    two(async (one, other) => {
      const first = await one.open();
      await one.phone.until(first.create(a, 'courier', {}));
      await one.phone.until(first.send(a, { type: 'go' }));
      await one.phone.until(first.close());
      expect(one.carry.calls[0]?.run.signal.aborted).toBe(true);
      const second = await other.open();
      await one.phone.quiet();
      expect(other.carry.calls).toHaveLength(1);
      await one.phone.until(second.close());
    }));

  it('do not wait for a dead runner whose lease lies in the future since the clock went back (field case 44)', () =>
    two(async (one, other) => {
      const first = await one.open();
      await one.phone.until(first.create(a, 'courier', {}));
      await one.phone.until(first.send(a, { type: 'go' }));
      one.store.kill();
      one.phone.clock.jump(-24 * 3_600_000);
      const second = await other.open();
      await one.phone.clock.advanceBy(40_000);
      expect(other.carry.calls).toHaveLength(1);
      await one.phone.until(second.close());
    }));

  it('and a living runner keeps its lease when the clock goes back', () =>
    two(async (one, other) => {
      const [first, second] = [await one.open(), await other.open()];
      await one.phone.until(first.create(a, 'courier', {}));
      await one.phone.until(first.send(a, { type: 'go' }));
      one.phone.clock.jump(-24 * 3_600_000);
      await one.phone.clock.advanceBy(120_000);
      expect([one.carry.calls.length, other.carry.calls.length]).toEqual([1, 0]);
      await one.phone.until(Promise.all([first.close(), second.close()]));
    }));
});

describe('closing', () => {
  it('does not wait for ever for a service that heeds no signal', async () => {
    const phone = device();
    const deaf = { run: () => new Promise<never>(() => {}) };
    const host = await phone.open([hosted('courier', courier, { services: { carry: deaf } })]);
    await phone.until(host.create(a, 'courier', {}));
    await phone.until(host.send(a, { type: 'go' }));
    await phone.until(Promise.all([host.close(), host.close()]));
    expect(phone.rows('SELECT runner FROM lading_task')).toEqual([{ runner: null }]);
    expect(phone.rows('SELECT * FROM lading_runner')).toEqual([]);
    await expect(host.send(a, { type: 'note' })).rejects.toMatchObject({ code: 'closed' });
  });

  it('at any moment of a life leaves a log that goes on where it stood', async () => {
    for (let turns = 0; turns < 25; turns++) {
      const phone = device();
      const carry = { run: () => Promise.resolve({ ok: true, id: 'x' }) };
      const machine = hosted('courier', courier, { services: { carry } });
      const host = await phone.open([machine]);
      const sent = Promise.allSettled([
        host.create(a, 'courier', {}, 'k0'),
        host.send(a, { type: 'go' }, 'k1'),
      ]);
      for (let turn = 0; turn < turns % 5; turn++) await Promise.resolve();
      for (let turn = 0; turn < Math.floor(turns / 5); turn++) await phone.clock.runNext();
      await phone.until(host.close());
      await phone.until(sent);
      const next = await phone.open([machine]);
      await phone.until(next.create(a, 'courier', {}, 'k0'));
      await phone.until(next.send(a, { type: 'go' }, 'k1'));
      await phone.quiet();
      await phone.quiet();
      expect(next.state(a)).toMatchObject({ value: 'resting', version: 3 });
      await phone.until(next.close());
    }
  });
});
