import type { SqlDatabase, SqlRow } from '../../ports/sql.ts';
import type { RecoveredTable } from './report.ts';

interface RecoveredApp {
  readonly tables: readonly RecoveredTable[];
  /** Tables, indexes, views and triggers that could not be made, by name: virtual tables are among them. */
  readonly leftOut: readonly string[];
}

const NOTHING: RecoveredApp = { tables: [], leftOut: [] };
/** The damaged file, as `fresh` has it attached. */
export const DAMAGED = 'lading_damaged';
/** Looks at one damaged table: a page has some hundred rows at most, and each damaged one takes a few. */
const MOST_LOOKS = 20_000;
/** Rows of a table without rowid that are copied by one statement. */
const MOST_AT_ONCE = 4096;
const LEAST = -(2n ** 63n);
const MOST = 2n ** 63n - 1n;

/**
 * Copies what can be read of the tables that are not ours into `fresh`, then makes their indexes, views and triggers.
 * What they mean nobody knows here: rows that refer to lost ones stay, and foreign keys are not looked at.
 */
export function copyAppTables(fresh: SqlDatabase): RecoveredApp {
  const schema = readSchema(fresh);
  if (schema === undefined) return NOTHING;
  const tables: RecoveredTable[] = [];
  const leftOut: string[] = [];
  const make = ({ name, sql }: SqlRow): boolean => {
    try {
      fresh.transaction(() => fresh.exec(String(sql)));
      return true;
    } catch {
      leftOut.push(String(name));
      return false;
    }
  };
  for (const row of schema.filter(({ type }) => type === 'table')) {
    if (/^\s*CREATE\s+VIRTUAL\s/i.test(String(row['sql']))) leftOut.push(String(row['name']));
    else if (make(row)) tables.push(copyTable(fresh, String(row['name']), String(row['sql'])));
  }
  // After the rows: a trigger must not fire for them.
  for (const kind of ['index', 'view', 'trigger']) {
    for (const row of schema.filter(({ type }) => type === kind)) make(row);
  }
  return { tables, leftOut };
}

function readSchema(fresh: SqlDatabase): readonly SqlRow[] | undefined {
  try {
    return fresh.all(
      `SELECT type, name, sql FROM ${DAMAGED}.sqlite_master
       WHERE sql IS NOT NULL AND tbl_name NOT LIKE 'lading\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`,
    );
  } catch {
    return undefined;
  }
}

function copyTable(fresh: SqlDatabase, name: string, sql: string): RecoveredTable {
  const columns = columnsOf(fresh, name);
  const isWhole = /WITHOUT\s+ROWID/i.test(sql.slice(sql.lastIndexOf(')')))
    ? copyByKey(fresh, name, columns)
    : copyByRowid(fresh, name, columns);
  const [count] = fresh.all(`SELECT count(*) AS n FROM ${quoted(name)}`);
  return { name, rows: Number(count?.['n'] ?? 0), isWhole };
}

interface Columns {
  readonly list: string;
  /** Of the primary key, in its order. */
  readonly key: readonly string[];
}

/** Of the new table, which is sound; computed ones compute themselves. */
function columnsOf(fresh: SqlDatabase, name: string): Columns {
  const rows = fresh.all(`PRAGMA table_xinfo(${quoted(name)})`);
  const stored = rows.filter(({ hidden }) => hidden === 0);
  const key = rows
    .filter(({ pk }) => Number(pk) > 0)
    .toSorted((a, b) => Number(a['pk']) - Number(b['pk']));
  const [alias] = key;
  const hasAlias = key.length === 1 && /^INTEGER$/i.test(String(alias?.['type']));
  const names = stored.map((row) => quoted(String(row['name'])));
  const isKeyed = hasAlias || /rowid/i.test(names.join());
  return {
    list: [...(isKeyed ? [] : ['rowid']), ...names].join(', '),
    key: key.map((row) => quoted(String(row['name']))),
  };
}

/** Range by range: one that cannot be read is halved, until what is left out are damaged rows alone. */
function copyByRowid(fresh: SqlDatabase, name: string, { list }: Columns): boolean {
  const waiting: (readonly [bigint, bigint])[] = [[LEAST, MOST]];
  let looks = 0;
  let isWhole = true;
  for (let range = waiting.pop(); range !== undefined; range = waiting.pop()) {
    const [from, to] = range;
    looks += 1;
    const read = tryCopy(
      fresh,
      `INSERT OR IGNORE INTO main.${quoted(name)} (${list})
       SELECT ${list} FROM ${DAMAGED}.${quoted(name)} WHERE rowid BETWEEN ${literal(from)} AND ${literal(to)}`,
    );
    if (read) continue;
    if (from === to || looks >= MOST_LOOKS) {
      isWhole = false;
      continue;
    }
    const middle = (from + to) >> 1n;
    waiting.push([middle + 1n, to], [from, middle]);
  }
  return isWhole;
}

/** As many as can be read from the front, then from the back. */
function copyByKey(fresh: SqlDatabase, name: string, { list, key }: Columns): boolean {
  const columns = list.replace('rowid, ', '');
  const source = `SELECT ${columns} FROM ${DAMAGED}.${quoted(name)}`;
  const into = `INSERT OR IGNORE INTO main.${quoted(name)} (${columns})`;
  if (tryCopy(fresh, `${into} ${source}`)) return true;
  for (const order of ['ASC', 'DESC']) {
    const by = key.map((column) => `${column} ${order}`).join(', ');
    let done = 0;
    for (let step = MOST_AT_ONCE; step >= 1; ) {
      const slice = `${source} ORDER BY ${by} LIMIT ${step} OFFSET ${done}`;
      const found = tryCopy(fresh, `${into} ${slice}`) ? countOf(fresh, slice) : undefined;
      if (found === undefined) step = Math.floor(step / 2);
      else if (found < step) break;
      else done += step;
    }
  }
  return false;
}

function countOf(fresh: SqlDatabase, query: string): number {
  return Number(fresh.get(`SELECT count(*) AS n FROM (${query})`)?.['n'] ?? 0);
}

/** A statement that fails takes back what it did. */
function tryCopy(fresh: SqlDatabase, sql: string): boolean {
  try {
    fresh.transaction(() => fresh.exec(sql));
    return true;
  } catch {
    return false;
  }
}

function literal(value: bigint): string {
  return value === LEAST ? '(-9223372036854775807 - 1)' : String(value);
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
