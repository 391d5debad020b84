/**
 * A machine of your own, kept durable: run it, kill it at any moment, run it again; it goes on where it stood.
 * `npm run build && npx node examples/host/main.ts [FILE]`
 */
import { openHost, type StreamId, systemClock, systemRandom } from 'lading/host';
import { openNodeSqlite, openSqliteEventStore } from 'lading/sqlite/node';
import { hostedInvoice } from './invoice.ts';

const [file = ':memory:'] = process.argv.slice(2);
const clock = systemClock();
const store = openSqliteEventStore(openNodeSqlite(file), clock);
const host = await openHost({
  store,
  clock,
  random: systemRandom,
  machines: [
    hostedInvoice({
      checkFraud: () => Promise.resolve({ ok: true }),
      pay: (_input, run) =>
        Promise.resolve({ ok: true, receipt: `receipt for ${run.idempotencyKey}` }),
      mail: (about) => console.log(`mail: ${about}`),
    }),
  ],
});
host.subscribe((changes) => {
  for (const { stream, event, after } of changes) {
    console.log(`${stream}: ${event.type} -> ${JSON.stringify(after.value)}`);
  }
});

const invoice = 'invoice-2026-001' as StreamId;
await host.create(invoice, 'invoice', { amount: 120 }, 'create'); // durable from here on
await host.send(invoice, { type: 'approved', by: 'anna' }, 'anna');
await host.send(invoice, { type: 'approved', by: 'ben' }, 'ben');
while (host.state(invoice)?.status !== 'done' || host.running > 0) {
  await new Promise((resolve) => setTimeout(resolve, 10));
}
await host.close();
await store.close();
