import { LadingError } from '../../ports/errors.ts';
import type { SqlTransaction } from '../../ports/sql.ts';
import { RETENTION } from '../compaction/compactor.ts';

/** How the collector works (contract 5.4, 5.5). Times are milliseconds. */
export interface GarbageOptions {
  /**
   * From the end of a run to the next one, while Lading is open; one also begins half a minute after each opening, when
   * the last one ended more than an hour ago. `Infinity`: only `collectGarbage()` collects. Default 24 h.
   */
  readonly everyMs?: number;
  /** How long something must have been found to be garbage before it goes: so long a mistake can be taken back. Default 24 h. */
  readonly graceMs?: number;
  /** At most so long at a stretch; then others have their turn. Default 8. */
  readonly sliceMs?: number;
  /**
   * Refs that the app's own tables hold beside those that were linked: single fields and bare strings too. What it gives
   * may be refs, ids, `offline://` urls, remote urls, and JSON text of refs or of lists of them; `null` and `''` are
   * nothing. An attachment that is among them keeps its bytes and stays, as if one more owner held it, until it is no
   * longer among them for `graceMs`. Called in a transaction that must not write. A throw, a value that cannot be a
   * ref, or none at all where there were some, end the run with an error before anything is removed.
   *
   * @example
   * ```ts
   * roots: (tx) => tx.all('SELECT main_image_url AS ref FROM project').map((row) => row['ref'])
   * ```
   */
  roots?(tx: SqlTransaction): Iterable<unknown>;
  /** What becomes of the log of attachments that are at rest (contract 5.5). */
  readonly log?: {
    /** An uploaded attachment's events become one checkpoint event after so long without one. Default 7 days. */
    readonly checkpointAfterMs?: number;
    /** A purged attachment's events become one tombstone event after so long. Default 7 days. */
    readonly tombstoneAfterMs?: number;
  };
}

/** One run (contract 5.4). */
export interface CollectOptions {
  /** Only says what it would do: nothing is marked, removed or compacted. Default false. */
  readonly dryRun?: boolean;
  /** The app's roots are none now, and that is right: the last one was removed. Default false. */
  readonly rootsMayBeEmpty?: boolean;
}

const DAY_MS = 24 * 3_600_000;

/** What the app said, with defaults. */
export interface GarbageSettings {
  readonly everyMs: number;
  readonly graceMs: number;
  readonly sliceMs: number;
  readonly roots: ((tx: SqlTransaction) => Iterable<unknown>) | undefined;
  readonly checkpointAfterMs: number;
  readonly tombstoneAfterMs: number;
}

const KEYS: ReadonlySet<string> = new Set(['everyMs', 'graceMs', 'sliceMs', 'roots', 'log']);
const LOG_KEYS: ReadonlySet<string> = new Set(['checkpointAfterMs', 'tombstoneAfterMs']);

/** With its defaults. @throws {LadingError} `invalid_option`. */
export function garbageSettings(options: GarbageOptions = {}): GarbageSettings {
  requireKeys('garbage', options, KEYS);
  const { log = {} } = options;
  requireKeys('garbage.log', log, LOG_KEYS);
  if (options.roots !== undefined && typeof options.roots !== 'function') {
    throw invalid('garbage.roots', 'must be a function that gives refs');
  }
  return {
    everyMs: requireMs('garbage.everyMs', options.everyMs ?? DAY_MS, 1_000),
    graceMs: requireMs('garbage.graceMs', options.graceMs ?? DAY_MS, 0),
    sliceMs: requireMs('garbage.sliceMs', options.sliceMs ?? 8, 1),
    roots: options.roots === undefined ? undefined : (tx) => options.roots?.(tx) ?? [],
    checkpointAfterMs: requireMs(
      'garbage.log.checkpointAfterMs',
      log.checkpointAfterMs ?? RETENTION.checkpointAfterMs,
      0,
    ),
    tombstoneAfterMs: requireMs(
      'garbage.log.tombstoneAfterMs',
      log.tombstoneAfterMs ?? RETENTION.tombstoneAfterMs,
      0,
    ),
  };
}

function requireMs(name: string, value: number, least: number): number {
  if (typeof value === 'number' && value >= least) return value;
  throw invalid(name, `must be a number of milliseconds, ${least} or more`);
}

/** A rule that is misspelt would hold nothing, and be noticed by nobody. */
function requireKeys(name: string, value: unknown, known: ReadonlySet<string>): void {
  if (typeof value !== 'object' || value === null) throw invalid(name, 'must be an object');
  const unknown = Object.keys(value).find((key) => !known.has(key));
  if (unknown === undefined) return;
  throw invalid(name, `has "${unknown.slice(0, 40)}": there are ${[...known].join(', ')}`);
}

function invalid(name: string, what: string): LadingError {
  return new LadingError('invalid_option', `${name} ${what}.`, { details: { name } });
}
