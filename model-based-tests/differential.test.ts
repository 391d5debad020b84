import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { type AnyStateMachine, createActor, fromPromise, SimulatedClock } from 'xstate';
import { courier, device, hosted, manual, stream } from '../tests/support/host-world.ts';
import { buildMachine, EVENTS, type MachinePlan, machinePlan } from './support/random-machine.ts';

/** `LADING_FUZZ_RUNS=5000` for a long run; a failure prints its seed and the shrunken machine and steps. */
const RUNS = Number(process.env['LADING_FUZZ_RUNS'] ?? 120);

type Move =
  | { readonly type: 'send'; readonly event: string }
  | { readonly type: 'settle'; readonly pick: number; readonly how: 'ok' | 'failed' | 'crashed' }
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'restart' };

const move = (events: readonly string[]): fc.Arbitrary<Move> =>
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        type: fc.constant('send' as const),
        event: fc.constantFrom(...events),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        type: fc.constant('settle' as const),
        pick: fc.nat(5),
        how: fc.constantFrom('ok' as const, 'failed' as const, 'crashed' as const),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        type: fc.constant('wait' as const),
        ms: fc.integer({ min: 1, max: 12 }),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ type: 'restart' as const }) },
  );

interface Seen {
  readonly value: unknown;
  readonly context: unknown;
  readonly status: string;
  readonly timers: number;
  readonly running: readonly string[];
}

interface Side {
  seen(): Seen;
  send(event: string): Promise<void>;
  settle(name: string, how: 'ok' | 'failed' | 'crashed'): Promise<void>;
  /** One millisecond. */
  tick(): Promise<void>;
  restart(): Promise<void>;
  end(): Promise<void>;
}

/** XState itself: a live actor on its own simulated clock. A restart means nothing to it. */
function reference(machine: AnyStateMachine, src: string): Side {
  const clock = new SimulatedClock();
  const running = new Map<string, { resolve(output: unknown): void; reject(error: Error): void }>();
  const logic = fromPromise<unknown, unknown>(
    ({ self, signal }) =>
      new Promise((resolve, reject) => {
        const call = { resolve, reject };
        running.set(self.id, call);
        signal.addEventListener('abort', () => {
          if (running.get(self.id) === call) running.delete(self.id);
        });
      }),
  );
  const actor = createActor(machine.provide({ actors: { [src]: logic } }), { clock, input: {} });
  actor.start();
  return {
    seen() {
      const snapshot: unknown = actor.getSnapshot();
      const { value, context, status } = snapshot as Seen;
      const { timeouts } = clock as unknown as { readonly timeouts: ReadonlyMap<unknown, unknown> };
      const timers = status === 'active' ? timeouts.size : 0;
      return { value, context, status, timers, running: [...running.keys()].toSorted() };
    },
    async send(type) {
      if (actor.getSnapshot().status === 'active') actor.send({ type }); // else it only warns
      await turn();
    },
    async settle(name, how) {
      const call = running.get(name);
      running.delete(name);
      if (how === 'crashed') call?.reject(new Error('a bug'));
      else call?.resolve({ ok: how === 'ok' });
      await turn();
    },
    async tick() {
      clock.increment(1);
      await turn();
    },
    restart: () => Promise.resolve(),
    end() {
      actor.stop();
      return Promise.resolve();
    },
  };
}

/** The host on SQLite. A restart throws away all that is in memory. */
async function durable(machine: AnyStateMachine, src: string): Promise<Side> {
  const phone = device();
  const id = stream('a');
  let work = manual({ concurrency: 99 });
  const open = () => phone.open([hosted('m', machine, { services: { [src]: work } })]);
  let host = await open();
  await phone.until(host.create(id, 'm', {}));
  const live = () => work.calls.filter(({ run }) => !run.signal.aborted && !settled.has(run));
  const settled = new WeakSet<object>();
  const nameOf = (key: string): string => key.split(':')[1] as string;
  return {
    seen() {
      const state = host.state(id);
      return {
        value: state?.value,
        context: state?.context,
        status: state?.status ?? 'none',
        timers: phone.store.read((tx) => tx.tasks.of(id)).filter(({ kind }) => kind === 'timer')
          .length,
        running: live()
          .map(({ run }) => nameOf(run.idempotencyKey))
          .toSorted(),
      };
    },
    async send(type) {
      await phone.until(host.send(id, { type }));
      await phone.quiet();
    },
    async settle(name, how) {
      const call = live().find(({ run }) => nameOf(run.idempotencyKey) === name);
      if (call !== undefined) settled.add(call.run);
      if (how === 'crashed') call?.reject(new Error('a bug'));
      else call?.resolve({ ok: how === 'ok' });
      await phone.quiet();
    },
    async tick() {
      await phone.clock.advanceBy(1);
      await phone.quiet();
    },
    async restart() {
      await phone.until(host.close());
      phone.handle.exec('DELETE FROM lading_snapshot');
      work = manual({ concurrency: 99 });
      host = await open();
      await phone.quiet();
      await phone.quiet();
    },
    async end() {
      await phone.until(host.close());
      await phone.until(phone.store.close());
    },
  };
}

async function compare(
  machine: AnyStateMachine,
  src: string,
  moves: readonly Move[],
): Promise<number> {
  const sides = [reference(machine, src), await durable(machine, src)] as const;
  const [model, host] = sides;
  let steps = 0;
  const agree = (after: unknown): void => {
    steps++;
    expect({ after, ...host.seen() }).toEqual({ after, ...model.seen() });
  };
  agree('start');
  for (const one of moves) {
    const { running } = model.seen();
    if (one.type === 'wait') {
      for (let ms = 0; ms < one.ms; ms++) {
        for (const side of sides) await side.tick();
        agree(one);
      }
      continue;
    }
    const name = running[one.type === 'settle' ? one.pick % Math.max(1, running.length) : 0];
    if (one.type === 'settle' && name === undefined) continue;
    for (const side of sides) {
      if (one.type === 'send') await side.send(one.event);
      else if (one.type === 'settle') await side.settle(name as string, one.how);
      else await side.restart();
    }
    agree(one);
  }
  for (const side of sides) await side.end();
  return steps;
}

function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

describe('the host and createActor take the same machine through the same states (design 2)', () => {
  test.prop([machinePlan, fc.array(move(EVENTS), { minLength: 5, maxLength: 40 })], {
    numRuns: RUNS,
    verbose: 1,
  })(
    'random machines, random moves, restarts in between',
    async (plan: MachinePlan, moves) => {
      expect(await compare(buildMachine(plan), 'work', moves)).toBeGreaterThan(0);
    },
    30_000 + RUNS * 500,
  );

  test.prop(
    [fc.array(move(['go', 'stop', 'again', 'note', 'finish']), { minLength: 5, maxLength: 40 })],
    { numRuns: Math.ceil(RUNS / 4) },
  )(
    'a machine written by hand',
    async (moves) => {
      expect(await compare(courier, 'carry', moves)).toBeGreaterThan(0);
    },
    30_000 + RUNS * 500,
  );

  it('notices a difference: a move that only one of them makes', async () => {
    const model = reference(courier, 'carry');
    const host = await durable(courier, 'carry');
    await model.send('go');
    expect(host.seen()).not.toEqual(model.seen());
    await host.end();
  });
});
