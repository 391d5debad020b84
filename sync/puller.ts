import type { MediaId, OwnerScope } from '../machines/attachment/types.ts';
import type { CursorTable } from '../ports/attachment-tables.ts';
import type { Backend, RefDelta, SyncCursor } from '../ports/backend.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventStore, StreamId } from '../ports/event-store.ts';
import type { Logger } from '../ports/logger.ts';
import type { Streams } from '../ports/streams.ts';
import { type Applied, type ApplyParts, applyRows } from './apply-deltas.ts';
import { ANSWER_TIMEOUT_MS, BadAnswer, bounded } from './bounded.ts';
import { loadPlace, type Place, samePlace, savePlace } from './cursors.ts';
import { readDeltaPage, type SoundPage } from './delta-page.ts';
import { createLane, type Lane } from './lane.ts';
import { scopeKey } from './scope-key.ts';
import { isStoreFailure } from './store-failure.ts';

/** What one pull did. */
export interface PullReport {
  /** Rows that changed something here. */
  readonly applied: number;
  /** Rows stay to be looked at again, once ops about them are acknowledged, or {@link Puller.canGoOn}: then pull again. */
  readonly held: boolean;
}

/** Brings what changed at the backend since the cursor; idempotent (contract 1, delta sync). */
export interface Puller {
  /**
   * Pulls page after page until there is no more. Each page is durable, with the cursor behind it, before the next.
   * @param options `seenSeq`: the change-signal that this pull answers, remembered when it is done.
   * @throws what the backend throws, `BadAnswer` for nonsense, the signal's reason, and what the store throws; pages
   *   before that stay applied.
   */
  pull(
    scope: OwnerScope,
    options: { readonly signal: AbortSignal; readonly seenSeq?: number },
  ): Promise<PullReport>;
  /** The last change-signal that a pull of this scope has answered. */
  seenSeq(scope: OwnerScope): number;
  /** Whether what a held row of the last pull waited for has come to its end since, in whatever process. */
  canGoOn(scope: OwnerScope): boolean;
}

export interface PullerOptions extends ApplyParts {
  readonly host: Streams;
  readonly events: Pick<EventStore, 'read'>;
  readonly cursors: CursorTable;
  readonly backend: Pick<Backend, 'pull'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Rows in one page. Default 100. */
  readonly pageSize?: number;
  /** Default 60,000. */
  readonly timeoutMs?: number;
  /** Shared with the pusher of the same device. */
  readonly lane?: Lane;
}

/** How often in a row a pull begins anew because somebody else pulled, or pushed, meanwhile. */
const MOST_RESTARTS = 5;

/** Where a pull stands: `saved` is durable, `next` runs ahead of it once a row is held. */
interface Progress {
  readonly saved: Place;
  readonly next: SyncCursor | null;
  readonly held: boolean;
  readonly applied: number;
  /** What held rows bring back, and is still on its way out. */
  readonly ending: readonly MediaId[];
  readonly done: boolean;
}

