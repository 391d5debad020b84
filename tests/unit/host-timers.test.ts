import { openSqliteEventStore } from 'lading/sqlite/node';
import { describe, expect, it } from 'vitest';
import { failingDatabase, SQLITE } from '../support/failing-database.ts';
import { courier, device, hosted, manual, stream } from '../support/host-world.ts';

const a = stream('a');
const DAY_MS = 24 * 3_600_000;

async function waiting(phone = device()) {
  const carry = manual();
  const machine = hosted('courier', courier, { services: { carry } });
  const host = await phone.open([machine]);
  await phone.until(host.create(a, 'courier', {}));
  await phone.until(host.send(a, { type: 'go' }));
  carry.calls[0]?.resolve({ ok: false });
  await phone.quiet();
  expect(host.state(a)?.value).toBe('waiting');
  return { phone, host, carry, machine };
}

describe('a durable timer', () => {
  it('fires at event time plus delay, not before', async () => {
    const { phone, host, carry } = await waiting();
    await phone.clock.advanceBy(1_999);
    expect(host.state(a)?.value).toBe('waiting');
    await phone.clock.advanceBy(1);
    await phone.quiet();
    expect(host.state(a)?.value).toBe('carrying');
    expect(host.history(a).at(-1)).toMatchObject({
      type: 'backoff.elapsed',
      payload: { delay: 'backoff', state: 'courier_waiting' },
    });
    expect(carry.calls[1]?.input).toEqual({ tries: 1 });
    await phone.until(host.close());
  });

  it('that fell due while nothing ran fires at the next start (field case 67)', async () => {
    const { phone, host, machine } = await waiting();
    await phone.until(host.close());
    await phone.clock.advanceBy(DAY_MS);
    const next = await phone.open([machine]);
    await phone.quiet();
    expect(next.state(a)?.value).toBe('carrying');
    await phone.until(next.close());
  });

  it('of 30 days is not cut short by the longest delay that JavaScript knows', async () => {
    const { phone, host, carry } = await waiting();
    await phone.clock.advanceBy(2_000);
    await phone.quiet();
    carry.calls[1]?.resolve({ ok: true, id: 'x' });
    await phone.quiet();
    await phone.until(host.close());
    const slow = await phone.open([hosted('courier', courier)], { lease: { leaseMs: DAY_MS } });
    await phone.clock.advanceBy(30 * DAY_MS - 1_000);
    expect(slow.state(a)?.value).toBe('resting');
    await phone.clock.advanceBy(2_000);
    await phone.quiet();
    expect(slow.state(a)).toMatchObject({ value: 'done', status: 'done' });
    await phone.until(slow.close());
  });

  it('that is cancelled in the commit before it fires does nothing', async () => {
    const { phone, host } = await waiting();
    await phone.clock.advanceBy(1_999);
    const stopped = host.send(a, { type: 'stop' });
    await phone.clock.advanceBy(1);
    await phone.until(stopped);
    await phone.clock.advanceBy(10_000);
    expect(host.state(a)).toMatchObject({ value: 'idle', version: 4 });
    expect(phone.rows('SELECT * FROM lading_task')).toEqual([]);
    await phone.until(host.close());
  });

  it('and an event that race for one state are decided by the log, once', async () => {
    const { phone, host } = await waiting();
    await phone.clock.advanceTo((phone.clock.nextDueMs() ?? 0) + 1_990);
    for (;;) {
      if (!(await phone.clock.runNext())) break;
      if (phone.rows("SELECT 1 FROM lading_task WHERE kind = 'timer'").length === 0) break;
      if (phone.clock.elapsedMs >= 2_000) break;
    }
    const stop = host.send(a, { type: 'stop' });
    await phone.until(stop);
    await phone.quiet();
    const types = host.history(a).map(({ type }) => type);
    expect(types.filter((type) => type === 'backoff.elapsed').length).toBeLessThanOrEqual(1);
    expect(types.at(-1)).toBe('stop');
    expect(host.state(a)?.value).toBe('idle');
    expect(phone.rows('SELECT * FROM lading_task')).toEqual([]);
    await phone.until(host.close());
  });

  it('of 2 s is not delayed past its delay by a clock that goes back (contract 4.5, field case 44)', async () => {
    const { phone, host } = await waiting();
    await phone.clock.advanceBy(1_000);
    phone.clock.jump(-3_600_000);
    await phone.until(host.create(stream('b'), 'courier', {})); // other work arms again meanwhile
    await phone.clock.advanceBy(999);
    expect(host.state(a)?.value).toBe('waiting');
    await phone.clock.advanceBy(2);
    await phone.quiet();
    expect(host.state(a)?.value).toBe('carrying');
    await phone.until(host.close());
  });

  it('begun before a restart waits its delay and no longer when the clock went back', async () => {
    const { phone, host, machine } = await waiting();
    await phone.until(host.close());
    phone.clock.jump(-30 * DAY_MS);
    const next = await phone.open([machine]);
    await phone.clock.advanceBy(1_990);
    expect(next.state(a)?.value).toBe('waiting');
    await phone.clock.advanceBy(20);
    expect(next.state(a)?.value).toBe('carrying');
    await phone.until(next.close());
  });

  it('of 30 days ends after 30 days, also by a clock that went back by a year in the middle (field case 44)', async () => {
    const { phone, host, carry } = await waiting();
    await phone.clock.advanceBy(2_000);
    await phone.quiet();
    carry.calls[1]?.resolve({ ok: true, id: 'x' });
    await phone.quiet();
    await phone.until(host.close());
    const slow = await phone.open([hosted('courier', courier)], { lease: { leaseMs: DAY_MS } });
    await phone.clock.advanceBy(10 * DAY_MS);
    phone.clock.jump(-365 * DAY_MS);
    await phone.clock.advanceBy(19 * DAY_MS);
    expect(slow.state(a)?.value).toBe('resting');
    await phone.clock.advanceBy(DAY_MS + DAY_MS / 2);
    expect(slow.state(a)?.value).toBe('done');
    await phone.until(slow.close());
  });

  it('of 30 days begun before a restart waits no longer than its delay when the clock went back', async () => {
    const { phone, host, carry } = await waiting();
    await phone.clock.advanceBy(2_000);
    await phone.quiet();
    carry.calls[1]?.resolve({ ok: true, id: 'x' });
    await phone.quiet();
    await phone.until(host.close());
    phone.clock.jump(-365 * DAY_MS);
    const slow = await phone.open([hosted('courier', courier)], { lease: { leaseMs: DAY_MS } });
    await phone.clock.advanceBy(30 * DAY_MS + 1_000);
    expect(slow.state(a)?.value).toBe('done');
    await phone.until(slow.close());
  });

  it('fires soon after a clock that went ahead, and the replay is the same', async () => {
    const { phone, host } = await waiting();
    phone.clock.jump(40 * DAY_MS);
    await phone.clock.advanceBy(6_000);
    expect(host.state(a)?.value).toBe('carrying');
    const live = host.state(a);
    await phone.until(host.close());
    phone.handle.exec('DELETE FROM lading_snapshot');
    const next = await phone.open([hosted('courier', courier)]);
    expect(next.state(a)).toEqual(live);
    await phone.until(next.close());
  });

  it('short ones are not held up by many long ones when the clock went back', async () => {
    const phone = device();
    const carry = manual();
    const machine = hosted('courier', courier, { services: { carry } });
    const host = await phone.open([machine]);
    const long = Array.from({ length: 150 }, (_, index) => stream(`long${index}`));
    for (const id of long) {
      await phone.until(host.create(id, 'courier', {}));
      await phone.until(host.send(id, { type: 'go' }));
      carry.calls.at(-1)?.resolve({ ok: true, id: 'x' });
      await phone.quiet();
    }
    await phone.until(host.create(a, 'courier', {}));
    await phone.until(host.send(a, { type: 'go' }));
    carry.calls.at(-1)?.resolve({ ok: false });
    await phone.quiet();
    await phone.until(host.close());
    phone.clock.jump(-365 * DAY_MS);
    const next = await phone.open([machine]);
    await phone.clock.advanceBy(2_100);
    expect(next.state(a)?.value).toBe('carrying');
    await phone.until(next.close());
  });

  it('that a failing disk keeps from being stored is not set aside, and fires when the disk is well', async () => {
    const { phone, host, machine } = await waiting();
    await phone.until(host.close());
    let isIll = false;
    const database = failingDatabase(phone.database, (_access, sql) =>
      isIll && sql.startsWith('INSERT INTO lading_event') ? SQLITE.io() : undefined,
    );
    const next = await phone.open([machine], {
      store: openSqliteEventStore(database, phone.clock),
    });
    isIll = true;
    await phone.clock.advanceBy(60_000);
    isIll = false;
    await phone.clock.advanceBy(60_000);
    expect(next.state(a)?.value).toBe('carrying');
    await phone.until(next.close());
  });

  it('whose step throws does not stop the others, is set aside, and has another chance at the next start', async () => {
    const phone = device();
    const carry = manual({ concurrency: 99 });
    let broken = true;
    const machine = hosted('courier', courier, {
      services: { carry },
      project(_tx, { event, stream: id }) {
        if (broken && event.type === 'backoff.elapsed' && id.startsWith('bad')) {
          throw new Error('a projection threw');
        }
      },
    });
    const host = await phone.open([machine]);
    const bad = Array.from({ length: 80 }, (_, index) => stream(`bad${index}`));
    const ids = [...bad, stream('good')];
    await phone.until(Promise.all(ids.map((id) => host.create(id, 'courier', {}))));
    await phone.until(Promise.all(ids.map((id) => host.send(id, { type: 'go' }))));
    await phone.quiet();
    expect(carry.calls).toHaveLength(81);
    for (const { resolve } of carry.calls) resolve({ ok: false });
    await phone.clock.advanceBy(4_000);
    expect(host.state(stream('good'))).toMatchObject({ value: 'carrying', context: { tries: 1 } });
    await phone.clock.advanceBy(30_000);
    expect(phone.rows('SELECT count(*) AS n FROM lading_task WHERE buried IS NOT NULL')).toEqual([
      { n: 80 },
    ]);
    await phone.until(host.close());
    broken = false;
    const next = await phone.open([machine]);
    await phone.clock.advanceBy(1_000);
    expect(bad.map((id) => next.state(id)?.value)).toEqual(bad.map(() => 'carrying'));
    await phone.until(next.close());
  });
});
