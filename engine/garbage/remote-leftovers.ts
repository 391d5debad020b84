import type { MediaId } from '../../machines/attachment/types.ts';
import { type IncompleteUpload, mediaIdOfKey, type ObjectKey } from '../../ports/remote.ts';
import { asStream } from '../lifecycle/as-stream.ts';
import { contextOf } from '../lifecycle/consequences.ts';
import { isDue, itemOf, markAll, marksOf, type Run, unmarkAll } from './run.ts';

/** Situations that may still go on with an unfinished upload. */
const MAY_RESUME: ReadonlySet<string> = new Set([
  'draft',
  'queued',
  'waiting',
  'awaitingCredentials',
  'uploading',
  'attaching',
  'failed',
  'released',
]);

/**
 * Unfinished uploads that this device began and will not go on with: they cost money at the remote (field case 42). Only
 * where the remote can list them; those of other devices are theirs (contract 5.2, 5.4).
 */
export async function abortLeftovers(run: Run): Promise<void> {
  const { remote, gates, accountId, ending: signal, findings } = run;
  if (remote.listIncomplete === undefined || remote.abort === undefined) return;
  if (!gates.remoteOpen()) return;
  /** Objects with leftovers that are still there after this run: their marks stay. */
  const left = new Set<string>();
  for (let after: string | null = null; ; ) {
    const page = await remote.listIncomplete(accountId, { after, signal });
    if (!page.ok) {
      findings.problem({
        code: 'remote_failed',
        message: `The remote could not list its unfinished uploads (${page.code}): the next run asks again.`,
      });
      return;
    }
    for (const upload of page.uploads) {
      await run.slices.breathe();
      if (isNeeded(run, upload)) continue;
      if (!(await isEnded(run, upload))) left.add(upload.objectKey);
    }
    if (page.next === null) break;
    after = page.next;
  }
  for await (const one of marksOf(run, 'upload')) {
    // Another account's listing was not heard: its mark goes on counting.
    if (mediaIdOfKey(one.key as ObjectKey, accountId) === undefined) continue;
    if (!left.has(one.key)) await unmarkAll(run, [one]);
  }
}

/** Not known here, or of another device: not ours to say. */
function isNeeded({ host, tables, events, accountId }: Run, upload: IncompleteUpload): boolean {
  const mediaId = mediaIdOfKey(upload.objectKey, accountId) as MediaId | undefined;
  if (mediaId === undefined) return true;
  const media = events.read((tx) => tables.media(tx, mediaId));
  if (media === undefined || media.accountId !== accountId || media.origin !== 'here') return true;
  if (!MAY_RESUME.has(media.facts.situation)) return false;
  const state = host.state(asStream(mediaId));
  const handle = state === undefined ? null : contextOf(state.context).handle;
  // A sealed handle cannot be compared here: what may be it stays.
  return handle === upload.handle || handle?.startsWith('sealed:') === true;
}

/** Its handle may let in whoever has it: only the key of the object is kept, for all that it has left. */
async function isEnded(run: Run, upload: IncompleteUpload): Promise<boolean> {
  const { remote, ending: signal, events, garbage, findings, dryRun, clock } = run;
  const key = upload.objectKey;
  const known = events.read((tx) => garbage.marked(tx, 'upload', key));
  if (known === undefined || !isDue(run, known)) {
    const found = { kind: 'upload', key, reason: 'not_resumed' } as const;
    await markAll(run, [found]);
    findings.note(itemOf(run, { ...found, foundAt: known?.foundAt ?? clock.now() }, 'waits'));
    return false;
  }
  const outcome = dryRun ? { ok: true } : await remote.abort?.(upload, { signal });
  if (!dryRun) run.crashPoint?.('garbage_upload_aborted');
  const ended = outcome?.ok === true;
  findings.note(itemOf(run, known, ended ? 'removed' : 'failed'));
  return ended;
}
