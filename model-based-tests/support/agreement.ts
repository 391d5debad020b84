import { expect } from 'vitest';
import { refOf } from '../../machines/attachment/ref-of.ts';
import { ownerKey } from '../../machines/attachment/types.ts';
import type { BackendOp } from '../../ports/backend.ts';
import type { StoreTransaction, StreamId } from '../../ports/event-store.ts';
import type { SqlRow } from '../../ports/sql.ts';
import type { Engine } from './engine.ts';
import type { StreamModel } from './stream-model.ts';

/** Where the tests' own app keeps what its fields are told, by owner key. */
export const APP_TABLE =
  'CREATE TABLE IF NOT EXISTS app_owner (owner_key TEXT PRIMARY KEY, refs TEXT NOT NULL) STRICT';

/** Holds all that an engine keeps of one stream against the pure machine. */
export function expectAgreement(engine: Engine, stream: StreamId, model: StreamModel): void {
  const { host, store } = engine;
  const state = host.state(stream);
  expect(state?.value, 'the state').toEqual(model.value);
  expect(state?.context, 'the context').toEqual(model.context);
  expect(state?.status, 'the status').toBe(model.status);
  expect(state?.version, 'the version').toBe(model.version);
  store.events.read((tx) => {
    expectTasks(tx, stream, model);
    expectLog(tx, stream, model);
    const projected = { value: model.value, context: model.context as never };
    expect(store.tables.compare(tx, stream, projected), 'the projections').toEqual([]);
    expectAppRows(tx, model);
  });
}

/** The services that run, each once, for the version that began it and with its input; nothing else does. */
export function expectLiveCalls(
  engines: readonly Engine[],
  stream: StreamId,
  model: StreamModel,
): void {
  const live = engines
    .flatMap((engine) => engine.live)
    .filter(({ run }) => run.stream === stream)
    .map(({ service, input, run }) => ({ service, input, key: run.idempotencyKey }));
  const expected = model.tasks
    .filter(({ kind }) => kind === 'invoke')
    .map(({ name, run, input }) => ({ service: name, input, key: `${stream}:${name}:${run}` }));
  expect(
    live.toSorted((a, b) => (a.service < b.service ? -1 : 1)),
    'the live service calls',
  ).toEqual(expected);
}

function expectTasks(tx: StoreTransaction, stream: StreamId, model: StreamModel): void {
  const rows = tx.tasks.of(stream).map(({ kind, name, run, dueAt, input, buried }) => ({
    kind,
    name,
    run,
    dueAt,
    input,
    buried: buried ?? null,
  }));
  expect(rows, 'the task rows').toEqual(model.tasks.map((task) => ({ ...task, buried: null })));
}

function expectLog(tx: StoreTransaction, stream: StreamId, model: StreamModel): void {
  const events = tx.log.read(stream);
  expect(
    events.map(({ version, state }) => ({ version, state })),
    'the states in the log',
  ).toEqual(model.values.map((state, index) => ({ version: index + 1, state })));
}

/** Every owner that was ever told of the attachment knows the ref as it is now, or knows that it went. */
function expectAppRows(tx: StoreTransaction, { context }: StreamModel): void {
  const stored = tx.sql
    .all(
      `SELECT a.owner_key, r.value AS ref FROM app_owner AS a, json_each(a.refs) AS r
       WHERE r.value ->> 'mediaId' = ? ORDER BY a.owner_key`,
      context.mediaId,
    )
    .map((row) => ({ owner: row['owner_key'], ref: JSON.parse(String(row['ref'])) as unknown }));
  const expected = context.refs
    .map((entry) => ({ owner: ownerKey(entry.owner), ref: refOf(context, entry) }))
    .toSorted((a, b) => (a.owner < b.owner ? -1 : 1));
  expect(stored, "the app's own rows").toEqual(expected);
}

/** What the backend would hold once every op was delivered, and what it told us itself. */
export interface BackendMirror {
  /** Takes up the ops that were written since the last call. */
  catchUp(rows: readonly SqlRow[]): void;
  /** What the backend knew before us: a delta. */
  tell(model: StreamModel, event: object & { readonly type: string }): void;
  expectAgreement(models: readonly StreamModel[]): void;
}

export const OUTBOX_ROWS = 'SELECT seq, op, created_at, due_at FROM lading_outbox ORDER BY seq';

export function backendMirror(): BackendMirror {
  const refs = new Map<string, unknown>();
  let seen = 0;
  const idOf = (key: string, mediaId: string): string => `${key} ${mediaId}`;

  return {
    catchUp(rows) {
      for (const row of rows) {
        if (Number(row['seq']) <= seen) continue;
        seen = Number(row['seq']);
        const op = JSON.parse(String(row['op'])) as BackendOp;
        const key = ownerKey(op.owner);
        if (op.type === 'ref.put') refs.set(idOf(key, op.ref.mediaId), [op.rank, op.ref]);
        else refs.delete(idOf(key, op.mediaId));
      }
    },
    tell({ context }, event) {
      const { mediaId } = context;
      if (event.type === 'ref.tombstoned') {
        refs.delete(idOf(ownerKey((event as never as { owner: never }).owner), mediaId));
      }
      if (event.type !== 'ref.synced' && event.type !== 'remote.located') return;
      for (const entry of context.refs) {
        refs.set(idOf(entry.key, mediaId), [entry.rank, refOf(context, entry)]);
      }
    },
    expectAgreement(models) {
      const expected = models.flatMap(({ context }) =>
        context.refs.map((entry) => [
          idOf(entry.key, context.mediaId),
          [entry.rank, refOf(context, entry)],
        ]),
      );
      expect(sorted([...refs]), 'what the backend will hold').toEqual(sorted(expected));
    },
  };
}

function sorted(entries: readonly (readonly unknown[])[]): readonly unknown[] {
  return entries.toSorted((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
}
