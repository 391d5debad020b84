import { type StreamId, verifyStreams } from 'lading/host';
import { describe, expect, it } from 'vitest';
import { hostedInvoice } from '../../examples/host/invoice.ts';
import { device, manual, mortal, stream } from '../support/host-world.ts';

const invoice: StreamId = stream('invoice-1');
const DAY_MS = 24 * 3_600_000;
/** Days pass in these tests; a heartbeat every five seconds of them would take long. */
const SLOW = { leaseMs: DAY_MS / 4 };

function office() {
  const phone = device();
  const [checkFraud, pay] = [manual(), manual()];
  const mails: string[] = [];
  const machine = hostedInvoice({
    checkFraud: (input, run) => checkFraud.run(input, run),
    pay: (input, run) => pay.run(input, run),
    mail: (about) => void mails.push(about),
  });
  return { phone, checkFraud, pay, mails, machine };
}

describe('a second, unrelated machine in the same host: an invoice that is approved and paid', () => {
  it('runs its regions side by side, waits for both, pays, and ends with nothing left', async () => {
    const { phone, checkFraud, pay, mails, machine } = office();
    const host = await phone.open([machine]);
    await phone.until(host.create(invoice, 'invoice', { amount: 120 }));
    expect(checkFraud.calls[0]?.input).toEqual({ amount: 120 });
    await phone.until(host.send(invoice, { type: 'approved', by: 'anna' }));
    await phone.until(host.send(invoice, { type: 'approved', by: 'anna' }));
    expect(host.state(invoice)).toMatchObject({
      value: { review: { people: 'waiting', fraud: 'checking' } },
      context: { approvals: ['anna'] },
    });
    await phone.until(host.send(invoice, { type: 'approved', by: 'ben' }));
    checkFraud.calls[0]?.resolve({ ok: true });
    await phone.quiet();
    expect(host.state(invoice)?.value).toBe('paying');
    pay.calls[0]?.resolve({ ok: true, receipt: 'r-1' });
    await phone.quiet();
    expect(host.state(invoice)).toMatchObject({
      value: 'paid',
      status: 'done',
      context: { receipt: 'r-1' },
    });
    expect(mails).toEqual(['paid']);
    expect(phone.rows('SELECT * FROM lading_task')).toEqual([]);
    expect((await verifyStreams(phone.store, [machine])).differences).toEqual([]);
    await phone.until(host.close());
  });

  it('reminds once a day, and goes on where it stood when its process was killed in the middle', async () => {
    const { phone, checkFraud, pay, mails, machine } = office();
    const store = mortal(phone.store);
    const doomed = await phone.open([machine], { store, lease: SLOW });
    await phone.until(doomed.create(invoice, 'invoice', { amount: 120 }));
    await phone.until(doomed.send(invoice, { type: 'approved', by: 'anna' }));
    store.kill();
    const host = await phone.open([machine], {
      lease: { ...SLOW, isGone: () => true },
    });
    await phone.quiet();
    expect(checkFraud.calls.map(({ run }) => [run.idempotencyKey, run.rerun])).toEqual([
      ['invoice-1:fraudCheck:1', false],
      ['invoice-1:fraudCheck:1', true],
    ]);
    await phone.clock.advanceBy(2 * DAY_MS + 3_600_000);
    await phone.quiet();
    expect(mails).toEqual(['reminder', 'reminder']);
    checkFraud.calls[1]?.resolve({ ok: true });
    await phone.until(host.send(invoice, { type: 'approved', by: 'ben' }));
    await phone.quiet();
    pay.calls[0]?.reject(new Error('the bank is away'));
    await phone.quiet();
    expect(host.state(invoice)?.value).toBe('bankAway');
    await phone.clock.advanceBy(60_000);
    await phone.quiet();
    pay.calls[1]?.resolve({ ok: true, receipt: 'r-2' });
    await phone.quiet();
    expect(host.state(invoice)).toMatchObject({ value: 'paid', context: { reminders: 2 } });
    expect((await verifyStreams(phone.store, [machine])).differences).toEqual([]);
    await phone.until(host.close());
  });

  it('is refused by anybody at any time, and what still ran is stopped', async () => {
    const { phone, checkFraud, mails, machine } = office();
    const host = await phone.open([machine], { lease: SLOW });
    await phone.until(host.create(invoice, 'invoice', { amount: 120 }));
    await phone.until(host.send(invoice, { type: 'rejected', by: 'anna' }));
    expect(checkFraud.calls[0]?.run.signal.aborted).toBe(true);
    expect(host.state(invoice)?.value).toBe('refused');
    await phone.quiet();
    expect(mails).toEqual(['refused']);
    await phone.clock.advanceBy(2 * DAY_MS);
    expect(mails).toEqual(['refused']);
    await phone.until(host.close());
  });
});
