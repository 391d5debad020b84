import {
  accountPrefix,
  type BlobKey,
  isDerivedKey,
  type StoredBlob,
} from '../../ports/blob-store.ts';
import type { GarbageMark } from '../../ports/garbage-table.ts';
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

/**
 * Second phase: what was found by an earlier run, is past its grace and still needed by nobody goes. The last look and
 * the removal are one step apart; a file that is older than the grace gets no new holder but through its own record.
 */
export async function sweepFiles(run: Run): Promise<void> {
  for (const kind of ['temporary', 'blob'] as const) {
    let over: GarbageMark[] = [];
    for await (const one of marksOf(run, kind)) {
      if (await sweepOne(run, one)) over.push(one);
      if (over.length < BATCH) continue;
      await unmarkAll(run, over);
      over = [];
    }
    await unmarkAll(run, over);
  }
}

/** @returns whether the mark has had its day. */
async function sweepOne(run: Run, one: GarbageMark): Promise<boolean> {
  const { blobs, dryRun, findings, logger } = run;
  const key = one.key as BlobKey;
  const isTemporary = one.kind === 'temporary';
  const found = isTemporary ? { sizeBytes: undefined } : await blobs.stat(key);
  if (found === undefined || (!isTemporary && (isNeeded(run, key) || run.fresh.has(key)))) {
    return true;
  }
  const { sizeBytes } = found;
  if (sizeBytes !== undefined) {
    const file = { key, sizeBytes, modifiedAt: one.foundAt, temporary: false };
    if (await isKept(run, file)) return true;
  }
  if (!isDue(run, one)) {
    findings.note(itemOf(run, one, 'waits', sizeBytes));
    return false;
  }
  if (dryRun) {
    findings.note(itemOf(run, one, 'removed', sizeBytes));
    return false;
  }
  if (!isTemporary && isNeeded(run, key)) return true; // since the looks above waited
  try {
    await blobs.remove(key);
  } catch (error) {
    logger.warn('a file that nothing needs could not be removed', { key, error });
    findings.note(itemOf(run, one, 'failed', sizeBytes));
    return false; // the next run tries again
  }
  run.crashPoint?.('garbage_file_removed');
  findings.note(itemOf(run, one, 'removed', sizeBytes));
  return true;
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
