import { describe, expect, it } from 'vitest';
import { courier, device, hosted, manual, stream } from '../support/host-world.ts';

const [a, b, c] = [stream('a'), stream('b'), stream('c')];

describe('a service that is stopped before it began', () => {
  it('never runs when the decision that started it took that back', async () => {
    const phone = device();
    const carry = manual();
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    await phone.until(host.create(a, 'courier', {}));
    await phone.until(
      host.transact((work) => {
        work.send(a, { type: 'go' });
        work.send(a, { type: 'stop' });
      }),
    );
    await phone.quiet();
    expect(host.state(a)?.value).toBe('idle');
    expect(carry.calls).toEqual([]);
    expect(phone.rows('SELECT * FROM lading_task')).toEqual([]);
    await phone.until(host.close());
  });

  it('never runs when a decision of the same commit stopped what the pump had just claimed', async () => {
    const phone = device();
    const carry = manual();
    let ready = false;
    const services = { carry: { ...carry, ready: () => ready } };
    const host = await phone.open([hosted('courier', courier, { services })]);
    await phone.until(host.create(a, 'courier', {}));
    await phone.until(host.send(a, { type: 'go' }));
    ready = true;
    host.wake();
    await phone.until(host.send(a, { type: 'stop' }));
    await phone.quiet();
    expect(host.state(a)?.value).toBe('idle');
    expect(carry.calls).toEqual([]);
    await phone.until(host.close());
  });

  it.each([1, 2])('leaves its slot, of %i, to one that waits for it', async (concurrency) => {
    const phone = device();
    const carry = manual({ concurrency });
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    for (const one of [a, b, c]) await phone.until(host.create(one, 'courier', {}));
    if (concurrency === 2) await phone.until(host.send(a, { type: 'go' }));
    // They share a commit: when the last one asks for a slot, the one before it has it.
    await phone.until(
      Promise.all([
        host.transact((work) => {
          work.send(b, { type: 'go' });
          work.send(b, { type: 'stop' });
        }),
        host.send(c, { type: 'go' }),
      ]),
    );
    await phone.quiet();
    expect(carry.calls.at(-1)?.run.stream).toBe(c);
    await phone.until(host.close());
  });

  it('leaves its slot to one that waits for it, also where the pump had claimed it', async () => {
    const phone = device();
    let ready = false;
    const carry = { ...manual({ concurrency: 1 }), ready: () => ready };
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    for (const one of [a, b]) await phone.until(host.create(one, 'courier', {}));
    await phone.until(host.send(a, { type: 'go' }));
    ready = true;
    host.wake();
    await phone.until(Promise.all([host.send(a, { type: 'stop' }), host.send(b, { type: 'go' })]));
    await phone.quiet();
    expect(carry.calls.map(({ run }) => run.stream)).toEqual([b]);
    await phone.until(host.close());
  });
});
