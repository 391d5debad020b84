import { createStepper, type HostedMachine, type Service } from 'lading/host';
import { assign, fromPromise, setup } from 'xstate';

interface Invoice {
  amount: number;
  approvals: readonly string[];
  receipt: string | null;
  reminders: number;
}

type InvoiceEvent =
  | { type: 'approved'; by: string }
  | { type: 'rejected'; by: string }
  | { type: 'retried' };

const nothing: Invoice = { amount: 0, approvals: [], receipt: null, reminders: 0 };
const anEvent = { type: 'retried' } as InvoiceEvent;

/**
 * An invoice that two people approve while a fraud check runs beside them; then it is paid, and tried again when the
 * bank is away. Nothing in it knows of a database: ids are explicit, delays are named, every invoke has an onError.
 */
const invoiceMachine = setup({
  types: { context: nothing, events: anEvent, input: { amount: 0 } },
  actors: {
    checkFraud: fromPromise<{ ok: boolean }, { amount: number }>(() => Promise.reject()),
    pay: fromPromise<{ ok: boolean; receipt?: string }, { amount: number }>(() => Promise.reject()),
  },
  delays: { reminder: 24 * 3_600_000, bankRetry: 60_000 },
  guards: {
    isOk: ({ event }) => (event as { output?: { ok?: boolean } }).output?.ok === true,
    isSecond: ({ context, event }) =>
      event.type === 'approved' &&
      context.approvals.length === 1 &&
      !context.approvals.includes(event.by),
  },
  actions: {
    approve: assign({
      approvals: ({ context, event }) =>
        event.type === 'approved' && !context.approvals.includes(event.by)
          ? [...context.approvals, event.by]
          : context.approvals,
    }),
    keepReceipt: assign({
      receipt: ({ event }) => (event as { output?: { receipt?: string } }).output?.receipt ?? null,
    }),
    countReminder: assign({ reminders: ({ context }) => context.reminders + 1 }),
    mail: () => {}, // named here, done by the host
  },
}).createMachine({
  id: 'invoice',
  context: ({ input }) => ({ ...nothing, amount: input.amount }),
  initial: 'review',
  states: {
    review: {
      type: 'parallel',
      onDone: 'paying',
      on: { rejected: 'refused' },
      states: {
        people: {
          initial: 'waiting',
          states: {
            waiting: {
              id: 'people_waiting',
              after: {
                reminder: {
                  target: 'waiting',
                  reenter: true,
                  actions: ['countReminder', { type: 'mail', params: { about: 'reminder' } }],
                },
              },
              on: {
                approved: [
                  { guard: 'isSecond', target: 'approved', actions: 'approve' },
                  { actions: 'approve' },
                ],
              },
            },
            approved: { type: 'final' },
          },
        },
        fraud: {
          initial: 'checking',
          states: {
            checking: {
              id: 'fraud_checking',
              invoke: {
                id: 'fraudCheck',
                src: 'checkFraud',
                input: ({ context }) => ({ amount: context.amount }),
                onDone: [{ guard: 'isOk', target: 'clean' }, { target: '#invoice.refused' }],
                onError: { target: '#invoice.refused' },
              },
            },
            clean: { type: 'final' },
          },
        },
      },
    },
    paying: {
      id: 'invoice_paying',
      invoke: {
        id: 'payment',
        src: 'pay',
        input: ({ context }) => ({ amount: context.amount }),
        onDone: [{ guard: 'isOk', target: 'paid', actions: 'keepReceipt' }, { target: 'bankAway' }],
        onError: { target: 'bankAway' },
      },
    },
    bankAway: {
      id: 'invoice_bankAway',
      after: { bankRetry: 'paying' },
      on: { retried: 'paying' },
    },
    paid: { type: 'final', entry: { type: 'mail', params: { about: 'paid' } } },
    refused: { type: 'final', entry: { type: 'mail', params: { about: 'refused' } } },
  },
});

/** The machine with what it does to the world. */
export function hostedInvoice(world: {
  readonly checkFraud: Service['run'];
  readonly pay: Service['run'];
  readonly mail: (about: string, key: string) => void;
}): HostedMachine {
  return {
    id: 'invoice',
    format: '1',
    stepper: createStepper(invoiceMachine),
    services: { checkFraud: { run: world.checkFraud }, pay: { run: world.pay, concurrency: 2 } },
    actions: {
      mail(params, run) {
        world.mail((params as { readonly about: string }).about, run.idempotencyKey);
        return Promise.resolve();
      },
    },
  };
}
