import type { ActionHandler, Service } from 'lading/host';
import { describe, expect, it } from 'vitest';
import { isLeftBehind } from '../../ports/closing.ts';
import { courier, device, hosted, manual, mortal, stream } from '../support/host-world.ts';

const a = stream('a');

describe('a run of a service', () => {
  it('that was stopped is aborted, and its late result is dropped (fence, contract 9.3)', async () => {
    const phone = device();
    const late: ((output: { ok: boolean; id: string }) => void)[] = [];
    const aborted: boolean[] = [];
    const carry: Service = {
      run: (_input, run) =>
        new Promise((resolve) => {
          late.push(resolve); // heeds no signal
          run.signal.addEventListener('abort', () => aborted.push(true));
        }),
    };
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    await phone.until(host.create(a, 'courier', {}));
    await phone.until(host.send(a, { type: 'go' }));
    await phone.until(host.send(a, { type: 'stop' }));
    expect(aborted).toEqual([true]);
    late[0]?.({ ok: true, id: 'late' });
    await phone.quiet();
    expect(host.state(a)).toMatchObject({ value: 'idle', context: { result: null }, version: 3 });
    await phone.until(host.close());
  });

  it('knows whether it was stopped, or left behind by a host that closes (design 5)', async () => {
    const phone = device();
    const left: boolean[] = [];
    const carry: Service = {
      run: (_input, run) =>
        new Promise((_resolve, reject) => {
          run.signal.addEventListener('abort', () => {
            left.push(isLeftBehind(run.signal));
            reject(run.signal.reason as Error);
          });
        }),
    };
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    await phone.until(host.create(a, 'courier', {}));
    await phone.until(host.send(a, { type: 'go' }));
    await phone.until(host.send(a, { type: 'stop' }));
    await phone.until(host.send(a, { type: 'go' }));
    await phone.until(host.close());
    expect(left).toEqual([false, true]);
    expect(isLeftBehind(new AbortController().signal)).toBe(false);
  });

  it('that was stopped is told what of it was dropped, also when it had ended by then; one that was taken is not', async () => {
    const phone = device();
    const ends: (() => void)[] = [];
    const dropped: string[] = [];
    const carry: Service = {
      run: (_input, run) =>
        new Promise((resolve) => {
          const id = `${ends.length + 1}`;
          run.ifDropped(async () => void dropped.push(id));
          ends.push(() => resolve({ ok: true, id }));
        }),
    };
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    await phone.until(host.create(a, 'courier', {}));
    await phone.until(host.send(a, { type: 'go' }));
    await phone.until(host.send(a, { type: 'stop' }));
    ends[0]?.();
    await phone.quiet();
    expect(dropped).toEqual(['1']);
    // The result and the stop at the same time: the stop comes first.
    await phone.until(host.send(a, { type: 'go' }));
    const stopped = host.send(a, { type: 'stop' });
    ends[1]?.();
    await phone.until(stopped);
    await phone.quiet();
    expect(dropped).toHaveLength(2);
    await phone.until(host.send(a, { type: 'go' }));
    ends[2]?.();
    await phone.quiet();
    expect(host.state(a)?.context).toMatchObject({ result: '3' });
    expect(dropped).toHaveLength(2);
    await phone.until(host.close());
  });

  it('that was entered again answers only for itself: the result of the earlier run is dropped', async () => {
    const phone = device();
    const late: ((output: { ok: boolean; id: string }) => void)[] = [];
    const keys: string[] = [];
    const carry: Service = {
      run: (_input, run) => {
        keys.push(run.idempotencyKey);
        return new Promise((resolve) => void late.push(resolve));
      },
    };
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    await phone.until(host.create(a, 'courier', {}));
    await phone.until(host.send(a, { type: 'go' }));
    await phone.until(host.send(a, { type: 'again' }));
    expect(keys).toEqual(['a:carry:2', 'a:carry:3']);
    late[0]?.({ ok: true, id: 'first' });
    await phone.quiet();
    expect(host.state(a)?.value).toBe('carrying');
    late[1]?.({ ok: true, id: 'second' });
    await phone.quiet();
    expect(host.state(a)).toMatchObject({ value: 'resting', context: { result: 'second' } });
    await phone.until(host.close());
  });

  it('may send events while it stands, durable when they resolve, and no longer', async () => {
    const phone = device();
    const carry = manual();
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    await phone.until(host.create(a, 'courier', {}));
    await phone.until(host.send(a, { type: 'go' }));
    const run = carry.calls[0]?.run;
    await phone.until(run?.send({ type: 'note' }) ?? Promise.reject(new Error('no run')));
    expect(host.state(a)?.context['notes']).toBe(1);
    await phone.until(host.send(a, { type: 'stop' }));
    await expect(run?.send({ type: 'note' })).rejects.toMatchObject({ name: 'AbortError' });
    expect(host.state(a)?.context['notes']).toBe(1);
    await phone.until(host.close());
  });

  it('that throws reaches onError, and leaves other streams alone', async () => {
    const phone = device();
    const carry = manual();
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    for (const id of ['a', 'b']) {
      await phone.until(host.create(stream(id), 'courier', {}));
      await phone.until(host.send(stream(id), { type: 'go' }));
    }
    carry.calls[0]?.reject(Object.assign(new Error('a bug'), { code: 'EBUG' }));
    carry.calls[1]?.resolve({ ok: true, id: 'fine' });
    await phone.quiet();
    expect(host.state(a)?.value).toBe('broken');
    expect(host.state(stream('b'))?.value).toBe('resting');
    expect(host.history(a).at(-1)).toMatchObject({
      type: 'carry.crashed',
      payload: { error: { name: 'Error', message: 'a bug', code: 'EBUG' } },
    });
    await phone.until(host.close());
  });

  it('whose result can not be written down is a crash, not a hanging task', async () => {
    const phone = device();
    const carry = manual();
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    await phone.until(host.create(a, 'courier', {}));
    await phone.until(host.send(a, { type: 'go' }));
    carry.calls[0]?.resolve(10n as never);
    await phone.quiet();
    expect(host.state(a)?.value).toBe('broken');
    await phone.until(host.close());
  });

  it('whose result the machine can not take becomes a crash in time, and the others go on (contract 4.6)', async () => {
    const phone = device();
    const carry = manual();
    const host = await phone.open([
      hosted('courier', courier, {
        services: { carry },
        project(_tx, { event, stream: id }) {
          if (id === a && event.type === 'carry.succeeded') throw new Error('a projection threw');
        },
      }),
    ]);
    for (const id of ['a', 'b']) {
      await phone.until(host.create(stream(id), 'courier', {}));
      await phone.until(host.send(stream(id), { type: 'go' }));
    }
    for (const { resolve } of carry.calls) resolve({ ok: true, id: 'x' });
    await phone.quiet();
    expect(host.state(stream('b'))?.value).toBe('resting');
    await phone.clock.advanceBy(60_000);
    expect(host.state(a)?.value).toBe('broken');
    expect(host.history(a).at(-1)?.payload).toMatchObject({ error: { code: 'step_threw' } });
    await phone.until(host.close());
  });

  it('that the machine can not take at all is set aside, and has another chance at the next start (field case 26)', async () => {
    const phone = device();
    const carry = manual();
    let broken = true;
    const machine = hosted('courier', courier, {
      services: { carry },
      project(_tx, { event }) {
        if (broken && event.type.startsWith('carry.')) throw new Error('a projection threw');
      },
    });
    const host = await phone.open([machine]);
    await phone.until(host.create(a, 'courier', {}));
    await phone.until(host.send(a, { type: 'go' }));
    carry.calls[0]?.resolve({ ok: true, id: 'x' });
    await phone.clock.advanceBy(300_000);
    expect(phone.rows('SELECT buried FROM lading_task')).toEqual([
      { buried: 'Error: a projection threw' },
    ]);
    expect(host.running).toBe(0);
    await phone.until(host.close());
    broken = false; // the app was updated
    const next = await phone.open([machine]);
    await phone.quiet();
    expect(carry.calls[1]?.run).toMatchObject({ idempotencyKey: 'a:carry:2', rerun: true });
    carry.calls[1]?.resolve({ ok: true, id: 'y' });
    await phone.quiet();
    expect(next.state(a)?.value).toBe('resting');
    await phone.until(next.close());
  });

  it('waits as a row for its service: not registered, then not ready, then woken', async () => {
    const phone = device();
    const bare = await phone.open([hosted('courier', courier)]);
    await phone.until(bare.create(a, 'courier', {}));
    await phone.until(bare.send(a, { type: 'go' }));
    await phone.clock.advanceBy(60_000);
    expect(bare.state(a)).toMatchObject({ value: 'carrying', version: 2 });
    await phone.until(bare.close());

    let ready = false;
    const carry = manual({ ready: () => ready });
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    await phone.clock.advanceBy(60_000);
    expect(carry.calls).toHaveLength(0);
    expect(phone.rows('SELECT runner, attempts FROM lading_task')).toEqual([
      { runner: null, attempts: 0 },
    ]);
    ready = true;
    host.wake();
    await phone.quiet();
    expect(carry.calls).toHaveLength(1);
    expect(carry.calls[0]?.run.rerun).toBe(false);
    await phone.until(host.close());
  });

  it('counts against the concurrency of its service, however it was claimed', async () => {
    const phone = device();
    const carry = manual({ concurrency: 2 });
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    const ids = ['a', 'b', 'c', 'd', 'e', 'f'].map(stream);
    await phone.until(Promise.all(ids.map((id) => host.create(id, 'courier', {}))));
    await phone.until(Promise.all(ids.map((id) => host.send(id, { type: 'go' }))));
    await phone.quiet();
    expect([carry.calls.length, host.running]).toEqual([2, 2]);
    for (let settled = 0; settled < ids.length; settled++) {
      carry.calls[settled]?.resolve({ ok: true, id: 'x' });
      host.wake();
      await phone.quiet();
      expect(host.running).toBeLessThanOrEqual(2);
      expect(carry.calls.length).toBe(Math.min(ids.length, settled + 3));
    }
    expect(ids.map((id) => host.state(id)?.value)).toEqual(ids.map(() => 'resting'));
    await phone.until(host.close());
  });

  it('is claimed when a slot falls free, by nothing else than that', async () => {
    const phone = device();
    const carry = manual({ concurrency: 2 });
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    const ids = ['a', 'b', 'c', 'd', 'e'].map(stream);
    await phone.until(Promise.all(ids.map((id) => host.create(id, 'courier', {}))));
    await phone.until(Promise.all(ids.map((id) => host.send(id, { type: 'go' }))));
    for (let settled = 0; settled < ids.length; settled++) {
      carry.calls[settled]?.resolve({ ok: true, id: 'x' });
      await phone.quiet();
      expect(carry.calls.length).toBe(Math.min(ids.length, settled + 3));
    }
    await phone.until(host.close());
  });

  it('that ends is told, whatever became of its result', async () => {
    const phone = device();
    const carry = manual();
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    let ended = 0;
    const forget = host.onEnded(() => {
      ended += 1;
    });
    await phone.until(host.create(a, 'courier', {}));
    await phone.until(host.send(a, { type: 'go' }));
    phone.handle.exec("UPDATE lading_task SET runner = 'another'"); // who took over while this one stood still
    carry.calls[0]?.resolve({ ok: true, id: 'x' });
    await phone.quiet();
    expect([host.state(a)?.value, ended]).toEqual(['carrying', 1]);
    forget();
    await phone.until(host.close());
    expect(ended).toBe(1);
  });

  it('is not starved by tasks of another machine with the same names, registered or not', async () => {
    const phone = device();
    const first = await phone.open([hosted('other', courier)]);
    const many = Array.from({ length: 40 }, (_, index) => stream(`o${index}`));
    await phone.until(Promise.all(many.map((id) => first.create(id, 'other', {}))));
    await phone.until(Promise.all(many.map((id) => first.send(id, { type: 'go' }))));
    await phone.until(first.close());
    const second = await phone.open([hosted('courier', courier)]);
    await phone.until(second.create(a, 'courier', {}));
    await phone.until(second.send(a, { type: 'go' }));
    await phone.until(second.close());
    const carry = manual();
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    await phone.quiet();
    expect(carry.calls.map(({ run }) => run.stream)).toEqual(['a']);
    await phone.until(host.close());
  });

  it('that never settles is given up as a dead letter after maxRuns crashes; closing is no crash', async () => {
    const phone = device();
    const machine = (carry: Service) => hosted('courier', courier, { services: { carry } });
    const first = await phone.open([machine(manual())]);
    await phone.until(first.create(a, 'courier', {}));
    await phone.until(first.send(a, { type: 'go' }));
    await phone.until(first.close());
    for (let round = 0; round < 20; round++) {
      const carry = manual();
      const host = await phone.open([machine(carry)], { maxRuns: 3 });
      await phone.quiet();
      expect(carry.calls[0]?.run.rerun).toBe(true);
      await phone.until(host.close());
    }
    let runs = 0;
    for (let round = 0; round < 4; round++) {
      const carry = manual();
      const store = mortal(phone.store);
      await phone.open([machine(carry)], { maxRuns: 3, store });
      await phone.quiet();
      runs += carry.calls.length;
      store.kill();
      await phone.clock.advanceBy(20_000); // its lease runs out
    }
    const last = await phone.open([machine(manual())]);
    expect(runs).toBe(2); // with those that closing ended it is the third and last
    expect(last.state(a)?.value).toBe('broken');
    expect(last.history(a).at(-1)?.payload).toMatchObject({ error: { code: 'dead_letter' } });
    await phone.until(last.close());
  });
});

