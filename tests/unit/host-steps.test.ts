import { describe, expect, it } from 'vitest';
import { courier, device, hosted, manual, stream } from '../support/host-world.ts';

const a = stream('a');

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
});
