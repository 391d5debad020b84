import type { JournalEntry } from './batch-codec.ts';

/** What the open transaction would write to the journal: a savepoint that is taken back takes its statements along. */
export interface PendingBatch {
  readonly entries: readonly JournalEntry[];
  /** Whether a savepoint opened the transaction: releasing it commits. */
  readonly isSavepointOutermost: boolean;
  add(entry: JournalEntry): void;
  mark(name: string): void;
  /** @returns whether no savepoint is left. */
  release(name: string): boolean;
  rollBackTo(name: string): void;
}

export function pendingBatch(isSavepointOutermost: boolean): PendingBatch {
  const entries: JournalEntry[] = [];
  let marks: { readonly name: string; readonly entries: number }[] = [];
  const find = (name: string): number => marks.findLastIndex((mark) => mark.name === name);
  return {
    entries,
    isSavepointOutermost,
    add: (entry) => void entries.push(entry),
    mark: (name) => void marks.push({ name, entries: entries.length }),
    release(name) {
      marks = marks.slice(0, Math.max(0, find(name)));
      return marks.length === 0;
    },
    rollBackTo(name) {
      const at = find(name);
      const mark = marks[at];
      if (mark === undefined) return; // SQLite has refused it already
      entries.length = mark.entries;
      marks = marks.slice(0, at + 1);
    },
  };
}
