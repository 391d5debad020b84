import type { MediaId } from '../../machines/attachment/types.ts';
import type { AttachmentTables, JobSituation } from '../../ports/attachment-tables.ts';
import type { StoreTransaction, Task } from '../../ports/event-store.ts';
import { asStream } from './as-stream.ts';
import type { GateKeeper } from './gates.ts';

/** An upload that the log says is under way, and who holds it. */
export interface UploadUnderWay {
  readonly mediaId: MediaId;
  /** When the lease of the other, living runner that holds it ends; null when it is ours, or nobody's. */
  readonly foreignUntil: number | null;
  /** What runs it, or would; undefined where the log claims what no row does. */
  readonly task: Task | undefined;
  /** It sends bytes, and over unmetered links only. */
  readonly unmetered: boolean;
}

/** What only somebody's asking moves; a new start is one (contract 4.5). */
export const GIVEN_UP: readonly JobSituation[] = [
  'failed',
  'awaitingCredentials',
  'leftover',
  'removeAwaitingCredentials',
];

/** Queued attachments that the gates would let start, oldest first. */
export function queuedJobs(
  tx: StoreTransaction,
  tables: AttachmentTables,
  accountId: string,
  gates: GateKeeper,
  limit: number,
): readonly MediaId[] {
  const free = gates.mayStart() ? tables.jobs(tx, accountId, 'queued', limit) : [];
  const kept = gates.mayStart(true) ? tables.jobs(tx, accountId, 'unmetered', limit) : [];
  if (kept.length === 0) return free;
  const since = new Map(
    [...free, ...kept].map((mediaId) => [mediaId, tables.media(tx, mediaId)?.facts.since ?? 0]),
  );
  return [...since.keys()]
    .toSorted((a, b) => (since.get(a) ?? 0) - (since.get(b) ?? 0))
    .slice(0, limit);
}

/** More than all runners of one device ever have under way at once. */
const LIMIT = 1_000;

/** Uploads of an account that are under way, by rows alone (contract 4.3). */
export function uploadsUnderWay(
  tx: StoreTransaction,
  tables: AttachmentTables,
  options: { readonly accountId: string; readonly runner: string; readonly now: number },
): readonly UploadUnderWay[] {
  const { accountId, runner, now } = options;
  const media = [
    ...tables.jobs(tx, accountId, 'uploading', LIMIT),
    ...tables.jobs(tx, accountId, 'attaching', LIMIT),
  ];
  if (media.length === 0) return [];
  const leases = new Map(tx.runners.all().map((row) => [row.runner, row.expiresAt]));
  return media.map((mediaId) => {
    const task = tx.tasks
      .of(asStream(mediaId))
      .find(({ kind, name }) => kind === 'invoke' && (name === 'upload' || name === 'attach'));
    const holder = task?.runner ?? runner;
    const until = holder === runner ? 0 : (leases.get(holder) ?? 0);
    const { situation, unmetered = false } = tables.media(tx, mediaId)?.facts ?? {};
    return {
      mediaId,
      foreignUntil: until > now ? until : null,
      task,
      unmetered: unmetered && situation === 'uploading',
    };
  });
}
