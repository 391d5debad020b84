import * as fc from 'fast-check';
import type { StreamId } from 'lading/host';
import type { AttachmentCommand } from '../../machines/attachment/events.ts';
import { casesOf, commandTypes } from './cases.ts';
import { passTime } from './engine.ts';
import { agree, anyStream, command, hasStreams, pick, type WalkCommand } from './walk-steps.ts';
import { refVerbs } from './walk-verbs.ts';
import { attempt, catchUp, owners, restart } from './walk-world.ts';

/** Events that concern one stream only; those of refs come from the verbs. */
const direct = commandTypes.filter(
  (type) => !type.startsWith('ref.') && type !== 'cancelled' && type !== 'remote.located',
);
const events = fc
  .record({
    n: anyStream,
    type: fc.constantFrom(...direct, ...Array<'upload.started'>(8).fill('upload.started')),
  })
  .map(({ n, type }) =>
    command({
      name: `${type} for ${n}`,
      check: hasStreams,
      async run(model, world) {
        const id = pick(model, n);
        const [event] = casesOf(type, { owners }) as readonly AttachmentCommand[];
        const accepts = model.streams.get(id)?.accepts(event as AttachmentCommand, {
          at: world.on.clock.now(),
          jitter: 0.5,
        });
        await attempt(world, world.engine.host.send(id as string as StreamId, event as never));
        const news = await catchUp(model, world);
        agree(
          news.map((one) => `${one.stream} ${one.type}`),
          accepts === true ? [`${id} ${type}`] : [],
        );
      },
    }),
  );

const answers = fc
  .record({ n: fc.nat({ max: 9 }), answer: fc.nat({ max: 7 }) })
  .map(({ n, answer }) =>
    command({
      name: `service call ${n} answers by ${answer}`,
      check: ({ streams }) =>
        [...streams.values()].some(({ tasks }) => tasks.some(({ kind }) => kind === 'invoke')),
      async run(model, world) {
        const { live } = world.engine;
        const call = live[n % live.length];
        if (call === undefined) return; // a timer stopped it just now
        const cases = casesOf(`xstate.done.actor.${call.service}`, { owners });
        const chosen = cases[answer % (cases.length + 1)];
        if (chosen === undefined) call.reject(new TypeError('a bug'));
        else call.resolve((chosen as { readonly output: unknown }).output);
        const [first, ...rest] = await catchUp(model, world);
        agree(first?.payload['service'], call.service, 'the answer is an event');
        agree(rest, [], 'nothing else happens');
      },
    }),
  );

const waits = fc.constant(null).map(() =>
  command({
    name: 'wait for the next timer',
    check: ({ streams }) =>
      [...streams.values()].some(({ tasks }) => tasks.some(({ kind }) => kind === 'timer')),
    async run(model, world) {
      const { clock } = world.on;
      const due = [...model.streams.values()].flatMap(({ tasks }) =>
        tasks.filter(({ kind }) => kind === 'timer').map(({ dueAt }) => dueAt),
      );
      if (due.length === 0) return; // it was due just now
      const soonest = Math.min(...due);
      await passTime(clock, clock.elapsedMs + soonest - clock.now());
      const news = await catchUp(model, world);
      agree(news.length > 0, true, 'what was due has fired');
      const fired = news.filter(({ type, at }) => type.endsWith('.elapsed') && at === soonest);
      agree(fired, news, 'and nothing else has');
    },
  }),
);

const restarts = fc.constantFrom('close', 'kill').map((how) =>
  command({
    name: `${how} the app and start it again`,
    async run(model, world) {
      await restart(world, how);
      agree(await catchUp(model, world), [], 'a restart writes no events');
    },
  }),
);

/** Random walks over several attachments and two owners. */
export function walks(maxCommands: number): fc.Arbitrary<Iterable<WalkCommand>> {
  return fc.commands(
    [
      ...refVerbs,
      ...Array<typeof events>(7).fill(events),
      ...Array<typeof answers>(7).fill(answers),
      ...Array<typeof waits>(3).fill(waits),
      ...Array<typeof restarts>(2).fill(restarts),
    ],
    { maxCommands, size: 'max' },
  );
}
