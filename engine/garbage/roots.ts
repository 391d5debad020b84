import { rootOwner } from '../../machines/attachment/root-owner.ts';
import { type MediaId, ownerKey } from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';
import type { StoreTransaction } from '../../ports/event-store.ts';
import { asStream } from '../lifecycle/as-stream.ts';
import { contextOf } from '../lifecycle/consequences.ts';
import { lendTransaction } from '../lifecycle/lend-transaction.ts';
import { rankAfter } from '../lifecycle/rank-after.ts';
import { idsOf } from './root-values.ts';
import { BATCH, isDue, itemOf, markAll, marksOf, type Run, unmarkAll } from './run.ts';

/** The roots as they are now. */
export interface RootsNow {
  /** Attachments that the app's own tables hold. */
  readonly ids: ReadonlySet<MediaId>;
  /** How many values there were; they may lead to attachments of other devices. */
  readonly count: number;
}

/**
 * Reads all roots: those that were linked, and those of the app's own tables. What cannot be read must not look like
 * nothing (field case 51).
 * @param before how many roots the app had when they were last read.
 * @throws {LadingError} `roots_unreadable`, `roots_empty`: nothing was changed.
 */
export function readRoots(run: Run, before: number): RootsNow {
  const { events, garbage, host, accountId, settings, rootsMayBeEmpty } = run;
  const candidates = events.read((tx) =>
    garbage.hasRefs(tx, accountId) ? [] : garbage.perhapsReferenced(tx, accountId, BATCH),
  );
  // The log is asked, since it is the rows that may be wrong.
  const isReferenced = (mediaId: MediaId): boolean => {
    const state = host.state(asStream(mediaId));
    return state !== undefined && contextOf(state.context).refs.length > 0;
  };
  if (candidates.some(isReferenced)) {
    throw new LadingError(
      'roots_unreadable',
      'Attachments say that refs hold them, and there is not one ref: rows were lost. Call verify({ repair: true }). Nothing was removed.',
    );
  }
  return events.read((tx) => {
    if (settings.roots === undefined) return { ids: new Set(), count: 0 };
    const now = appRoots(run, tx, settings.roots);
    if (now.count === 0 && before > 0 && !rootsMayBeEmpty) throw suddenlyNone(before);
    return now;
  });
}

function appRoots(
  { garbage, accountId }: Run,
  tx: StoreTransaction,
  roots: NonNullable<Run['settings']['roots']>,
): RootsNow {
  const ids = new Set<MediaId>();
  let count = 0;
  try {
    lendTransaction(tx.sql, 'garbage.roots', (sql) => {
      for (const value of roots(sql)) {
        for (const found of idsOf(value)) {
          count += 1;
          const known =
            found.type === 'id' ? [found.id] : garbage.withUrl(tx, accountId, found.url);
          for (const id of known) ids.add(id);
        }
      }
    });
  } catch (cause) {
    throw new LadingError(
      'roots_unreadable',
      'The roots of the app could not be read: correct the function garbage.roots. Nothing was removed.',
      { cause },
    );
  }
  return { ids, count };
}

function suddenlyNone(before: number): LadingError {
  return new LadingError(
    'roots_empty',
    `The app had ${before} roots, and has none now: nothing was removed. If that is right, call collectGarbage({ rootsMayBeEmpty: true }).`,
    { details: { before } },
  );
}

/**
 * Lets attachments know that the app's tables hold them, or do not any more: that in two phases, with the grace between
 * them (contract 5.3, 5.4).
 */
export async function applyRoots(run: Run, ids: ReadonlySet<MediaId>): Promise<void> {
  const held = await heldByRoots(run);
  await hold(
    run,
    [...ids].filter((id) => !held.has(id)),
  );
  const lost = [...held].filter((id) => !ids.has(id));
  for (let at = 0; at < lost.length; at += BATCH) {
    await markAll(
      run,
      lost.slice(at, at + BATCH).map((key) => ({ kind: 'root', key, reason: 'no_root_any_more' })),
    );
    await run.slices.breathe();
  }
  for await (const one of marksOf(run, 'root')) {
    const mediaId = one.key as MediaId;
    // Its account's roots are read by that account's runs: its mark goes on counting.
    if (isForeign(run, mediaId)) continue;
    if (!held.has(mediaId) || ids.has(mediaId)) await unmarkAll(run, [one]);
    else if (isDue(run, one)) await release(run, mediaId, one);
    else run.findings.note(itemOf(run, one, 'waits'));
  }
}

/**
 * Only the first half: what the app's tables hold now is held, what they do not hold any more is left to a run.
 * @param only looks after these alone.
 * @throws {LadingError} `roots_unreadable`.
 */
export async function holdRoots(run: Run, only?: ReadonlySet<MediaId>): Promise<void> {
  const { events, settings } = run;
  const { roots } = settings;
  if (roots === undefined) return;
  const { ids } = events.read((tx) => appRoots(run, tx, roots));
  if (only !== undefined) {
    await hold(
      run,
      [...only].filter((id) => ids.has(id)),
    );
    return;
  }
  const held = await heldByRoots(run);
  await hold(
    run,
    [...ids].filter((id) => !held.has(id)),
  );
}

async function heldByRoots(run: Run): Promise<ReadonlySet<MediaId>> {
  const key = ownerKey(rootOwner(run.accountId));
  const held = new Set<MediaId>();
  for (let after = ''; ; ) {
    const from = after;
    const page = run.events.read((tx) => run.garbage.inList(tx, key, from, BATCH));
    for (const mediaId of page) held.add(mediaId);
    await run.slices.breathe();
    const last = page.at(-1);
    if (last === undefined) return held;
    after = last;
  }
}

/** In the order of their ids, some in each commit (design 2). */
async function hold(run: Run, ids: readonly MediaId[]): Promise<void> {
  const { host, accountId, clock, dryRun, garbage } = run;
  const sorted = ids.toSorted();
  for (let at = 0; at < sorted.length; at += BATCH) {
    const batch = sorted.slice(at, at + BATCH);
    if (!dryRun) {
      const unknown = await host.transact((work) => {
        const missing = batch.filter((mediaId) => {
          const state = work.peek(asStream(mediaId));
          const context = state && contextOf(state.context);
          if (context?.accountId !== accountId || context.gone) return true;
          garbage.keepObject(work.tx, mediaId, clock.now());
          work.send(asStream(mediaId), {
            type: 'ref.synced',
            owner: rootOwner(accountId),
            rank: rankAfter(null),
            isPrimary: false,
          });
          return false;
        });
        return missing.length;
      });
      run.findings.rootsUnknown += unknown;
    }
    await run.slices.breathe();
  }
}

function isForeign({ events, tables, accountId }: Run, mediaId: MediaId): boolean {
  const media = events.read((tx) => tables.media(tx, mediaId));
  return media !== undefined && media.accountId !== accountId;
}

async function release(
  run: Run,
  mediaId: MediaId,
  one: Parameters<typeof itemOf>[1],
): Promise<void> {
  run.findings.note(itemOf(run, one, 'removed'));
  if (run.dryRun) return;
  await run.host.send(asStream(mediaId), {
    type: 'ref.tombstoned',
    owner: rootOwner(run.accountId),
  });
  await unmarkAll(run, [one]);
}