export function createPuller(options: PullerOptions): Puller {
  const { host, events, cursors, backend, accountId, clock, logger } = options;
  const lane = options.lane ?? createLane();
  /** By scope: whose end rows of the last pull wait for. */
  const awaited = new Map<string, readonly MediaId[]>();

  /** @returns undefined when somebody moved the scope's place meanwhile: nothing of the page was applied. */
  async function pullPage(
    scope: OwnerScope,
    before: Progress,
    signal: AbortSignal,
    seenSeq: number | undefined,
  ): Promise<Progress | undefined> {
    const answer = await bounded<unknown>(
      clock,
      options.timeoutMs ?? ANSWER_TIMEOUT_MS,
      signal,
      (inner) =>
        backend.pull(scope, before.next, { limit: options.pageSize ?? 100, signal: inner }),
    );
    const page = readDeltaPage(answer, scope, before.next);
    for (const { id, why } of page.bad) logger.warn('a row of a delta is left out', { id, why });

    const place = placeAfter(before, page, seenSeq);
    if (page.rows.length === 0 && samePlace(place(-1), before.saved)) {
      return { ...before, next: page.end ?? before.next, done: !page.more };
    }
    const outcome = await applyPage(scope, before.saved, page.rows, place);
    return (
      outcome && {
        saved: outcome.saved,
        next: page.end ?? before.next,
        held: before.held || outcome.firstHeld >= 0,
        ending: [...before.ending, ...outcome.ending],
        applied: before.applied + outcome.changed,
        done: !page.more,
      }
    );
  }

  async function applyPage(
    scope: OwnerScope,
    expected: Place,
    rows: readonly RefDelta[],
    place: (firstHeld: number) => Place,
  ): Promise<(Applied & { readonly saved: Place }) | undefined> {
    const commit = (some: readonly RefDelta[], save: ((applied: Applied) => Place) | null) =>
      host.transact((work) => {
        if (!samePlace(loadPlace(work.tx, cursors, scope), expected)) return undefined;
        const applied = applyRows(work, options, some);
        const saved = save?.(applied) ?? expected;
        if (save !== null) savePlace(work.tx, cursors, scope, saved);
        return { ...applied, saved };
      });
    try {
      const outcome = await commit(rows, ({ firstHeld }) => place(firstHeld));
      for (const { id } of outcome?.foreign ?? []) {
        logger.warn('a row of a delta is left out', { id, why: 'known here in another account' });
      }
      return outcome;
    } catch (error) {
      if (isStoreFailure(error)) throw error;
      logger.error('a page of deltas cannot be applied as a whole', { error });
    }
    // One row that cannot be applied must not hold up the others; it is tried again with the next pull.
    let changed = 0;
    let firstHeld = -1;
    const ending: MediaId[] = [];
    for (const [index, row] of rows.entries()) {
      try {
        const outcome = await commit([row], null);
        if (outcome === undefined) return undefined;
        changed += outcome.changed;
        ending.push(...outcome.ending);
        if (outcome.firstHeld >= 0 && firstHeld < 0) firstHeld = index;
      } catch (error) {
        if (isStoreFailure(error)) throw error;
        logger.error('a row of a delta cannot be applied', { id: row.id, error });
        if (firstHeld < 0) firstHeld = index;
      }
    }
    const outcome = await commit([], () => place(firstHeld));
    return outcome && { ...outcome, changed, firstHeld, ending };
  }

  return {
    async pull(scope, { signal, seenSeq }) {
      if (scope.accountId !== accountId) throw new BadAnswer('the scope is of another account');
      let applied = 0;
      for (let restarts = 0; restarts <= MOST_RESTARTS; restarts++) {
        const saved = events.read((tx) => loadPlace(tx, cursors, scope));
        let progress: Progress | undefined = {
          saved,
          next: saved.cursor,
          held: false,
          applied,
          ending: [],
          done: false,
        };
        while (progress !== undefined && !progress.done) {
          applied = progress.applied;
          const before: Progress = progress;
          progress = await lane.run(() => pullPage(scope, before, signal, seenSeq));
        }
        if (progress === undefined) continue;
        awaited.set(scopeKey(scope), progress.ending);
        return { applied: progress.applied, held: progress.held };
      }
      throw new BadAnswer('others changed the scope during each attempt to pull it');
    },
    seenSeq: (scope) => events.read((tx) => loadPlace(tx, cursors, scope)).seenSeq,
    canGoOn(scope) {
      const ending = awaited.get(scopeKey(scope)) ?? [];
      if (ending.length === 0) return false;
      return events.read((tx) =>
        ending.some((id) => tx.log.head(id as string as StreamId)?.status === 'done'),
      );
    },
  };
}

/**
 * The place to save when the first held row has this index: everything up to it was applied, or is nobody's news.
 * Once a row is held, the place stays before it while the pull goes on.
 */
function placeAfter(
  before: Progress,
  page: SoundPage,
  seenSeq: number | undefined,
): (firstHeld: number) => Place {
  return (firstHeld) => {
    const lastApplied = firstHeld < 0 ? page.end : page.rows[firstHeld - 1];
    const isAhead = !before.held && lastApplied !== null && lastApplied !== undefined;
    return {
      cursor: isAhead
        ? { updatedAt: lastApplied.updatedAt, id: lastApplied.id }
        : before.saved.cursor,
      seenSeq: page.more ? before.saved.seenSeq : (seenSeq ?? before.saved.seenSeq),
    };
  };
}
