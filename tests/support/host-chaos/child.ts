/**
 * One process that hosts three lives on a file and dies when told: `child.ts FILE [LABEL OCCURRENCE]`. It tells over
 * its standard output what it was promised and what it did to the world, at once, so that the judge outside knows
 * more than the file does.
 */
import { writeSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { openHost, type StreamId, systemClock, systemRandom } from '../../../engine/host/index.ts';
import { openNodeSqlite, openSqliteEventStore } from '../../../persistence/drivers/node-sqlite.ts';
import { lifeMachine, STREAMS } from './machine.ts';

const [file = '', label = '', occurrence = '0'] = process.argv.slice(2);
const seen = new Map<string, number>();

function point(name: string): void {
  const count = (seen.get(name) ?? 0) + 1;
  seen.set(name, count);
  if (name === label && count === Number(occurrence)) process.kill(process.pid, 'SIGKILL');
}

function tell(...words: readonly (string | number)[]): void {
  writeSync(1, `${words.join(' ')}\n`);
}

const clock = systemClock();
const store = openSqliteEventStore(
  openNodeSqlite(file, { beforeCommit: () => point('committing') }),
  clock,
);
const host = await openHost({
  store,
  clock,
  random: systemRandom,
  maxRuns: 1_000,
  crashPoint: point,
  lease: { info: { pid: process.pid }, isGone: ({ pid }) => !isAlive(Number(pid)) },
  machines: [
    {
      ...lifeMachine,
      services: {
        work: {
          async run(input, run) {
            const { name, tries } = input as { readonly name: string; readonly tries: number };
            await wait(4);
            run.signal.throwIfAborted();
            tell('effect', run.idempotencyKey);
            return { ok: name === 'ok' && tries > 0 };
          },
        },
        clean: {
          async run(_input, run) {
            await wait(2);
            tell('effect', run.idempotencyKey);
            return { ok: true };
          },
        },
      },
      actions: {
        tell: (_params, run) => {
          tell('effect', run.idempotencyKey);
          return Promise.resolve();
        },
      },
    },
  ],
});

async function promise(stream: StreamId, key: string, step: Promise<unknown>): Promise<void> {
  await step;
  tell('ack', stream, key);
}

await Promise.all(
  STREAMS.map(async (name) => {
    const stream = name as StreamId;
    await promise(stream, 'create', host.create(stream, 'life', { name }, 'create'));
    if (host.state(stream)?.value === 'idle') {
      await promise(stream, 'go', host.send(stream, { type: 'go' }, 'go'));
    }
    if (name === 'cancel' && host.state(stream)?.value === 'working') {
      const cancelled = await host.send(stream, { type: 'cancel' }, 'cancel');
      if (cancelled.outcome === 'changed') tell('ack', stream, 'cancel');
    }
  }),
);
for (let left = 2_000; left > 0; left--) {
  const isDone = STREAMS.every((name) => host.state(name as StreamId)?.status === 'done');
  if (isDone && host.running === 0) break;
  await wait(3);
}
await host.close();
await store.close();
tell('points', JSON.stringify([...seen]));

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
