import {
  accountPrefix,
  type BlobKey,
  isDerivedKey,
  type StoredBlob,
} from '../../ports/blob-store.ts';
import { type GarbageMark, REMOVAL_BEGUN } from '../../ports/garbage-table.ts';
import { BATCH, isDue, itemOf, markAll, marksOf, type Run, unmarkAll } from './run.ts';

/** What the listing of the files told. */
export interface FilesSeen {
  /** At least one file lies where the log says. */
  readonly anyKnown: boolean;
}

type Found = Pick<GarbageMark, 'reason'> & {
  readonly kind: 'blob' | 'temporary';
  readonly key: BlobKey;
};

/**
 * First phase: marks files of this account that no attachment holds and nobody protects, and writes that did not end.
 * Nothing is touched.
 * @param after goes on behind this key. `passed` is told now and then how far it has come.
 */
export async function markFiles(
  run: Run,
  after: string,
  passed: (key: string) => Promise<void>,
): Promise<FilesSeen> {
  const prefix = accountPrefix(run.accountId);
  let anyKnown = false;
  let found: Found[] = [];
  let listed = 0;
  for await (const file of run.blobs.list({ after })) {
    await run.slices.breathe();
    listed += 1;
    if (file.temporary)
      found.push({ kind: 'temporary', key: file.key, reason: 'unfinished_write' });
    // Another account's, or nobody's that we know: another database may lie beside this one.
    else if (file.key.startsWith(prefix)) {
      if (isNeeded(run, file.key)) anyKnown = true;
      else if (!run.fresh.has(file.key) && !(await isKept(run, file))) {
        found.push({ kind: 'blob', key: file.key, reason: 'no_record' });
      }
    }
    for (const one of found.slice(-1)) noteNew(run, one, file);
    if (found.length >= BATCH || listed % PASSED_EVERY === 0) {
      await markAll(run, found);
      found = [];
      await passed(file.key);
    }
  }
  await markAll(run, found);
  return { anyKnown };
}

/** The place is kept this often: what is listed again after a kill costs little. */
const PASSED_EVERY = 1_000;

/** In a dry run nothing is marked: what was not found before is said at once. */
function noteNew(run: Run, { kind, key, reason }: Found, { sizeBytes }: StoredBlob): void {
  if (!run.dryRun) return;
  const known = run.events.read((tx) => run.garbage.marked(tx, kind, key));
  if (known !== undefined) return;
  const foundAt = run.clock.now();
  run.findings.note(itemOf(run, { kind, key, reason, foundAt }, 'waits', sizeBytes));
}

/** Writes that did not end, as they are listed now: before all other files. */
export async function temporariesOf(run: Run): Promise<ReadonlyMap<string, StoredBlob>> {
  const found = new Map<string, StoredBlob>();
  for await (const file of run.blobs.list()) {
    await run.slices.breathe();
    if (!file.temporary) break;
    found.set(file.key, file);
  }
  return found;
}

/** A removal is remembered longer than a capture takes from its first file to its commit. */
const REMEMBERED_MS = 24 * 3_600_000;

type Verdict = 'over' | 'waits' | { readonly mark: GarbageMark; readonly sizeBytes: number };

/**
 * Second phase: what was found by an earlier run, is past its grace and still needed by nobody goes. A commit between
 * the last look and the removal says so: whoever would hold such a file from then on, as a capture of another process
 * that takes longer than the grace, finds that its removal has begun.
 */
export async function sweepFiles(
  run: Run,
  temporaries: ReadonlyMap<string, StoredBlob>,
): Promise<void> {
  for (const kind of ['temporary', 'blob'] as const) {
    let over: GarbageMark[] = [];
    let going: Exclude<Verdict, string>[] = [];
    const settle = async (): Promise<void> => {
      await unmarkAll(run, [...over, ...(await removeAll(run, going))]);
      over = [];
      going = [];
    };
    for await (const one of marksOf(run, kind)) {
      const verdict =
        kind === 'temporary' ? judgeTemporary(run, one, temporaries) : await judgeBlob(run, one);
      if (verdict === 'over') over.push(one);
      else if (verdict !== 'waits') going.push(verdict);
      if (over.length + going.length >= BATCH) await settle();
    }
    await settle();
  }
}