describe('an action', () => {
  it('is done at least once: a throw is tried again, a kill before it too', async () => {
    const phone = device();
    const carry = manual();
    const told: string[] = [];
    let failures = 2;
    const tell: ActionHandler = (_params, run) => {
      if (failures-- > 0) return Promise.reject(new Error('not now'));
      told.push(`${run.idempotencyKey} ${run.rerun}`);
      return Promise.resolve();
    };
    const machine = hosted('courier', courier, { services: { carry }, actions: { tell } });
    const host = await phone.open([machine]);
    await phone.until(host.create(a, 'courier', {}));
    await phone.until(host.send(a, { type: 'go' }));
    carry.calls[0]?.resolve({ ok: true, id: 'x' });
    await phone.clock.advanceBy(30_000);
    expect(told).toEqual(['a:3.1:3 true']);
    expect(phone.rows("SELECT name FROM lading_task WHERE kind = 'action'")).toEqual([]);
    await phone.until(host.close());
  });

  it('survives the end of its machine and a host that could not do it', async () => {
    const phone = device();
    const carry = manual();
    const bare = await phone.open([hosted('courier', courier, { services: { carry } })]);
    await phone.until(bare.create(a, 'courier', {}));
    await phone.until(bare.send(a, { type: 'go' }));
    carry.calls[0]?.resolve({ ok: true, id: 'x' });
    await phone.quiet();
    await phone.until(bare.send(a, { type: 'finish' }));
    expect(bare.state(a)).toMatchObject({ value: 'done', status: 'done' });
    await phone.until(bare.close());
    let done = 0;
    const tell = (): Promise<void> => {
      done++;
      return Promise.resolve();
    };
    const host = await phone.open([hosted('courier', courier, { actions: { tell } })]);
    await phone.quiet();
    expect(done).toBe(1);
    expect(phone.rows('SELECT * FROM lading_task')).toEqual([]);
    await phone.until(host.close());
  });
});
