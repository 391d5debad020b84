import type { Run } from './run.ts';

/** Streams in one commit: each is folded twice before its events go, about a millisecond. */
const STREAMS = 4;
/** Pages in one commit: 256 KB of a usual database. */
const PAGES = 64;

/**
 * Attachments at rest keep one event of their lives, and the pages that this frees go back to the disk where the file
 * was made for it (contract 5.5). In many small commits: what is done is done.
 */
export async function shortenLog(run: Run): Promise<void> {
  const { clock, compactor, settings, findings } = run;
  const { checkpointAfterMs, tombstoneAfterMs } = settings;
  for (let more = true; more; ) {
    const done = await compactor.compact({
      now: clock.now(),
      checkpointAfterMs,
      tombstoneAfterMs,
      limit: STREAMS,
    });
    findings.compacted(done.streams, done.events);
    more = done.more;
    run.crashPoint?.('garbage_log_shortened');
    await run.slices.breathe();
  }
  for (let more = true; more; ) {
    const { freedPages, freePages } = await run.giveBackPages(PAGES);
    findings.pagesFreed += freedPages;
    more = freedPages > 0 && freePages > 0;
    await run.slices.breathe();
  }
}
