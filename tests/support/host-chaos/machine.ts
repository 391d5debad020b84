import { assign, fromPromise, setup } from 'xstate';
import { createStepper } from '../../../machines/durable/stepper.ts';

/** A small life with all that a host keeps durable: services, retries, timers, an action, a way out at any time. */
const life = setup({
  types: {
    context: {} as { tries: number; name: string },
    events: {} as { type: 'go' } | { type: 'cancel' },
    input: {} as { name: string },
  },
  actors: {
    work: fromPromise<{ ok: boolean }, { name: string; tries: number }>(() => Promise.reject()),
    clean: fromPromise<{ ok: boolean }, { name: string }>(() => Promise.reject()),
  },
  delays: { backoff: 15, pause: 10 },
  guards: {
    isOk: ({ event }) => (event as { output?: { ok?: boolean } }).output?.ok === true,
    isSpent: ({ context }) => context.tries >= 2,
  },
  actions: { burn: assign({ tries: ({ context }) => context.tries + 1 }), tell: () => {} },
}).createMachine({
  id: 'life',
  context: ({ input }) => ({ tries: 0, name: input.name }),
  initial: 'idle',
  on: { cancel: { target: '.cleaning' } },
  states: {
    idle: { on: { go: 'working' } },
    working: {
      id: 'life_working',
      invoke: {
        id: 'work',
        src: 'work',
        input: ({ context }) => ({ name: context.name, tries: context.tries }),
        onDone: [
          { guard: 'isOk', target: 'resting', actions: 'tell' },
          { guard: 'isSpent', target: 'cleaning' },
          { target: 'waiting', actions: 'burn' },
        ],
        onError: { target: 'cleaning' },
      },
    },
    waiting: { id: 'life_waiting', after: { backoff: 'working' } },
    resting: { id: 'life_resting', after: { pause: 'cleaning' } },
    cleaning: {
      id: 'life_cleaning',
      invoke: {
        id: 'clean',
        src: 'clean',
        input: ({ context }) => ({ name: context.name }),
        onDone: 'done',
        onError: { target: 'cleaning', reenter: true },
      },
    },
    done: { type: 'final', entry: 'tell' },
  },
});

export const lifeMachine = {
  id: 'life',
  format: '1',
  stepper: createStepper(life),
  services: {},
} as const;

export const STREAMS = ['ok', 'cancel', 'bad'] as const;
