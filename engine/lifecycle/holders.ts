import type { MediaId } from '../../machines/attachment/types.ts';
import type { AttachmentTables, JobSituation, UploadRow } from '../../ports/attachment-tables.ts';
import type { StoreTransaction } from '../../ports/event-store.ts';
import type { GateKeeper } from './gates.ts';

/** An upload that the log says is under way, and who holds it. */
export interface UploadUnderWay extends UploadRow {
  /** When the lease of the other, living runner that holds it ends; null when it is ours, or nobody's. */
  readonly foreignUntil: number | null;
}

/** What only somebody's asking moves; a new start is one (contract 4.5). */
export const GIVEN_UP: readonly JobSituation[] = [
  'failed',
  'awaitingCredentials',
  'leftover',
  'removeAwaitingCredentials',
];

/** Queued attachments that the gates would let start, so many of each queue at most. */
export function queuedJobs(
  tx: StoreTransaction,
  tables: AttachmentTables,
  accountId: string,
  gates: GateKeeper,
  limit: number,
): readonly MediaId[] {
  const free = gates.mayStart() ? tables.jobs(tx, accountId, 'queued', limit) : [];
  const kept = gates.mayStart(true) ? tables.jobs(tx, accountId, 'unmetered', limit) : [];
  return [...free, ...kept];
}

/** Uploads of an account that are under way, by rows alone (contract 4.3). */
export function uploadsUnderWay(
  tx: StoreTransaction,
  tables: AttachmentTables,
  options: { readonly accountId: string; readonly runner: string; readonly now: number },
): readonly UploadUnderWay[] {
  const { accountId, runner, now } = options;
  const rows = tables.underWay(tx, accountId);
  const holderOf = ({ task }: UploadRow): string => task?.runner ?? runner;
  const leases = rows.every((row) => holderOf(row) === runner) ? [] : tx.runners.all();
  return rows.map((row) => {
    const holder = holderOf(row);
    const lease = holder === runner ? undefined : leases.find((one) => one.runner === holder);
    const until = lease?.expiresAt ?? 0;
    return { ...row, foreignUntil: until > now ? until : null };
  });
}