async function judgeBlob(run: Run, one: GarbageMark): Promise<Verdict> {
  const key = one.key as BlobKey;
  const found = await run.blobs.stat(key);
  if (found === undefined && one.reason === REMOVAL_BEGUN) {
    // A capture that began before may still come to its commit.
    const ageMs = run.clock.now() - one.foundAt;
    return ageMs >= 0 && ageMs < REMEMBERED_MS ? 'waits' : 'over';
  }
  if (found === undefined || isNeeded(run, key) || run.fresh.has(key)) return 'over';
  const { sizeBytes } = found;
  const file = { key, sizeBytes, modifiedAt: one.foundAt, temporary: false };
  if (await isKept(run, file)) return 'over';
  return judge(run, one, sizeBytes);
}

/** One that was written to since it was found is a write that goes on: its grace begins anew. */
function judgeTemporary(
  run: Run,
  one: GarbageMark,
  temporaries: ReadonlyMap<string, StoredBlob>,
): Verdict {
  const file = temporaries.get(one.key);
  if (file === undefined) return 'over'; // it was finished, or removed by its writer
  // A time that is still to come was written by a clock that was ahead: it says nothing.
  const isAlive = file.modifiedAt > one.foundAt && file.modifiedAt <= run.clock.now();
  return isAlive ? 'over' : judge(run, one, file.sizeBytes);
}

function judge(run: Run, mark: GarbageMark, sizeBytes: number): Verdict {
  const isOver = isDue(run, mark);
  if (isOver && !run.dryRun) return { mark, sizeBytes };
  run.findings.note(itemOf(run, mark, isOver ? 'removed' : 'waits', sizeBytes));
  return 'waits';
}

/** @returns the marks that have had their day. */
async function removeAll(
  run: Run,
  going: readonly Exclude<Verdict, string>[],
): Promise<readonly GarbageMark[]> {
  const { blobs, clock, events, findings, garbage, logger } = run;
  if (going.length === 0) return [];
  const isStillNeeded = await events.transact((tx) =>
    going.map(({ mark }) => {
      if (mark.kind === 'temporary') return false;
      if (garbage.isNeeded(tx, mark.key as BlobKey, clock.now())) return true;
      garbage.unmark(tx, mark.kind, mark.key);
      garbage.mark(tx, { ...mark, reason: REMOVAL_BEGUN, foundAt: Math.floor(clock.now()) });
      return false;
    }),
  );
  run.crashPoint?.('garbage_removal_begun');
  const over: GarbageMark[] = [];
  for (const [index, { mark, sizeBytes }] of going.entries()) {
    await run.slices.breathe();
    if (isStillNeeded[index] === true) {
      over.push(mark);
      continue;
    }
    const key = mark.key as BlobKey;
    try {
      await blobs.remove(key);
    } catch (error) {
      logger.warn('a file that nothing needs could not be removed', { key, error });
      findings.note(itemOf(run, mark, 'failed', sizeBytes));
      continue; // the next run tries again
    }
    run.crashPoint?.('garbage_file_removed');
    findings.note(itemOf(run, mark, 'removed', sizeBytes));
    if (mark.kind === 'temporary') over.push(mark);
  }
  return over;
}

function isNeeded({ events, garbage, clock }: Run, key: BlobKey): boolean {
  return events.read((tx) => garbage.isNeeded(tx, key, clock.now()));
}

const keptInRun = new WeakMap<Run, Set<BlobKey>>();

/** Told once a run, though both phases ask. */
async function isKept(run: Run, file: StoredBlob): Promise<boolean> {
  if (isDerivedKey(file.key)) return false; // can be made again
  const reason = await run.protects(file);
  if (reason === undefined) return false;
  const told = keptInRun.get(run) ?? new Set();
  keptInRun.set(run, told);
  if (!told.has(file.key)) {
    told.add(file.key);
    run.findings.note({
      kind: 'blob',
      key: file.key,
      reason,
      action: 'kept',
      sizeBytes: file.sizeBytes,
    });
  }
  return true;
}
