import { describe, expect, it } from 'vitest';
import { courier, device, hosted, manual, stream } from '../support/host-world.ts';

const a = stream('a');

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
});
