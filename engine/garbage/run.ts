import type { AttachmentTables, CheckpointTable } from '../../ports/attachment-tables.ts';
import type { BlobStore, StoredBlob } from '../../ports/blob-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { DerivedTable } from '../../ports/derived-table.ts';
import type { EventStore, StoreTransaction } from '../../ports/event-store.ts';
import {
  type GarbageKind,
  type GarbageMark,
  type GarbageTable,
  REMOVAL_BEGUN,
} from '../../ports/garbage-table.ts';
import type { Logger } from '../../ports/logger.ts';
import type { Remote } from '../../ports/remote.ts';
import type { Compactor } from '../compaction/compactor.ts';
import type { Protection } from '../healing/protected.ts';
import type { Host } from '../host/host.ts';
import type { GateKeeper } from '../lifecycle/gates.ts';
import type { FreshKeys } from './fresh-keys.ts';
import type { GarbageSettings } from './options.ts';
import type { Findings, GarbageItem } from './report.ts';
import type { Slices } from './slices.ts';

/** What the collector works on. */
export interface GarbageParts {
  readonly host: Host;
  readonly events: EventStore;
  readonly tables: AttachmentTables;
  readonly garbage: GarbageTable;
  readonly checkpoints: CheckpointTable;
  readonly derived: Pick<DerivedTable, 'drop' | 'stale'>;
  readonly blobs: BlobStore;
  readonly remote: Remote;
  readonly gates: Pick<GateKeeper, 'remoteOpen'>;
  readonly accountId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: GarbageSettings;
  readonly fresh: FreshKeys;
  /** Aborted when Lading closes. */
  readonly ending: AbortSignal;
  /** What speaks for files without a record; asked anew by each run. @throws when that cannot be known. */
  protection(): Promise<Protection>;
  /** Shortens the log of attachments at rest (contract 5.5). */
  readonly compactor: Compactor;
  /** Gives up to so many free pages of the database's file back to the disk. */
  giveBackPages(
    pages: number,
  ): Promise<{ readonly freedPages: number; readonly freePages: number }>;
  /** Told between two durable steps; for crash tests. */
  crashPoint?: ((name: string) => void) | undefined;
}

/** One run of it. */
export interface Run extends GarbageParts {
  /**
   * Why a file without a record must stay, if it must: it may be all that is left of somebody's work (field case 16).
   * Stable, snake_case.
   */
  protects(file: StoredBlob): Promise<string | undefined>;
  readonly dryRun: boolean;
  readonly rootsMayBeEmpty: boolean;
  /** When it began: what is found in it goes in a later one at the earliest. */
  readonly startedAt: number;
  readonly findings: Findings;
  readonly slices: Slices;
}

/** Rows that share one look, marks that share one commit. */
export const BATCH = 64;

/** What a mark comes to now: it must have been found by an earlier run, and the grace must be over. */
export function isDue({ startedAt, clock, settings }: Run, mark: GarbageMark): boolean {
  if (mark.foundAt >= startedAt) return false;
  return mark.reason === REMOVAL_BEGUN || clock.now() - mark.foundAt >= settings.graceMs;
}

export function itemOf(
  { settings, clock }: Run,
  mark: Pick<GarbageMark, 'kind' | 'key' | 'reason' | 'foundAt'>,
  action: GarbageItem['action'],
  sizeBytes?: number,
): GarbageItem {
  const { kind, key, reason } = mark;
  return {
    kind,
    key,
    reason,
    action,
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    ...(action === 'waits'
      ? { dueAt: Math.min(mark.foundAt, clock.now()) + settings.graceMs }
      : {}),
  };
}

/**
 * Marks what was found, in one commit; each keeps the time of its first finding. A mark from the future was made by a
 * clock that was ahead: it counts from now.
 */
export async function markAll(
  run: Run,
  found: readonly { readonly kind: GarbageKind; readonly key: string; readonly reason: string }[],
): Promise<void> {
  if (run.dryRun || found.length === 0) return;
  const foundAt = Math.floor(run.clock.now());
  await run.events.transact((tx) => {
    for (const one of found) run.garbage.mark(tx, { ...one, foundAt });
  });
  run.crashPoint?.('garbage_marked');
}

export async function unmarkAll(
  run: Run,
  marks: readonly Pick<GarbageMark, 'kind' | 'key'>[],
): Promise<void> {
  if (run.dryRun || marks.length === 0) return;
  await run.events.transact((tx) => {
    for (const { kind, key } of marks) run.garbage.unmark(tx, kind, key);
  });
  run.crashPoint?.('garbage_unmarked');
}

/** All marks of one kind, page by page, each in its turn. */
export async function* marksOf(run: Run, kind: GarbageKind): AsyncIterable<GarbageMark> {
  for (let after = ''; ; ) {
    const from = after;
    const page = run.events.read((tx: StoreTransaction) =>
      run.garbage.marks(tx, kind, from, BATCH),
    );
    for (const one of page) {
      yield one;
      await run.slices.breathe();
    }
    const last = page.at(-1);
    if (last === undefined || page.length < BATCH) return;
    after = last.key;
  }
}
