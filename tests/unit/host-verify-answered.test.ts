import { verifyStreams } from 'lading/host';
import { expect, it } from 'vitest';
import { assign, fromPromise, setup } from 'xstate';
import { device, hosted, manual, stream } from '../support/host-world.ts';

const counter = setup({
  types: { context: {} as { answers: number } },
  actors: { ask: fromPromise(() => Promise.reject(new Error('never here'))) },
  actions: { count: assign({ answers: ({ context }) => context.answers + 1 }) },
}).createMachine({
  id: 'counter',
  context: { answers: 0 },
  initial: 'asking',
  states: {
    asking: {
      id: 'counter_asking',
      invoke: { id: 'ask', src: 'ask', onDone: { actions: 'count' }, onError: 'broken' },
    },
    broken: {},
  },
});

it('verify knows that an answer settles its service, also where the state is not left', async () => {
  const world = device();
  const ask = manual();
  const machine = hosted('counter', counter, { services: { ask } });
  const host = await world.open([machine]);
  await world.until(host.create(stream('one'), 'counter', {}));
  await world.quiet();
  ask.calls[0]?.resolve({ ok: true });
  await world.quiet();
  expect(host.state(stream('one'))?.context).toEqual({ answers: 1 });
  expect(world.rows('SELECT name FROM lading_task')).toEqual([]);
  const { differences } = await verifyStreams(world.store, [machine]);
  expect(differences).toEqual([]);
});
