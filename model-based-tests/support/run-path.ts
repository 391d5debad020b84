import { rmSync } from 'node:fs';
import type { Json } from 'lading/host';
import { expect } from 'vitest';
import { verifyStreams } from '../../engine/host/index.ts';
import type { Fields } from '../../engine/lifecycle/fields.ts';
import { ATTACHMENT } from '../../engine/lifecycle/hosted.ts';
import { audited } from '../../engine/lifecycle/verify.ts';
import type { ServiceName } from '../../machines/attachment/events.ts';
import { ownerKey } from '../../machines/attachment/types.ts';
import type { StreamId } from '../../ports/event-store.ts';
import {
  APP_TABLE,
  type BackendMirror,
  backendMirror,
  expectAgreement,
  expectLiveCalls,
  OUTBOX_ROWS,
} from './agreement.ts';
import { type EventCase, inputs, remoteUrl } from './cases.ts';
import {
  type Connection,
  type Device,
  device,
  type Engine,
  type LiveCall,
  type Mutant,
  passTime,
  quiet,
  startEngine,
  until,
} from './engine.ts';
import { type MachinePath, PATH_JITTER, type PathStep } from './paths.ts';
import { type StreamModel, streamModel } from './stream-model.ts';
import type { DefinitionId } from './tracer.ts';

/**
 * What happens between two steps of a path. `steady`: nothing; `closed`: the app ends and starts again; `killed`: the
 * process dies and another one finds its lease orphaned; `overtaken`: another process takes over while the old one
 * still runs, and the old one's services answer late.
 */
export type Course = 'steady' | 'closed' | 'killed' | 'overtaken';

/** The app's own rows follow the refs of these fields. */
export const pathFields: Fields = {
  'transaction.receiptImages': { kinds: ['image'], project: writeAppRow },
  'businessProfile.logo': { kinds: ['image'], single: true, project: writeAppRow },
};

/** One run of one path on the real engine. */
export interface PathRun {
  /** Definitions that the engine itself took. */
  readonly taken: ReadonlySet<DefinitionId>;
}

/**
 * Runs a path on the real engine and real SQLite; after each step, and after each restart, everything that the engine
 * keeps must be what the pure machine says.
 *
 * @param file a path for the database; without it, memory.
 * @throws an assertion error that names the step.
 */
export async function runPath(
  path: MachinePath,
  course: Course,
  options: {
    readonly file?: string;
    readonly connect?: () => Connection;
    readonly mutant?: Mutant;
  } = {},
): Promise<PathRun> {
  const input = inputs[path.input];
  const on = device({ ...options, startAt: input.capturedAt, fields: pathFields });
  const app = on.connect();
  app.database.exec(APP_TABLE);
  app.close();
  const run: Run = {
    on,
    path,
    course,
    stream: input.mediaId as string as StreamId,
    model: streamModel(
      { ...input, at: input.capturedAt, jitter: PATH_JITTER } as never,
      input.capturedAt,
    ),
    mirror: backendMirror(),
    engines: [await startEngine(on, 'engine-0')],
    started: 1,
  };
  try {
    const create = front(run).host.create(run.stream, ATTACHMENT, input as never);
    await until(on.clock, create);
    await quiet(on.clock);
    await check(run, 'created');
    for (const [index, step] of path.steps.entries()) {
      const label = `step ${index + 1}, ${step.event.type}`;
      await take(run, step);
      await check(run, label);
      await restart(run);
      await check(run, `${label}, after it was ${course}`);
    }
    await checkEnd(run);
    return { taken: on.taken };
  } finally {
    on.close();
    if (options.file !== undefined) removeDatabase(options.file);
  }
}

interface Run {
  readonly on: Device;
  readonly path: MachinePath;
  readonly course: Course;
  readonly stream: StreamId;
  readonly model: StreamModel;
  readonly mirror: BackendMirror;
  /** Those that are alive, the newest one last. */
  engines: readonly Engine[];
  started: number;
}

function front({ engines }: Run): Engine {
  return engines.at(-1) as Engine;
}

/** Makes the step happen as the world would, and steps the model. */
async function take(run: Run, { event, at, jitter, ...expected }: PathStep): Promise<void> {
  const { on, stream, model } = run;
  const { clock } = on;
  const startedAt = inputs[run.path.input].capturedAt;
  if (!event.type.startsWith('xstate.after.')) await passTime(clock, at - startedAt);
  else {
    // As far as the engine's own row says, not the path.
    const due = front(run)
      .store.events.read((tx) => tx.tasks.of(stream))
      .find(({ kind, src }) => kind === 'timer' && src === event.type)?.dueAt;
    expect(due, `when ${event.type} is due`).toBe(model.tasks.find(isTimer(event.type))?.dueAt);
    await passTime(clock, Math.max(Number(due), at) - startedAt);
  }
  if (!event.type.startsWith('xstate.')) await sendCommand(run, event);
  else answer(run, event);
  await quiet(clock);
  model.step(event, { at, jitter });
  expect(model.value, 'the path and the model').toEqual(expected.value);
  expect(model.context, 'the path and the model').toEqual(expected.context);
  run.mirror.tell(model, event);
}

