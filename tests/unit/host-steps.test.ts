import { describe, expect, it } from 'vitest';
import { courier, device, hosted, manual, stream } from '../support/host-world.ts';

const a = stream('a');
const b = stream('b');

describe('a step of the host', () => {
  it('starts a service only after the commit that asked for it (contract 9.3)', async () => {
    const phone = device();
    const carry = manual();
    const seenAtStart: unknown[] = [];
    const host = await phone.open([
      hosted('courier', courier, {
        services: {
          carry: {
            run: (input, run) => {
              seenAtStart.push({
                inTransaction: phone.handle.isTransaction,
                events: phone.rows('SELECT type FROM lading_event').map(({ type }) => type),
                tasks: phone.rows('SELECT name, run FROM lading_task'),
              });
              return carry.run(input, run);
            },
          },
        },
      }),
    ]);
    await phone.until(host.create(a, 'courier', {}));
    const sent = await phone.until(host.send(a, { type: 'go' }));
    expect(sent).toMatchObject({ outcome: 'changed', version: 2, state: { value: 'carrying' } });
    expect(seenAtStart).toEqual([
      {
        inTransaction: false,
        events: ['courier.created', 'go'],
        tasks: [{ name: 'carry', run: 2 }],
      },
    ]);
    expect(carry.calls[0]?.run.idempotencyKey).toBe('a:carry:2');
    expect(carry.calls[0]?.run.rerun).toBe(false);
    carry.calls[0]?.resolve({ ok: true, id: 'r1' });
    await phone.quiet();
    expect(host.state(a)).toMatchObject({
      value: 'resting',
      context: { result: 'r1' },
      version: 3,
    });
    expect(host.history(a).map(({ type }) => type)).toEqual([
      'courier.created',
      'go',
      'carry.succeeded',
    ]);
    await phone.until(host.close());
  });

  it('that throws in a guard, projection or beforeCommit leaves nothing, and other streams go on (contract 4.6)', async () => {
    const phone = device();
    let broken = '';
    const host = await phone.open([
      hosted('courier', courier, {
        services: { carry: manual() },
        project(_tx, change) {
          if (broken === 'project' && change.stream === a) throw new Error('a projection threw');
        },
        beforeCommit(_tx, changes) {
          if (broken === 'beforeCommit' && changes.some(({ stream: id }) => id === a)) {
            throw new Error('beforeCommit threw');
          }
        },
      }),
    ]);
    await phone.until(Promise.all([host.create(a, 'courier', {}), host.create(b, 'courier', {})]));
    for (const where of ['guard', 'project', 'beforeCommit']) {
      broken = where;
      const type = where === 'guard' ? 'break' : 'note';
      const results = await phone.until(
        Promise.allSettled([host.send(a, { type }), host.send(b, { type: 'note' })]),
      );
      expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
      expect(results[0]).toMatchObject({ reason: { message: expect.stringContaining('threw') } });
    }
    expect(host.state(a)).toMatchObject({ version: 1, context: { notes: 0 } });
    expect(host.state(b)).toMatchObject({ version: 4, context: { notes: 3 } });
    broken = '';
    await phone.until(host.send(a, { type: 'note' }));
    expect(host.state(a)).toMatchObject({ version: 2, context: { notes: 1 } });
    await phone.until(host.close());
  });

  it('is not undone by a subscriber that throws, and the other subscribers hear of it', async () => {
    const phone = device();
    const host = await phone.open([hosted('courier', courier)]);
    const heard: number[] = [];
    host.subscribe(() => {
      throw new Error('a view broke');
    });
    host.subscribe((changes) => heard.push(...changes.map(({ version }) => version)));
    await phone.until(host.create(a, 'courier', {}));
    await phone.until(host.send(a, { type: 'note' }));
    expect(heard).toEqual([1, 2]);
    expect(phone.logged.map(({ message }) => message)).toContain('a subscriber threw');
    await phone.until(host.close());
  });

  it('of several streams happens for all or for none', async () => {
    const phone = device();
    phone.handle.exec('CREATE TABLE app (id TEXT)');
    const host = await phone.open([hosted('courier', courier)]);
    await phone.until(Promise.all([host.create(a, 'courier', {}), host.create(b, 'courier', {})]));
    const failed = phone.until(
      host.transact((work) => {
        work.tx.sql.run("INSERT INTO app VALUES ('x')");
        work.send(a, { type: 'note' });
        work.send(b, { type: 'note' });
        expect(work.peek(a)?.context['notes']).toBe(1);
        throw new Error('changed my mind');
      }),
    );
    await expect(failed).rejects.toThrow('changed my mind');
    expect([host.state(a)?.version, host.state(b)?.version]).toEqual([1, 1]);
    expect(phone.rows('SELECT * FROM app')).toEqual([]);
    await phone.until(
      host.transact((work) => {
        work.tx.sql.run("INSERT INTO app VALUES ('x')");
        work.send(a, { type: 'note' });
        work.send(b, { type: 'note' });
      }),
    );
    expect([host.state(a)?.version, host.state(b)?.version]).toEqual([2, 2]);
    expect(phone.rows('SELECT * FROM app')).toHaveLength(1);
    await phone.until(host.close());
  });

  it('that failed half written can not be made durable by catching its error', async () => {
    const phone = device();
    const host = await phone.open([
      hosted('courier', courier, {
        project(_tx, { event }) {
          if (event.type === 'note') throw new Error('a projection threw');
        },
      }),
    ]);
    await phone.until(host.create(a, 'courier', {}));
    const hidden = phone.until(
      host.transact((work) => {
        try {
          work.send(a, { type: 'note' });
        } catch {
          // the app does not care
        }
      }),
    );
    await expect(hidden).rejects.toThrow('a projection threw');
    expect(host.history(a)).toHaveLength(1);
    await phone.until(host.close());
  });

  it('can not be added to a decision that is over', async () => {
    const phone = device();
    const host = await phone.open([hosted('courier', courier)]);
    await phone.until(host.create(a, 'courier', {}));
    const kept = await phone.until(host.transact((work) => ({ work })));
    expect(() => kept.work.send(a, { type: 'note' })).toThrow('the decision is over');
    expect(host.history(a)).toHaveLength(1);
    await phone.until(host.close());
  });

  it('with a key that the stream has seen happens once, creation included (contract 4.2)', async () => {
    const phone = device();
    const host = await phone.open([hosted('courier', courier)]);
    const first = await phone.until(host.create(a, 'courier', {}, 'k0'));
    expect(first.outcome).toBe('changed');
    expect((await phone.until(host.create(a, 'courier', {}, 'k0'))).outcome).toBe('ignored');
    await expect(phone.until(host.create(a, 'courier', {}, 'k9'))).rejects.toMatchObject({
      code: 'stream_exists',
    });
    const sent = await phone.until(
      Promise.all(['k1', 'k1', 'k2'].map((key) => host.send(a, { type: 'note' }, key))),
    );
    expect(sent.map(({ outcome }) => outcome)).toEqual(['changed', 'ignored', 'changed']);
    expect(host.state(a)?.context['notes']).toBe(2);
    await phone.until(host.close());
  });

  it('that the state does not handle is not logged', async () => {
    const phone = device();
    const host = await phone.open([hosted('courier', courier)]);
    await phone.until(host.create(a, 'courier', {}));
    expect((await phone.until(host.send(a, { type: 'stop' }))).outcome).toBe('ignored');
    expect((await phone.until(host.send(a, { type: 'no such event' }))).outcome).toBe('ignored');
    await expect(phone.until(host.send(b, { type: 'go' }))).rejects.toMatchObject({
      code: 'not_found',
    });
    expect(host.history(a)).toHaveLength(1);
    await phone.until(host.close());
  });

  it('may not forge what services and timers bring', async () => {
    const phone = device();
    const host = await phone.open([hosted('courier', courier, { services: { carry: manual() } })]);
    await phone.until(host.create(a, 'courier', {}));
    await phone.until(host.send(a, { type: 'go' }));
    const forged = [
      { type: 'carry.succeeded', service: 'carry', output: { ok: true, id: 'forged' } },
      { type: 'xstate.done.actor.carry', output: { ok: true, id: 'forged' } },
      { type: 'backoff.elapsed', delay: 'backoff', state: 'courier_waiting' },
      { type: '' },
    ];
    for (const event of forged) {
      await expect(phone.until(host.send(a, event))).rejects.toMatchObject({
        code: 'invalid_event',
      });
    }
    expect(host.state(a)?.value).toBe('carrying');
    await phone.until(host.close());
  });

  it('is the same for a live stream and for its replay: payloads are as the log gives them back', async () => {
    const phone = device();
    const carry = manual();
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    await phone.until(host.create(a, 'courier', { tries: undefined as never }));
    await phone.until(host.send(a, { type: 'go', why: undefined }));
    carry.calls[0]?.resolve({ ok: true, id: new Date(0) as never });
    await phone.quiet();
    const live = host.state(a);
    expect(live?.context['result']).toBe('1970-01-01T00:00:00.000Z');
    await phone.until(host.close());
    phone.handle.exec('DELETE FROM lading_snapshot');
    const again = await phone.open([hosted('courier', courier)]);
    expect(again.state(a)).toEqual(live);
    await phone.until(again.close());
  });
});

