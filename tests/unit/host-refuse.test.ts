import { createStepper } from 'lading/host';
import { describe, expect, it } from 'vitest';
import {
  type AnyStateMachine,
  assign,
  createMachine,
  emit,
  enqueueActions,
  fromPromise,
  raise,
  sendTo,
  setup,
  spawnChild,
} from 'xstate';
import { attachmentMachine } from '../../machines/attachment/machine.ts';
import { courier, device, hosted } from '../support/host-world.ts';

/** Only its type is used. */
const noContext: { at: Date | number } = { at: 0 };
const work = fromPromise(() => Promise.resolve(null));
const base = setup({ actors: { work, child: createMachine({}) }, delays: { pause: 5 } });
type Config = Parameters<typeof base.createMachine>[0];

/** A machine with one state `s` (id `place`) and what is to be refused in it. */
function withState(state: object, root: object = {}): AnyStateMachine {
  const config = { id: 'm', initial: 's', states: { s: { id: 'place', ...state } }, ...root };
  return base.createMachine(config);
}

const sound = { id: 'job', src: 'work', onError: {} };

const refused: readonly (readonly [string, AnyStateMachine, RegExp])[] = [
  [
    'an inline invoke',
    withState({ invoke: { ...sound, src: work } }),
    /inline invoke in state place/,
  ],
  ['an invoke without an id', withState({ invoke: { src: 'work', onError: {} } }), /explicit id/],
  ['an invoke id with a dot', withState({ invoke: { ...sound, id: 'a.b' } }), /explicit id/],
  [
    'an invoke without onError',
    withState({ invoke: { id: 'job', src: 'work' } }),
    /"job" in state place has no onError/,
  ],
  ['an invoke with onSnapshot', withState({ invoke: { ...sound, onSnapshot: {} } }), /onSnapshot/],
  [
    'a child machine',
    withState({ invoke: { ...sound, src: 'child' } }),
    /"child" in state place is a machine/,
  ],
  [
    'an invoke in a state without an id',
    withState({ id: undefined, invoke: sound }),
    /m\.s has an invoke or after/,
  ],
  [
    'an after in a state whose id has a dot',
    withState({ id: 'a.b', after: { pause: {} } }),
    /explicit id/,
  ],
  ['a delay in numbers', withState({ after: { 500: {} } }), /delay 500 in state place/],
  ['a delay with a dot', withState({ after: { 'a.b': {} } }), /delay a\.b/],
  [
    'a delay that is not defined',
    withState({ after: { nowhere: {} } }),
    /"nowhere" in state place is not defined/,
  ],
  ['spawnChild', withState({ entry: spawnChild('work') }), /spawnChild in state place/],
  [
    'sendTo',
    withState({ on: { x: { actions: sendTo('job', { type: 'y' }) } } }),
    /sendTo in state place/,
  ],
  ['emit', withState({ exit: emit({ type: 'y' }) }), /emit in state place/],
  ['a delayed raise', withState({ entry: raise({ type: 'y' }, { delay: 5 }) }), /delayed raise/],
  [
    'enqueueActions',
    withState({ entry: enqueueActions(() => {}) }),
    /enqueueActions in state place/,
  ],
  [
    'an inline action',
    withState({ always: { guard: () => false, actions: () => {} } }),
    /inline action/,
  ],
  [
    "an event with a result's name",
    withState({ invoke: sound, on: { 'job.failed': {} } }),
    /"job\.failed"/,
  ],
  [
    "an event with a timer's name",
    withState({ after: { pause: {} }, on: { 'pause.elapsed': {} } }),
    /"pause\.elapsed"/,
  ],
  ["an event with the creation's name", withState({ on: { 'm.created': {} } }), /"m\.created"/],
  [
    'a context with a Date',
    withState({}, { context: { taken: { at: new Date(0) } } }),
    /context\.taken\.at/,
  ],
  ['a context with a function', withState({}, { context: { run: () => {} } }), /context\.run/],
  [
    'one invoke id in two regions',
    base.createMachine({
      id: 'm',
      type: 'parallel',
      states: { l: { id: 'left', invoke: sound }, r: { id: 'right', invoke: sound } },
    } as Config),
    /left and right may both run an invoke "job"/,
  ],
];

describe('a host refuses at opening what it can not keep durable (design 2)', () => {
  it.each(refused)('%s', async (_what, machine, message) => {
    const phone = device();
    const opened = phone.open([hosted('courier', courier), hosted('m', machine)]);
    await expect(opened).rejects.toMatchObject({
      code: 'machine_refused',
      details: { machine: 'm' },
      message: expect.stringMatching(message),
    });
    // Never half open: nothing waits, nothing was written.
    expect(phone.clock.pending).toBe(0);
    expect(phone.rows('SELECT * FROM lading_runner')).toEqual([]);
  });

  it('all problems at once, and a machine that is registered twice', async () => {
    const phone = device();
    const bad = withState({ invoke: { src: work }, after: { 5: {} } });
    await expect(phone.open([hosted('m', bad)])).rejects.toMatchObject({
      message: expect.stringMatching(/inline invoke.*no onError.*delay 5/s),
    });
    await expect(
      phone.open([hosted('courier', courier), hosted('courier', courier)]),
    ).rejects.toMatchObject({ code: 'machine_refused' });
  });

  it('in a step, what no inspection can see: a context that stops being JSON', async () => {
    const phone = device();
    const late = setup({
      types: { context: noContext },
      actions: { stain: assign({ at: () => new Date(0) }) },
    }).createMachine({ id: 'm', context: { at: 0 }, on: { stain: { actions: 'stain' } } });
    const host = await phone.open([hosted('m', late)]);
    await phone.until(host.create('a' as never, 'm', {}));
    await expect(phone.until(host.send('a' as never, { type: 'stain' }))).rejects.toThrow(
      'context.at is not plain JSON',
    );
    expect(host.state('a' as never)?.version).toBe(1);
    await phone.until(host.close());
  });

  it('and nothing of what is sound: the attachment machine, the same invoke id in states that exclude each other', () => {
    const exclusive = base.createMachine({
      id: 'm',
      initial: 'a',
      states: { a: { id: 'one', invoke: sound }, b: { id: 'two', invoke: sound } },
    } as Config);
    expect(createStepper(exclusive).problems?.('m')).toEqual([]);
    expect(createStepper(courier).problems?.('courier')).toEqual([]);
    expect(createStepper(attachmentMachine).problems?.('attachment')).toEqual([]);
  });
});
