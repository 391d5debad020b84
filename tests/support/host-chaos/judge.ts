import { copyFileSync, existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { foldStep } from '../../../engine/host/snapshots.ts';
import { taskOf } from '../../../engine/host/task-fold.ts';
import { verifyStreams } from '../../../engine/host/verify.ts';
import type { Snapshot } from '../../../machines/durable/stepper.ts';
import { openNodeSqlite, openSqliteEventStore } from '../../../persistence/drivers/node-sqlite.ts';
import { systemClock } from '../../../ports/clock.ts';
import type { EventStore, StreamId } from '../../../ports/event-store.ts';
import { lifeMachine, STREAMS } from './machine.ts';

/** What processes said before they died, in order. */
export interface Told {
  readonly acks: readonly { readonly stream: string; readonly key: string }[];
  /** Idempotency keys of what was done to the world. */
  readonly effects: readonly string[];
}

export function readTold(lines: readonly string[]): Told {
  const words = lines.map((line) => line.split(' '));
  return {
    acks: words.flatMap(([kind, stream = '', key = '']) =>
      kind === 'ack' ? [{ stream, key }] : [],
    ),
    effects: words.flatMap(([kind, key = '']) => (kind === 'effect' ? [key] : [])),
  };
}

/** Looks at a copy of the dead process's files, as they lie there; returns what is wrong. */
export async function judge(file: string, told: Told, ended: boolean): Promise<readonly string[]> {
  if (!existsSync(file)) return told.acks.length > 0 ? ['acknowledged, and there is no file'] : [];
  const copy = `${file}.copy`;
  for (const suffix of ['', '-wal']) {
    if (existsSync(file + suffix)) copyFileSync(file + suffix, copy + suffix);
  }
  const raw = new DatabaseSync(copy);
  const integrity = raw.prepare('PRAGMA integrity_check').get()?.['integrity_check'];
  raw.close();
  const store = openSqliteEventStore(openNodeSqlite(copy), systemClock());
  const { differences } = await verifyStreams(store, [lifeMachine]);
  const wrong = [
    ...(integrity === 'ok' ? [] : [`integrity: ${String(integrity)}`]),
    ...differences.map(({ stream, kind, message }) => `${stream}: ${kind}: ${message}`),
    ...compare(store, told),
    ...(ended ? leftovers(store, told) : []),
  ];
  await store.close();
  return wrong;
}

function compare(store: EventStore, told: Told): readonly string[] {
  const asked = new Set(STREAMS.flatMap((name) => askedFor(store, name)));
  return [
    ...told.acks
      .filter(({ stream, key }) => !store.read((tx) => tx.log.hasKey(stream as StreamId, key)))
      .map(({ stream, key }) => `${stream}: ${key} was acknowledged and is lost`),
    ...told.effects.filter((key) => !asked.has(key)).map((key) => `${key} was done, nobody asked`),
  ];
}

function leftovers(store: EventStore, told: Told): readonly string[] {
  return STREAMS.flatMap((name) => {
    const [head, tasks] = store.read((tx) => [
      tx.log.head(name as StreamId),
      tx.tasks.of(name as StreamId),
    ]);
    return [
      ...(head?.status === 'done' ? [] : [`${name} did not end`]),
      ...tasks.map((task) => `${name}: task ${task.name} is left`),
      ...askedFor(store, name)
        .filter((key) => /:\d+\.\d+:/.test(key) && !told.effects.includes(key))
        .map((key) => `action ${key} was never done`),
    ];
  });
}

/** Idempotency keys of all effects that a stream's log asked for. */
function askedFor(store: EventStore, name: string): readonly string[] {
  const stream = name as StreamId;
  let state: Snapshot | undefined;
  return store
    .read((tx) => tx.log.read(stream))
    .flatMap((event) => {
      const step = foldStep(lifeMachine, state, event);
      state = step.snapshot;
      const place = { stream, machine: 'life', version: event.version, at: event.at };
      return step.effects.flatMap((effect, index) => {
        if (effect.type === 'stop' || effect.type === 'cancel') return [];
        const task = taskOf(place, effect, index);
        return [`${stream}:${task.name}:${task.run}`];
      });
    });
}