describe('a commit that fails', () => {
  it('changes no state in memory, starts nothing and tells nobody', async () => {
    let fail = false;
    const phone = device(':memory:', {
      driver: {
        beforeCommit: () => {
          if (fail) throw new Error('the controller is gone');
        },
      },
    });
    const carry = manual();
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    await phone.until(host.create(a, 'courier', {}));
    const heard: string[] = [];
    host.subscribe((changes) => heard.push(...changes.map(({ event }) => event.type)));
    fail = true;
    const results = await phone.until(
      Promise.allSettled([host.send(a, { type: 'go' }), host.create(b, 'courier', {})]),
    );
    expect(results).toMatchObject([
      { reason: { code: 'commit_failed' } },
      { reason: { code: 'commit_failed' } },
    ]);
    expect([carry.calls.length, host.running, heard.length]).toEqual([0, 0, 0]);
    expect(host.state(a)).toMatchObject({ value: 'idle', version: 1 });
    fail = false;
    await phone.until(host.send(a, { type: 'go' }));
    expect(carry.calls).toHaveLength(1);
    expect(heard).toEqual(['go']);
    // The lease of the failed commit was not taken for granted either.
    expect(phone.rows('SELECT runner FROM lading_runner')).toEqual([{ runner: host.runner }]);
    await phone.until(host.close());
  });

  it('is tried again with the same result while the run stands (what a service found is precious)', async () => {
    let fail = false;
    const phone = device(':memory:', {
      driver: {
        beforeCommit: () => {
          if (fail) throw new Error('the controller is gone');
        },
      },
    });
    const carry = manual();
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    await phone.until(host.create(a, 'courier', {}));
    await phone.until(host.send(a, { type: 'go' }));
    fail = true;
    carry.calls[0]?.resolve({ ok: true, id: 'precious' });
    await phone.clock.advanceBy(60_000);
    expect(host.state(a)?.value).toBe('carrying');
    fail = false;
    await phone.clock.advanceBy(120_000);
    expect(host.state(a)).toMatchObject({ value: 'resting', context: { result: 'precious' } });
    expect(carry.calls).toHaveLength(1);
    await phone.until(host.close());
  });
});
