import type { SqlDatabase, SqlValue } from '../../ports/sql.ts';
import { openPages, PAGE_SIZES, pageSizeOf } from './pages.ts';
import { type FoundRow, rowsOf } from './records.ts';

/** What of Lading's own tables was found in the pages of a damaged file. */
export interface Salvaged {
  readonly events: number;
  readonly ops: number;
  /** Keys of `lading_meta`. */
  readonly meta: ReadonlyMap<string, string>;
}

const EVENT = `INSERT OR IGNORE INTO lading_event
  (position, stream, version, type, schema_version, at, jitter, payload, state, key)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const OP = `INSERT OR IGNORE INTO lading_outbox
  (seq, op_id, account_id, media_id, owner_key, op, created_at, due_at, attempts)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** A head may be found twice; the newest one counts. */
const HEAD = `INSERT INTO lading_stream (stream, machine, version, status) VALUES (?, ?, ?, ?)
  ON CONFLICT (stream) DO UPDATE SET machine = excluded.machine, version = excluded.version
  WHERE excluded.version > version`;

/**
 * Reads every page of the file, without SQLite, and puts the events, heads and ops that it finds into the tables of `fresh`. A
 * row is taken for one of ours by its shape: so many values, of these types, with JSON where JSON belongs.
 */
export function salvage(file: string, fresh: SqlDatabase): Salvaged {
  const stated = pageSizeOf(file);
  let best: Salvaged = { events: 0, ops: 0, meta: new Map() };
  for (const pageBytes of stated === undefined ? PAGE_SIZES : [stated]) {
    const found = fresh.transaction(() => salvageWith(file, pageBytes, fresh));
    if (found.events + found.ops + found.meta.size === 0) continue;
    best = found;
    break; // a wrong size finds nothing that has the shape of ours
  }
  return best;
}

function salvageWith(file: string, pageBytes: number, fresh: SqlDatabase): Salvaged {
  const pages = openPages(file, pageBytes);
  const meta = new Map<string, string>();
  let events = 0;
  let ops = 0;
  try {
    for (const row of rowsOf(pages)) {
      const { rowid, values } = row;
      if (rowid !== null && isEvent(values)) {
        events += fresh.run(EVENT, rowid, ...values.slice(1));
      } else if (rowid !== null && isOp(values)) {
        ops += fresh.run(OP, rowid, ...values.slice(1));
      } else if (rowid === null && isHead(values)) {
        fresh.run(HEAD, ...values.slice(0, 4));
      } else if (isMeta(row)) {
        meta.set(String(values[0]), String(values[1]));
      }
    }
  } finally {
    pages.close();
  }
  return { events, ops, meta };
}

/** The rowid stands for the first column, which is stored as null. */
function isEvent(values: readonly SqlValue[]): boolean {
  const [position, stream, version, type, schema, at, jitter, payload, state, key] = values;
  return (
    values.length === 10 &&
    position === null &&
    isText(stream) &&
    isCount(version, 1) &&
    isText(type) &&
    isCount(schema, 1) &&
    isCount(at, 0) &&
    typeof jitter === 'number' &&
    typeof json(payload) === 'object' &&
    json(state) !== undefined &&
    (key === null || isText(key))
  );
}

/** Of schema 1 or 2. */
function isHead(values: readonly SqlValue[]): boolean {
  const [stream, machine, version, status] = values;
  return (
    (values.length === 4 || values.length === 6) &&
    isText(stream) &&
    isText(machine) &&
    isCount(version, 1) &&
    (status === 'active' || status === 'done')
  );
}

function isOp(values: readonly SqlValue[]): boolean {
  const [seq, opId, account, media, owner, op, createdAt, dueAt, attempts] = values;
  const what = json(op) as { readonly type?: unknown } | null | undefined;
  return (
    values.length === 9 &&
    seq === null &&
    [opId, account, media, owner].every(isText) &&
    typeof what?.type === 'string' &&
    what.type.startsWith('ref.') &&
    [createdAt, dueAt, attempts].every((value) => isCount(value, 0))
  );
}

/** What of `lading_meta` outlives the file: what seals handles, names of older apps' files, lives of accounts. */
const META = /^(?:schema_version|seal_key|import_salt|account:.+|forget:.+)$/s;

function isMeta({ rowid, values }: FoundRow): boolean {
  const [key, value] = values;
  return (
    rowid === null &&
    values.length === 2 &&
    isText(key) &&
    META.test(String(key)) &&
    typeof value === 'string'
  );
}

function isText(value: SqlValue | undefined): boolean {
  return typeof value === 'string' && value !== '';
}

function isCount(value: SqlValue | undefined, least: number): boolean {
  return Number.isSafeInteger(value) && Number(value) >= least;
}

function json(value: SqlValue | undefined): unknown {
  if (typeof value !== 'string') return undefined;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}
