import { BATCH, ownerName, type PlannedFile, type Step } from './plan.ts';
import type { Line } from './points.ts';

/** What must be true of one attachment, by the steps whose commits happened. */
export interface Expected {
  readonly mediaId: string;
  readonly owner: string;
  readonly field: string;
  readonly file: PlannedFile;
  readonly situation: 'draft' | 'linked' | 'let go';
  /** It was a draft when it was let go, or still is: it may never have been sent. */
  readonly neverLinked: boolean;
}

/** Plays the committed steps in the plan's order; steps about one attachment never overtake each other. */
export function expectedAfter(
  plan: readonly Step[],
  committed: ReadonlySet<number>,
): ReadonlyMap<string, Expected> {
  const all = new Map<string, Expected>();
  const change = (mediaId: string, situation: Expected['situation']): void => {
    const one = all.get(mediaId);
    if (one === undefined) throw new Error(`the plan is unsound at ${mediaId}`);
    const neverLinked = one.neverLinked && situation !== 'linked';
    all.set(mediaId, { ...one, situation, neverLinked });
  };
  const add = (mediaId: string, step: Step, file: PlannedFile, draft: boolean): void => {
    all.set(mediaId, {
      mediaId,
      owner: ownerName(step.owner),
      field: step.owner.field,
      file,
      situation: draft ? 'draft' : 'linked',
      neverLinked: draft,
    });
  };
  for (const step of plan) {
    if (!committed.has(step.n)) continue;
    if (step.verb === 'capture') add(step.mediaId, step, step.file, step.draft);
    if (step.verb === 'link') change(step.mediaId, 'linked');
    if (step.verb === 'remove' || step.verb === 'cancel') change(step.mediaId, 'let go');
    if (step.verb === 'replace') {
      change(step.mediaId, 'let go');
      add(step.newId, step, step.file, false);
    }
  }
  return all;
}

/** What was told over the pipes of all lives so far. */
export interface Told {
  readonly begun: ReadonlySet<number>;
  readonly acknowledged: ReadonlyMap<number, Extract<Line, { type: 'ack' }>>;
  /** By mediaId: runs of the upload, and bytes handed over by all of them. */
  readonly sent: ReadonlyMap<string, { readonly runs: number; readonly bytes: number }>;
}

export function toldBy(lines: readonly Line[]): Told {
  const begun = new Set<number>();
  const acknowledged = new Map<number, Extract<Line, { type: 'ack' }>>();
  const sent = new Map<string, { readonly runs: number; readonly bytes: number }>();
  const count = (mediaId: string, runs: number, bytes: number): void => {
    const so = sent.get(mediaId) ?? { runs: 0, bytes: 0 };
    sent.set(mediaId, { runs: so.runs + runs, bytes: so.bytes + bytes });
  };
  for (const line of lines) {
    if (line.type === 'begin') begun.add(line.n);
    if (line.type === 'ack') acknowledged.set(line.n, line);
    if (line.type === 'run') count(line.mediaId, 1, 0);
    if (line.type === 'sent') count(line.mediaId, 0, line.bytes);
  }
  return { begun, acknowledged, sent };
}

/** Whether so little is left to do that the next life needs another batch. */
export function needsBatch(batches: number, done: number): boolean {
  return batches * BATCH - done < BATCH / 2;
}
