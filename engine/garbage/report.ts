import type { GarbageKind } from '../../ports/garbage-table.ts';

/** One thing that was found. */
export interface GarbageItem {
  readonly kind: GarbageKind;
  /** Its name in its place: a blob key, an id. */
  readonly key: string;
  /** Stable, snake_case: why nothing needs it, or for `kept`, why it stays. */
  readonly reason: string;
  /**
   * `removed`: it is gone, with `dryRun` it would be; `waits`: it goes at `dueAt`, if nothing needs it by then; `kept`:
   * the log does not know it, and it may be all that is left of somebody's work; `failed`: it could not be removed.
   */
  readonly action: 'removed' | 'waits' | 'kept' | 'failed';
  readonly sizeBytes?: number;
  /** Milliseconds since 1970. */
  readonly dueAt?: number;
}

/** What one run found and did (contract 5.4). */
export interface GarbageReport {
  readonly dryRun: boolean;
  /** What was freed on this device; with `dryRun` what would be freed now. */
  readonly freed: { readonly files: number; readonly bytes: number };
  /** How many of each kind, beyond `items` too. */
  readonly counts: Readonly<
    Partial<Record<GarbageKind, Readonly<Partial<Record<GarbageItem['action'], number>>>>>
  >;
  /** Each thing that was found; at most 1,000. */
  readonly items: readonly GarbageItem[];
  /** Attachments whose bytes should be here and are not: they were told. */
  readonly bytesMissing: number;
  /** Refs among the app's roots that lead to no attachment of this device. */
  readonly rootsUnknown: number;
  /**
   * What the log gave back: streams that were compacted, events that went, and pages of the database's file that are the
   * disk's again (0 for a file that was made without `auto_vacuum`: there they are used anew).
   */
  readonly log: { readonly streams: number; readonly events: number; readonly pages: number };
  /** What kept a part of the run from its end; the rest was done. */
  readonly problems: readonly GarbageProblem[];
}

export interface GarbageProblem {
  /**
   * `files_gone`: the log knows files and not one of them is there, so that the place itself may be missing; nothing was
   * told or removed. `list_failed`, `remote_failed`: the store, or the remote, could not say what it has.
   */
  readonly code: 'files_gone' | 'list_failed' | 'remote_failed';
  readonly message: string;
}

const MOST_ITEMS = 1_000;

/** A report that is being written. */
export interface Findings {
  note(item: GarbageItem): void;
  problem(problem: GarbageProblem): void;
  bytesMissing: number;
  rootsUnknown: number;
  pagesFreed: number;
  compacted(streams: number, events: number): void;
  report(): GarbageReport;
}

export function createFindings(dryRun: boolean): Findings {
  const counts: Partial<Record<GarbageKind, Partial<Record<GarbageItem['action'], number>>>> = {};
  const items: GarbageItem[] = [];
  const problems: GarbageProblem[] = [];
  const freed = { files: 0, bytes: 0 };
  const log = { streams: 0, events: 0 };
  const findings: Findings = {
    bytesMissing: 0,
    rootsUnknown: 0,
    pagesFreed: 0,
    note(item) {
      const { kind, action } = item;
      const ofKind = counts[kind] ?? {};
      counts[kind] = { ...ofKind, [action]: (ofKind[action] ?? 0) + 1 };
      if (items.length < MOST_ITEMS) items.push(item);
      if (action !== 'removed' || (kind !== 'blob' && kind !== 'temporary')) return;
      freed.files += 1;
      freed.bytes += item.sizeBytes ?? 0;
    },
    problem: (problem) => void problems.push(problem),
    compacted(streams, events) {
      log.streams += streams;
      log.events += events;
    },
    report: () => ({
      dryRun,
      freed: { ...freed },
      counts: structuredClone(counts),
      items: [...items],
      bytesMissing: findings.bytesMissing,
      rootsUnknown: findings.rootsUnknown,
      log: { ...log, pages: findings.pagesFreed },
      problems: [...problems],
    }),
  };
  return findings;
}