const isTimer =
  (type: string) =>
  ({ kind, name }: StreamModel['tasks'][number]): boolean =>
    kind === 'timer' && name === type;

async function sendCommand(run: Run, event: EventCase): Promise<void> {
  const { clock } = run.on;
  const upload = liveCall(run, 'upload');
  // A handle comes from within the run: that way its fence is tried, too.
  const sent: Promise<unknown> =
    event.type === 'upload.opened' && upload !== undefined
      ? upload.run.send(event)
      : front(run).host.send(run.stream, event as never);
  await until(clock, sent);
}

function answer(run: Run, event: EventCase): void {
  const [, kind, name] = /^xstate\.(done|error)\.actor\.(.+)$/.exec(event.type) ?? [];
  if (kind === undefined) return; // a timer: it fired by itself
  const call = liveCall(run, name as ServiceName);
  expect(call, `a call of ${name} that waits for its answer`).toBeDefined();
  if (kind === 'done') call?.resolve((event as { readonly output?: Json }).output);
  else call?.reject(new TypeError('a bug'));
}

function liveCall(run: Run, service: ServiceName): LiveCall | undefined {
  return run.engines.flatMap(({ live }) => live).find((call) => call.service === service);
}

async function check(run: Run, label: string): Promise<void> {
  const { on, stream, model, mirror } = run;
  try {
    for (const engine of run.engines) expectAgreement(engine, stream, model);
    expectLiveCalls(run.engines, stream, model);
    const { store } = front(run);
    const { usage, outbox } = store.events.read((tx) => ({
      usage: store.tables.usage(tx, model.context.accountId),
      outbox: tx.sql.all(OUTBOX_ROWS),
    }));
    const isHere = model.context.bytes;
    const isEvictable = model.accepts(
      { type: 'evict.requested' },
      { at: on.clock.now(), jitter: PATH_JITTER },
    );
    expect(usage, 'the usage').toEqual({
      bytes: isHere ? model.context.media.byteSize : 0,
      blobs: isHere ? 1 : 0,
      evictableBytes: isEvictable ? model.context.media.byteSize : 0,
    });
    mirror.catchUp(outbox);
    mirror.expectAgreement([model]);
    expect(on.errors, 'what the engine reported').toEqual([]);
  } catch (error) {
    if (error instanceof Error) error.message = `${label}: ${error.message}\n  in ${run.path.name}`;
    throw error;
  }
}

async function restart(run: Run): Promise<void> {
  const { on, course } = run;
  if (course === 'steady') return;
  const old = front(run);
  const name = `engine-${run.started++}`;
  if (course === 'closed') await old.close();
  if (course === 'killed') old.kill();
  if (course === 'overtaken') {
    for (const engine of run.engines.slice(0, -1)) engine.kill();
    on.gone.add(`engine-${run.started - 2}`);
  }
  const next = await startEngine(on, name);
  await quiet(on.clock);
  const isRepeat = next.live.every(({ run: lent }) => lent.rerun);
  expect(isRepeat, 'restart: a repeated run is told so').toBe(true);
  run.engines = course === 'overtaken' ? [old, next] : [next];
  if (course === 'overtaken') {
    for (const call of [...old.live, ...old.stopped]) call.resolve(lateAnswers[call.service]);
    await quiet(on.clock);
  }
}

/** The log alone gives the same state; and the engine's own judge finds nothing. */
async function checkEnd(run: Run): Promise<void> {
  const { on } = run;
  const { store, machine } = front(run);
  const { differences } = await until(
    on.clock,
    verifyStreams(store.events, [audited(machine, store.tables)]),
  );
  expect(differences, 'verify').toEqual([]);
  for (const engine of run.engines) engine.kill();
  const hand = on.connect();
  hand.database.run('DELETE FROM lading_snapshot');
  hand.close();
  run.engines = [await startEngine(on, 'engine-after')];
  await quiet(on.clock);
  await check(run, 'from the log alone');
}

/** What a service finds whose run no longer stands: success, the most tempting answer. */
const lateAnswers: Readonly<Record<ServiceName, Json>> = {
  upload: { ok: true, receipt: { url: `${remoteUrl}?late`, token: 'late', byteSize: 3 } },
  attach: { ok: true, url: `${remoteUrl}?late` },
  removeRemote: { ok: true },
  evict: { ok: true },
  download: { ok: true, blobKey: 'blobs/01/late.bin' },
  purge: { ok: true },
};

function writeAppRow(
  ...[tx, owner, refs]: Parameters<NonNullable<Fields[string]['project']>>
): void {
  tx.run(
    `INSERT INTO app_owner (owner_key, refs) VALUES (?, ?)
     ON CONFLICT (owner_key) DO UPDATE SET refs = excluded.refs`,
    ownerKey(owner),
    JSON.stringify(refs),
  );
}

function removeDatabase(file: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
}
