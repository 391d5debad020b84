import { LadingError } from '../../../ports/errors.ts';
import type { SqlValue } from '../../../ports/sql.ts';
import { type Token, tokensOf } from './tokens.ts';

/**
 * What a statement is to a journal of statements. `write` is carried out again at a replay, and so must do the same
 * there; `counts` tells whether it can leave no trace when it changed no row. `checkpoint` empties the journal.
 */
export type StatementKind =
  | { readonly kind: 'read' }
  | {
      readonly kind: 'write';
      readonly counts: boolean;
      readonly askTime: boolean;
      readonly parameters: number;
    }
  | { readonly kind: 'ignored' }
  | { readonly kind: 'limit'; readonly pages: number }
  | { readonly kind: 'checkpoint' }
  /** How an empty database lays out its pages from then on. */
  | { readonly kind: 'vacuumable' }
  | { readonly kind: 'begin' | 'commit' | 'rollback' }
  | { readonly kind: 'savepoint' | 'release' | 'rollback to'; readonly name: string };

/**
 * Tells the kind of one statement.
 * @throws {LadingError} `sql_refused` when a replay could not do the same, or nothing would keep what it does.
 */
export function kindOf(sql: string): StatementKind {
  const tokens = tokensOf(sql).filter(({ text }) => text !== ';');
  const [first] = tokens;
  switch (first?.quoted === true ? undefined : first?.text) {
    case undefined:
      return { kind: 'read' };
    case 'select':
    case 'values':
    case 'explain':
      return { kind: 'read' };
    case 'with':
      return tokens.some(({ kind, text, quoted }) => kind === 'name' && !quoted && WRITES.has(text))
        ? write(sql, tokens, false)
        : { kind: 'read' };
    case 'update':
    case 'delete':
      return write(sql, tokens, true);
    case 'pragma':
      return pragma(sql, tokens);
    case 'begin':
      return { kind: 'begin' };
    case 'commit':
    case 'end':
      return { kind: 'commit' };
    case 'savepoint':
      return { kind: 'savepoint', name: nameIn(tokens, 1) };
    case 'release':
      return { kind: 'release', name: nameIn(tokens, 1) };
    case 'rollback': {
      const to = tokens.findIndex(({ text }) => text === 'to');
      return to < 0 ? { kind: 'rollback' } : { kind: 'rollback to', name: nameIn(tokens, to + 1) };
    }
    case 'attach':
    case 'detach':
    case 'vacuum':
      throw refused(sql, `${first?.text.toUpperCase()} is not kept by a journal of statements`);
    default:
      return write(sql, tokens, false);
  }
}

/** @throws {LadingError} `sql_refused` for what stands in a schema and would not do the same at a replay. */
export function refuseInSchema(sql: string): void {
  refuseChanging(sql, tokensOf(sql));
}

/** @throws {LadingError} `sql_refused`: a function of date and time takes the word for the clock. */
export function refuseNow(sql: string, params: readonly SqlValue[]): void {
  if (params.some((value) => typeof value === 'string' && isClockWord(value))) {
    throw refused(sql, `a value is the word that means the time of the device`);
  }
}

const WRITES = new Set(['insert', 'replace', 'update', 'delete']);

function write(sql: string, tokens: readonly Token[], counts: boolean): StatementKind {
  refuseChanging(sql, tokens);
  const isTemporary =
    tokens[0]?.text === 'create' && /^temp(?:orary)?$/.test(tokens[1]?.text ?? '');
  if (
    isTemporary ||
    tokens.some(
      ({ kind, text }, at) => kind === 'name' && text === 'temp' && tokens[at + 1]?.text === '.',
    )
  ) {
    throw refused(sql, 'temporary tables are gone when the journal is replayed');
  }
  return {
    kind: 'write',
    counts,
    askTime: tokens.some(({ kind, text }) => kind === 'name' && TIME.has(text)),
    parameters: tokens.filter(({ kind }) => kind === 'parameter').length,
  };
}

/** Another value each time, or of what this connection did before, which a replay does not repeat. */
const CHANGING = new Set([
  'random',
  'randomblob',
  'changes',
  'total_changes',
  'last_insert_rowid',
  'load_extension',
  'sqlite_version',
  'sqlite_source_id',
  'sqlite_compileoption_get',
  'sqlite_compileoption_used',
  'sqlite_offset',
]);
/** Keywords that are calls, without brackets. */
const CLOCKS = new Set(['current_time', 'current_date', 'current_timestamp']);
const TIME = new Set([
  'date',
  'time',
  'datetime',
  'julianday',
  'unixepoch',
  'strftime',
  'timediff',
]);

