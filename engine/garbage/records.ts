import type { MediaId } from '../../machines/attachment/types.ts';
import type { BlobKey } from '../../ports/blob-store.ts';
import type { GarbageMark } from '../../ports/garbage-table.ts';
import { asStream } from '../lifecycle/as-stream.ts';
import { ATTACHMENT } from '../lifecycle/hosted.ts';
import { BATCH, isDue, itemOf, markAll, marksOf, type Run, unmarkAll } from './run.ts';

/** A protection of a file lasts no longer than this; one that says so was made by a clock that was ahead. */
const LONGEST_HOLD_MS = 24 * 3_600_000;

/**
 * Attachments whose bytes should be here and are not learn it: they are fetched again, or fail visibly (field case 2).
 * @param anyKnown a file was seen where the log says. With none at all the place itself is missing, as a memory card
 *   that is not mounted yet: then nobody is told anything (field case 4).
 */
export async function tellMissing(run: Run, anyKnown: boolean): Promise<void> {
  let present = anyKnown;
  let absent: BlobKey[] = [];
  for (let after = ''; ; ) {
    const from = after;
    const page = run.events.read((tx) => run.garbage.heldFiles(tx, run.accountId, from, BATCH));
    for (const key of page) {
      await run.slices.breathe();
      if ((await run.blobs.stat(key)) === undefined) absent.push(key);
      else present = true;
    }
    if (present) {
      for (const key of absent) {
        // Asked again: a card may have come back since.
        if ((await run.blobs.stat(key)) === undefined) await tellHolders(run, key);
      }
      absent = [];
    }
    const last = page.at(-1);
    if (last === undefined) break;
    after = last;
  }
  if (absent.length === 0) return;
  run.findings.problem({
    code: 'files_gone',
    message: `The log knows ${absent.length} files, and not one of them is there. Check the directory of the bytes: it may be another one, or not mounted. Nothing was changed.`,
  });
}

async function tellHolders(run: Run, key: BlobKey): Promise<void> {
  const { events, garbage, dryRun, host, findings } = run;
  const holders = events.read((tx) => garbage.holders(tx, key));
  for (const mediaId of holders) {
    findings.bytesMissing += 1;
    if (!dryRun) await host.send(asStream(mediaId), { type: 'bytes.missing' });
  }
}

/** Rows that belong to nothing any more, and work that was set aside: that gets another chance. */
export async function clearRows(run: Run): Promise<void> {
  const { events, garbage, dryRun, host, findings, clock } = run;
  for (let after = ''; ; ) {
    const from = after;
    const { found, last } = events.read((tx) => garbage.strayTasks(tx, from, BATCH));
    for (const { stream, kind, name } of found) {
      const key = `${stream} ${kind} ${name}`;
      findings.note({ kind: 'task', key, reason: 'stream_over', action: 'removed' });
    }
    if (!dryRun && found.length > 0) {
      await events.transact((tx) => {
        for (const { stream, kind, name } of found) tx.tasks.remove(stream, kind, name);
      });
    }
    await run.slices.breathe();
    if (last === null) break;
    after = last;
  }
  if (dryRun) return;
  const { holds, revived } = await events.transact((tx) => ({
    holds: garbage.dropHolds(tx, clock.now(), LONGEST_HOLD_MS),
    revived: tx.tasks.revive(ATTACHMENT),
  }));
  run.crashPoint?.('garbage_rows_cleared');
  if (holds > 0) {
    findings.note({ kind: 'hold', key: `${holds}`, reason: 'over', action: 'removed' });
  }
  if (revived > 0) host.wake();
}

/** Rows of files that were made of attachments which are not there any more; their files are found by the next run. */
export async function dropDerived(run: Run): Promise<void> {
  const { derived, dryRun, events, findings } = run;
  for (let after: BlobKey | '' = ''; ; ) {
    const from: BlobKey | '' = after;
    const { keys, last }: ReturnType<typeof derived.stale> = events.read((tx) =>
      derived.stale(tx, from, BATCH),
    );
    for (const key of keys) {
      findings.note({ kind: 'derived', key, reason: 'attachment_gone', action: 'removed' });
    }
    if (!dryRun && keys.length > 0) {
      await events.transact((tx) => {
        for (const key of keys) derived.drop(tx, key);
      });
    }
    await run.slices.breathe();
    if (last === null) return;
    after = last;
  }
}

/** Resume data of uploads that are over: small, but one for each attachment that ever was. */
export async function sweepCheckpoints(run: Run): Promise<void> {
  const { checkpoints, events, garbage, dryRun, findings } = run;
  for (let after = ''; ; ) {
    const from = after;
    const page = events.read((tx) => garbage.idleCheckpoints(tx, from, BATCH));
    await markAll(
      run,
      page.map((key) => ({ kind: 'checkpoint', key, reason: 'no_upload' })),
    );
    await run.slices.breathe();
    const last = page.at(-1);
    if (last === undefined) break;
    after = last;
  }
  let over: GarbageMark[] = [];
  for await (const one of marksOf(run, 'checkpoint')) {
    const due = isDue(run, one);
    findings.note(itemOf(run, one, due ? 'removed' : 'waits'));
    if (due) over.push(one);
    if (over.length < BATCH) continue;
    await drop(over);
    over = [];
  }
  await drop(over);

  async function drop(marks: readonly GarbageMark[]): Promise<void> {
    if (dryRun || marks.length === 0) return;
    await events.transact((tx) => {
      for (const { key } of marks) {
        const stream = asStream(key as MediaId);
        if (garbage.isIdleCheckpoint(tx, stream)) checkpoints.remove(tx, stream);
      }
    });
    await unmarkAll(run, marks);
  }
}
