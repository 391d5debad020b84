import { LadingError, type StoredEvent, type StreamId } from 'lading/host';
import { memoryBlobs } from 'lading/testing';
import { expect } from 'vitest';
import { createGuardrails } from '../../engine/guardrails/guardrails.ts';
import { say } from '../../engine/guardrails/sentences.ts';
import { type CaptureParts, captureAll } from '../../engine/lifecycle/capture.ts';
import { type Commands, createCommands } from '../../engine/lifecycle/commands.ts';
import { createFieldRegistry, type Fields } from '../../engine/lifecycle/fields.ts';
import type { UndoToken } from '../../engine/lifecycle/undo-token.ts';
import { isEvictableNow } from '../../machines/attachment/facts.ts';
import { refOf } from '../../machines/attachment/ref-of.ts';
import {
  type AttachmentInput,
  type AttachmentKind,
  type MediaId,
  type Owner,
  ownerKey,
} from '../../machines/attachment/types.ts';
import { toMachineEvent } from '../../machines/durable/event-names.ts';
import { onDemand, preload } from '../../on-demand.ts';
import { blobKey } from '../../ports/blob-store.ts';
import { silentLogger } from '../../ports/logger.ts';
import { present } from '../../ports/part.ts';
import { bytesSource } from '../../ports/source.ts';
import { sampleJpeg, samplePdf } from '../../testing/sample-files/index.ts';
import { createFiles } from '../../verbs/files.ts';
import {
  APP_TABLE,
  type BackendMirror,
  backendMirror,
  expectAgreement,
  expectLiveCalls,
  OUTBOX_ROWS,
} from './agreement.ts';
import { logoOwner, receiptOwner } from './cases.ts';
import {
  type Device,
  device,
  type Engine,
  type Mutant,
  passTime,
  quiet,
  startEngine,
  until,
} from './engine.ts';
import { ListModel, type Removal } from './list-model.ts';
import { pathFields } from './run-path.ts';
import { type StreamModel, streamModel } from './stream-model.ts';

/** A list of at most three, and a single field. */
const rules = [
  { owner: receiptOwner, maxCount: 3, single: false },
  { owner: logoOwner, maxCount: 1, single: true },
];
export const owners: readonly Owner[] = rules.map(({ owner }) => owner);
const policy = { maxAttempts: 2, patienceMs: 3_600_000 };
const fields: Fields = {
  'transaction.receiptImages': {
    ...pathFields['transaction.receiptImages'],
    kinds: ['image', 'pdf'],
    maxCount: 3,
    policy,
  },
  'businessProfile.logo': {
    ...pathFields['businessProfile.logo'],
    kinds: ['image'],
    single: true,
    policy: { ...policy, dropLocalAtOnce: true },
  },
};
const ACCOUNT = receiptOwner.scope.accountId;

/** The pure machine of each stream, and the owners' lists. */
export interface WalkModel {
  readonly streams: Map<MediaId, StreamModel>;
  readonly lists: ListModel;
  readonly removals: { readonly removal: Removal; readonly token: UndoToken }[];
}

/** The engine with its verbs, on a device that outlives it. */
export interface WalkWorld {
  readonly on: Device;
  engine: Engine;
  commands: Commands;
  parts: CaptureParts;
  readonly mirror: BackendMirror;
  processes: number;
  captures: number;
  /** Events up to this position are in the model. */
  position: number;
}

export function newModel(): WalkModel {
  return { streams: new Map(), lists: new ListModel(rules), removals: [] };
}

export async function newWorld(mutant: Mutant = {}): Promise<WalkWorld> {
  await preload();
  const on = device({ fields, mutant });
  on.connect().database.exec(APP_TABLE);
  const engine = await startEngine(on, 'engine-0');
  const parts = verbParts(on, engine);
  return {
    on,
    engine,
    parts,
    commands: createCommands(parts),
    mirror: backendMirror(),
    processes: 1,
    captures: 0,
    position: 0,
  };
}

function verbParts(on: Device, engine: Engine): CaptureParts {
  let made = 0;
  const blobs = memoryBlobs();
  const files = createFiles({
    ...engine.store,
    accountId: ACCOUNT,
    clock: on.clock,
    logger: silentLogger,
    blobs,
    host: () => engine.host,
    shortBytes: () => 0,
  });
  return {
    host: engine.host,
    files: present(files),
    events: engine.store.events,
    tables: engine.store.tables,
    blobs,
    fields: createFieldRegistry(on.fields),
    accountId: ACCOUNT,
    clock: on.clock,
    say,
    guardrails: createGuardrails({
      reservations: onDemand.reservations,
      ...engine.store,
      accountId: ACCOUNT,
      clock: on.clock,
      logger: silentLogger,
      say,
      isOnline: () => true,
      freeRoom: (...asked) => files.cache.freeRoom(...asked),
    }),
    ending: new AbortController().signal,
    intake: onDemand.intake,
    newMediaId: () => {
      throw new Error('the walk gives every id');
    },
    newBlobKey: (accountId) => blobKey(accountId, `blob-${engine.host.runner}-${made++}`),
  };
}

