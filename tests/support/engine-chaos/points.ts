import { writeSync } from 'node:fs';
import type { DriverName } from '../drivers.ts';

/**
 * Every place where the child can be told to die. The host's and the driver's are theirs; the others lie in the parts
 * that the child hands to the engine, right before or after something outside of the process changed.
 */
export const POINTS = [
  'host.decided',
  'host.committed',
  'host.effects_started',
  'host.service_settled',
  'host.claimed',
  'host.timer_due',
  'sql.before_commit',
  'sql.committed',
  'open.resolved',
  /** The temporary file exists and is empty. */
  'disk.created',
  'disk.appended',
  /** The bytes are durable under their temporary name. */
  'disk.synced',
  'disk.renamed',
  'disk.directory_synced',
  'disk.removing',
  'disk.removed',
  /** The blob is durable, and no commit knows of it. */
  'blob.written',
  'upload.begun',
  /** The server named the upload; its handle is not in the log. */
  'upload.opening',
  'upload.opened',
  'upload.bytes',
  'upload.last_byte',
  /** The server holds the object; its receipt is not in the log. */
  'upload.answered',
  'attach.looking',
  'attach.found',
  'remove.asking',
  'remove.answered',
  'download.begun',
  'download.bytes',
  'http.POST.sending',
  'http.POST.answered',
  'http.HEAD.sending',
  'http.HEAD.answered',
  'http.PATCH.sending',
  'http.PATCH.answered',
  'http.DELETE.sending',
  'http.DELETE.answered',
  'http.GET.sending',
  'http.GET.answered',
  'backend.pushing',
  /** The backend applied the ops; the outbox still holds them. */
  'backend.pushed',
  'backend.pulled',
  /** Inside the commit: the app's own rows are written. */
  'app.projected',
  'app.written',
  /** The verb is durable, and nobody was told. */
  'capture.resolved',
  'link.resolved',
  'remove.resolved',
  'replace.resolved',
  'cancel.resolved',
  'read.resolved',
  /** sql.js: a transaction stands in the journal, its seal not; COMMIT in memory comes next. */
  'journal.staged',
  /** Committed, perhaps not yet on the disk, and nobody was told. */
  'journal.sealed',
  'journal.synced',
  /** In a checkpoint: the new image is written, or there for good under another name; then image and journal change. */
  'image.written',
  'image.synced',
  'image.renamed',
  'journal.renamed',
] as const;

export type Point = (typeof POINTS)[number];

/** Points that a life with this driver comes to. */
export function pointsOf(driver: DriverName): readonly Point[] {
  const isOfFiles = (point: Point): boolean => /^(?:journal|image)\./.test(point);
  return driver === 'sql.js' ? POINTS : POINTS.filter((point) => !isOfFiles(point));
}

/** A point, and which of its occurrences. */
export interface KillAt {
  readonly point: Point;
  readonly nth: number;
}

/** Counts occurrences; at the chosen one the process is gone, in the middle of whatever it does. */
export interface Points {
  hit(point: Point): void;
  counts(): Readonly<Record<string, number>>;
}

export function createPoints(killAt: KillAt | null): Points {
  const counts = new Map<Point, number>();
  return {
    hit(point) {
      const nth = (counts.get(point) ?? 0) + 1;
      counts.set(point, nth);
      if (killAt === null || killAt.point !== point || killAt.nth !== nth) return;
      say({ type: 'dying', point, nth });
      process.kill(process.pid, 'SIGKILL');
    },
    counts: () => Object.fromEntries(counts),
  };
}

/** What the child tells the judge, one line of JSON each; written before the call returns. */
export type Line =
  | { readonly type: 'opening' | 'open' }
  | { readonly type: 'begin'; readonly n: number }
  | {
      readonly type: 'ack';
      readonly n: number;
      readonly verb: string;
      readonly mediaId: string;
      readonly owner: string;
      /** Of the captured or read bytes, where the verb has any. */
      readonly sha256: string | null;
    }
  /** One run of an upload hands bytes over, from this offset on. */
  | { readonly type: 'run'; readonly mediaId: string }
  | { readonly type: 'sent'; readonly mediaId: string; readonly bytes: number }
  | { readonly type: 'dying'; readonly point: string; readonly nth: number }
  | { readonly type: 'idle'; readonly counts: Readonly<Record<string, number>> }
  /** Something is left to do and nobody does it; or an error that nothing foresaw. */
  | { readonly type: 'trouble'; readonly message: string };

export function say(line: Line): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}
