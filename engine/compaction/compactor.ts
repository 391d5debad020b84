import type { CompactionTable, IdleStream } from '../../ports/compacted.ts';
import { LadingError } from '../../ports/errors.ts';
import type { EventStore, StreamId } from '../../ports/event-store.ts';
import type { Logger } from '../../ports/logger.ts';
import { type CompactedMachine, compactStream } from '../host/compact.ts';

const DAY_MS = 24 * 3_600_000;

/** How long the events of a stream at rest are kept before one event stands for them (contract 5.5). Milliseconds. */
export const RETENTION = {
  /** Of a settled one: uploaded, and nothing under way. 7 days. */
  checkpointAfterMs: 7 * DAY_MS,
  /** Of a purged one. 7 days. */
  tombstoneAfterMs: 7 * DAY_MS,
} as const;

export interface CompactOptions {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Default {@link RETENTION}. */
  readonly checkpointAfterMs?: number;
  readonly tombstoneAfterMs?: number;
  /** Streams that this call looks at, at most. Default 4: all of them are one commit, and others wait for it. */
  readonly limit?: number;
}

/** What one call did. */
export interface CompactReport {
  /** Streams whose events were replaced. */
  readonly streams: number;
  /** Events that are no longer there. */
  readonly events: number;
  /** Call again: there may be more that is due. */
  readonly more: boolean;
}

export interface Compactor {
  /**
   * Looks at the next few streams that nothing happened to for long, each in a transaction of its own that shares one
   * sync to disk with the others. Durable when it resolves; may be stopped and begun again anywhere, and run in
   * several processes at once: the expected version decides, and who comes second leaves the stream alone.
   * @throws {LadingError} what the store throws as a whole: `closed`, `disk_full`, `database_busy` …
   */
  compact(options: CompactOptions): Promise<CompactReport>;
}

const LIMIT = 4;

export function createCompactor(parts: {
  readonly events: Pick<EventStore, 'read' | 'transact'>;
  readonly table: CompactionTable;
  readonly machines: readonly CompactedMachine[];
  readonly logger: Logger;
}): Compactor {
  const { events, table, logger } = parts;
  const machines = new Map(parts.machines.map((known) => [known.machine.id, known]));
  /** Where the last call stopped: one that cannot be compacted is looked at once in each round, not in each call. */
  let place: IdleStream | null = null;

  async function one(stream: StreamId, options: Required<CompactOptions>): Promise<number> {
    const { now, checkpointAfterMs, tombstoneAfterMs } = options;
    const after = { checkpoint: checkpointAfterMs, tombstone: tombstoneAfterMs };
    try {
      return await events.transact((tx) => {
        const machine = machines.get(tx.log.head(stream)?.machine ?? '');
        // Another app's own host compacts its streams, or nobody does.
        if (machine === undefined) return -1;
        const done = compactStream(tx, table, machine, stream, (how, at) => at <= now - after[how]);
        return 'events' in done ? done.events : -1;
      });
    } catch (error) {
      if (!isOfOne(stream, error)) throw error;
      if (!(error instanceof LadingError) || error.code !== 'version_conflict') {
        logger.error('a stream cannot be compacted', { stream, error });
      }
      return -1;
    }
  }

  return {
    async compact(given) {
      const options = { ...RETENTION, limit: LIMIT, ...given };
      const { now, limit } = options;
      const until = now - Math.min(options.checkpointAfterMs, options.tombstoneAfterMs);
      const found = events.read((tx) => table.idle(tx, place, until, limit));
      // In one turn: they share one commit.
      const removed = await Promise.all(found.map(({ stream }) => one(stream, options)));
      const more = found.length === limit;
      place = more ? (found.at(-1) ?? null) : null;
      const done = removed.filter((count) => count >= 0);
      return {
        streams: done.length,
        events: done.reduce((sum, count) => sum + count, 0),
        more,
      };
    },
  };
}

/** What is wrong with one stream, its machine or its log, or was faster than this: the others go on. */
function isOfOne(stream: StreamId, error: unknown): boolean {
  if (!(error instanceof LadingError)) return true;
  if (error.code === 'version_conflict' || error.code === 'unknown_event_version') return true;
  return error.code === 'database_corrupt' && error.details['stream'] === stream;
}