export async function restart(world: WalkWorld, how: 'close' | 'kill'): Promise<void> {
  if (how === 'close') await world.engine.close();
  else world.engine.kill();
  world.engine = await startEngine(world.on, `engine-${world.processes++}`);
  world.parts = verbParts(world.on, world.engine);
  world.commands = createCommands(world.parts);
  await quiet(world.on.clock);
}

/** The next id; they sort in the order they were made. */
export function nextId(world: WalkWorld): MediaId {
  const number = String(++world.captures).padStart(4, '0');
  return `018f5d9e-2222-7000-8000-00000000${number}` as MediaId;
}

export function fileOf(kind: AttachmentKind, id: MediaId) {
  const bytes = kind === 'pdf' ? samplePdf(id) : sampleJpeg({ body: id });
  return { source: bytesSource(bytes, { filename: 'walk' }), kind, id };
}

export function capture(
  world: WalkWorld,
  kind: AttachmentKind,
  id: MediaId,
  owner: Owner,
  draft: boolean,
): Promise<unknown> {
  return captureAll(world.parts, [fileOf(kind, id)], { owner, draft });
}

/** Runs a verb; its result, or the code of what it refused. */
export async function attempt<T>(
  world: WalkWorld,
  verb: Promise<T>,
): Promise<{ readonly value: T | undefined; readonly refusal: string | null }> {
  try {
    return { value: await until(world.on.clock, verb), refusal: null };
  } catch (error) {
    if (error instanceof LadingError) return { value: undefined, refusal: error.code };
    throw error;
  }
}

/** Lets ten milliseconds pass, so that no two commands happen at one moment. */
export async function tick(world: WalkWorld): Promise<void> {
  await passTime(world.on.clock, world.on.clock.elapsedMs + 10);
}

/** Steps the pure machines by what the log has gained; returns it. */
export async function catchUp(model: WalkModel, world: WalkWorld): Promise<readonly StoredEvent[]> {
  await quiet(world.on.clock);
  const news = world.engine.store.events.read((tx) =>
    tx.log
      .streams('', 1_000)
      .flatMap((stream) => tx.log.read(stream, model.streams.get(asMedia(stream))?.version ?? 0)),
  );
  for (const event of news.toSorted((a, b) => a.position - b.position)) {
    expect(event.position, 'positions only grow').toBeGreaterThan(world.position);
    world.position = event.position;
    const id = asMedia(event.stream);
    const { at, jitter } = event;
    const known = model.streams.get(id);
    if (known === undefined) {
      const input = event.payload['input'] as unknown as AttachmentInput;
      model.streams.set(id, streamModel({ ...input, at, jitter } as AttachmentInput, at));
      model.lists.kinds.set(id, input.media.kind);
    } else {
      known.step(toMachineEvent(event.type, event.payload, { at, jitter }), { at, jitter });
    }
  }
  return news;
}

/** Everything that must be true after every command, whatever it was. */
export function expectSoundness(model: WalkModel, world: WalkWorld): void {
  const { engine, on } = world;
  for (const [id, stream] of model.streams) {
    expectAgreement(engine, id as string as StreamId, stream);
    expectLiveCalls([engine], id as string as StreamId, stream);
    const overdue = stream.tasks.filter(
      ({ kind, dueAt }) => kind === 'timer' && dueAt < on.clock.now(),
    );
    expect(overdue, 'no timer is overdue').toEqual([]);
  }
  const { tables, events } = engine.store;
  for (const { rules: field, ids, primary } of model.lists.lists.values()) {
    const key = ownerKey(field.owner);
    const { rows, app } = events.read((tx) => ({
      rows: tables.refsOfOwner(tx, key),
      app: tx.sql.get('SELECT refs FROM app_owner WHERE owner_key = ?', key)?.['refs'],
    }));
    expect(
      rows.map(({ mediaId }) => mediaId),
      'the order of the list',
    ).toEqual(ids);
    const primaries = rows.filter(({ isPrimary }) => isPrimary).map(({ mediaId }) => mediaId);
    expect(primaries, 'the primary one').toEqual(primary === null ? [] : [primary]);
    expect(rows.length, 'the maximum count').toBeLessThanOrEqual(field.maxCount);
    const wanted = rows.map(({ mediaId, isPrimary }) => {
      const context = model.streams.get(mediaId)?.context;
      return context === undefined ? null : refOf(context, { isPrimary });
    });
    expect(JSON.parse(String(app ?? '[]')), "the app's own row").toEqual(
      JSON.parse(JSON.stringify(wanted)),
    );
  }
  const all = [...model.streams.values()];
  const bytes = all
    .filter(({ context }) => context.bytes)
    .map(({ context }) => context.media.byteSize);
  const { usage, outbox } = events.read((tx) => ({
    usage: tables.usage(tx, ACCOUNT),
    outbox: tx.sql.all(OUTBOX_ROWS),
  }));
  expect(usage, 'the usage').toEqual({
    bytes: bytes.reduce((sum, one) => sum + one, 0),
    blobs: bytes.length,
    evictableBytes: all
      .filter(({ value, context }) => isEvictableNow(value, context))
      .reduce((sum, { context }) => sum + context.media.byteSize, 0),
  });
  world.mirror.catchUp(outbox);
  world.mirror.expectAgreement(all);
  expect(on.errors, 'what the engine reported').toEqual([]);
}

function asMedia(stream: StreamId): MediaId {
  return stream as string as MediaId;
}