function refuseChanging(sql: string, tokens: readonly Token[]): void {
  for (const [at, { kind, text, quoted }] of tokens.entries()) {
    if (kind === 'text') continue;
    const isCall = kind === 'name' && tokens[at + 1]?.text === '(';
    if ((isCall && CHANGING.has(text)) || (kind === 'name' && !quoted && CLOCKS.has(text))) {
      throw refused(sql, `${text}${isCall ? '()' : ''} gives another value each time`);
    }
    if (isCall && TIME.has(text)) refuseClock(sql, text, argumentsFrom(tokens, at + 2));
    // Part of what such a statement did stays, although it failed: a replay has nothing to stop it at the same place.
    const before = tokens[at - 1]?.text;
    if (
      text === 'fail' &&
      !quoted &&
      (before === 'or' || before === '(' || before === 'conflict')
    ) {
      throw refused(sql, 'with FAIL, a statement that fails leaves a part of what it did');
    }
  }
}

/** `date()` and `strftime('%s')` without a time, `'now'`, and what depends on where the device is. */
function refuseClock(sql: string, name: string, given: readonly (readonly Token[])[]): void {
  const least = name === 'strftime' ? 2 : 1;
  const words = given.flat().flatMap(({ kind, text }) => (kind === 'text' ? [text] : []));
  if (given.length < least || words.some(isClockWord)) {
    throw refused(sql, `${name}() asks the device for its time`);
  }
}

function isClockWord(text: string): boolean {
  return /^(?:now|localtime|utc|subsec(?:ond)?)$/i.test(text.trim());
}

/** The arguments of a call, from behind its bracket. */
function argumentsFrom(tokens: readonly Token[], from: number): readonly (readonly Token[])[] {
  const found: Token[][] = [[]];
  let depth = 1;
  for (const token of tokens.slice(from)) {
    if (token.kind === 'other' && token.text === '(') depth += 1;
    if (token.kind === 'other' && token.text === ')') depth -= 1;
    if (depth === 0) break;
    if (depth === 1 && token.kind === 'other' && token.text === ',') found.push([]);
    else found.at(-1)?.push(token);
  }
  return found.filter((argument) => argument.length > 0);
}

/** Ask, and change nothing, with a value too. */
const ASKING = new Set([
  'table_info',
  'table_xinfo',
  'table_list',
  'index_list',
  'index_info',
  'index_xinfo',
  'foreign_key_list',
  'foreign_key_check',
  'integrity_check',
  'quick_check',
  'secure_delete', // of the pages in memory, and on from the beginning
  'incremental_vacuum', // moves pages and changes no row: a replay does as well without it
]);
/** About files, locks and caches that a database in memory does not have: as without effect as they are there. */
const OF_FILES = new Set([
  'busy_timeout',
  'journal_mode',
  'synchronous',
  'fullfsync',
  'checkpoint_fullfsync',
  'locking_mode',
  'wal_autocheckpoint',
  'wal_checkpoint',
  'journal_size_limit',
  'cache_size',
  'cache_spill',
  'mmap_size',
  'temp_store',
]);
const KEPT = new Set(['user_version', 'application_id', 'defer_foreign_keys']);

function pragma(sql: string, tokens: readonly Token[]): StatementKind {
  const at = tokens[2]?.text === '.' ? 3 : 1;
  const name = tokens[at]?.text ?? '';
  const [sets, value] = [tokens.length > at + 1, tokens[at + 2]?.text.toLowerCase() ?? ''];
  if (ASKING.has(name)) return { kind: 'read' };
  if (name === 'max_page_count' && sets && Number(value) > 0) {
    return { kind: 'limit', pages: Number(value) };
  }
  // The one that is asked for its effect: nothing of deleted rows may stay in the files (contract 10.7).
  if (name === 'wal_checkpoint' && value === 'truncate') return { kind: 'checkpoint' };
  if (OF_FILES.has(name)) return { kind: sets || name === 'wal_checkpoint' ? 'ignored' : 'read' };
  if (name === 'optimize') return { kind: 'ignored' };
  if (!sets) return { kind: 'read' };
  if (KEPT.has(name)) return { kind: 'write', counts: false, askTime: false, parameters: 0 };
  if (name === 'auto_vacuum' && value === 'incremental') return { kind: 'vacuumable' };
  if (name === 'foreign_keys' && ['on', '1', 'true', 'yes'].includes(value))
    return { kind: 'ignored' };
  throw refused(sql, `PRAGMA ${name} would not be set when the journal is replayed`);
}

function nameIn(tokens: readonly Token[], at: number): string {
  return (tokens[at]?.text === 'savepoint' ? tokens[at + 1] : tokens[at])?.text ?? '';
}

function refused(sql: string, why: string): LadingError {
  return new LadingError(
    'sql_refused',
    `The sql.js driver cannot take "${sql.trim().slice(0, 80)}": ${why}. Make the value in the app, and bind it.`,
  );
}
