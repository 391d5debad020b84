import { factsOf } from '../../machines/attachment/facts.ts';
import { type MediaId, type Owner, ownerKey } from '../../machines/attachment/types.ts';
import type { JsonObject } from '../../machines/json.ts';
import type { AttachmentTables } from '../../ports/attachment-tables.ts';
import type { BlobStore } from '../../ports/blob-store.ts';
import type { Clock } from '../../ports/clock.ts';
import { LadingError } from '../../ports/errors.ts';
import type { EventStore, StoreTransaction } from '../../ports/event-store.ts';
import type { HealingRows } from '../../ports/healing-rows.ts';
import type { Logger } from '../../ports/logger.ts';
import { sidecarIds } from '../../ports/sidecar-name.ts';
import type { SidecarName } from '../../ports/sidecars.ts';
import { createSlices } from '../garbage/slices.ts';
import type { StateView } from '../host/definition.ts';
import type { Host } from '../host/host.ts';
import type { Work } from '../host/work.ts';
import { asStream } from '../lifecycle/as-stream.ts';
import type { FieldRegistry } from '../lifecycle/fields.ts';
import { ATTACHMENT } from '../lifecycle/hosted.ts';
import { readSidecar, type Sidecar, type SidecarRef } from './sidecar-text.ts';

export interface RecoverOptions {
  /** Only says what would be taken over. Default false. */
  readonly dryRun?: boolean;
}

/** What of the bytes that the log had lost is an attachment again, and what is not, and why. */
export interface RecoverReport {
  /** Attachments that are here again and upload; with `dryRun`, that would be. */
  readonly adopted: readonly MediaId[];
  /** Left as they are, file and sidecar: nothing was deleted. */
  readonly leftOut: readonly {
    /** Null where not even the name of the sidecar tells. */
    readonly mediaId: MediaId | null;
    readonly reason: LeftOutReason;
  }[];
  /** Refs of adopted or left out attachments that have no place any more. */
  readonly refsLeftOut: readonly {
    readonly mediaId: MediaId;
    readonly owner: Owner;
    /** `unknown_field`: this app has no such field; `too_many`: its list is full. */
    readonly reason: 'unknown_field' | 'too_many';
  }[];
}

/**
 * `file_missing`: the bytes are not there; `file_changed`: they are not those that were captured, by size or hash;
 * `file_unreadable`: the store refuses them; `no_place`: none of its owners takes it; `sidecar_unreadable`: damaged, or
 * encrypted with another key; `sidecar_newer`: a newer version of Lading wrote it; `refused`: the commit was refused.
 */
export type LeftOutReason =
  | 'file_missing'
  | 'file_changed'
  | 'file_unreadable'
  | 'no_place'
  | 'sidecar_unreadable'
  | 'sidecar_newer'
  | 'refused';

export interface RecoverParts {
  readonly host: Pick<Host, 'state' | 'transact'>;
  readonly events: Pick<EventStore, 'read'>;
  readonly tables: Pick<AttachmentTables, 'refsOfOwner'>;
  readonly rows: HealingRows;
  readonly fields: FieldRegistry;
  readonly blobs: BlobStore;
  readonly accountId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborted when Lading closes; what was adopted by then is. */
  readonly ending: AbortSignal;
}

/** What one slice of work may take before others have their turn. */
const SLICE_MS = 8;

/** What is to be done with a sidecar: nothing, since the log knows better, or an adoption. */
type Plan =
  | { readonly type: 'known'; readonly leftOut: Report['refsLeftOut'] }
  | { readonly type: 'no_place'; readonly leftOut: Report['refsLeftOut'] }
  | {
      /** `begin`: its stream is lost; `link`: its refs are; `give`: only the backend's word of it is here. */
      readonly type: 'begin' | 'link' | 'give';
      readonly refs: readonly SidecarRef[];
      readonly leftOut: Report['refsLeftOut'];
    };

interface Report {
  readonly adopted: MediaId[];
  readonly leftOut: RecoverReport['leftOut'][number][];
  readonly refsLeftOut: RecoverReport['refsLeftOut'][number][];
}

/**
 * Takes over what sidecars tell and the log does not know: the stream begins anew with its old id, bytes and refs, and
 * uploads (field case 16). One commit each; may be repeated, and done by two processes at once. Deltas are pulled from the
 * beginning afterwards: what was removed elsewhere goes again, since a tombstone wins over a ref that is told without
 * `restore` (contract 5.2).
 * @throws what listing the sidecars throws, and the reason of the engine's end.
 */
export async function recover(
  parts: RecoverParts,
  { dryRun = false }: RecoverOptions = {},
): Promise<RecoverReport> {
  const { blobs, accountId, clock, ending } = parts;
  const report: Report = { adopted: [], leftOut: [], refsLeftOut: [] };
  const slices = createSlices(clock, SLICE_MS, ending);
  const names: SidecarName[] = [];
  for await (const name of blobs.sidecars?.list(accountId) ?? []) names.push(name);
  // In the order in which they were captured: lists that have room for some take the oldest.
  for (const name of names.toSorted(byId)) {
    await slices.breathe();
    await recoverOne(parts, name, dryRun, report);
  }
  return report;
}

async function recoverOne(
  parts: RecoverParts,
  name: SidecarName,
  dryRun: boolean,
  report: Report,
): Promise<void> {
  const { host, events, ending, logger } = parts;
  const mediaId = (sidecarIds(name)?.mediaId ?? null) as MediaId | null;
  const leaveOut = (reason: LeftOutReason): void => void report.leftOut.push({ mediaId, reason });
  const sidecar = await readAt(parts, name);
  if (sidecar === undefined) return;
  if (typeof sidecar === 'string') return leaveOut(sidecar);

  const stream = asStream(sidecar.mediaId);
  const look = (): Plan => events.read((tx) => plan(parts, tx, sidecar, host.state(stream)));
  let planned = look();
  if (planned.type !== 'known' && planned.type !== 'no_place') {
    const wrong = await whatIsWrong(parts, sidecar);
    if (wrong !== null) return leaveOut(wrong);
    if (!dryRun) {
      try {
        planned = await host.transact((work) => adopt(parts, work, sidecar));
      } catch (error) {
        if (ending.aborted) throw error;
        logger.error('an attachment could not be recovered', { stream: mediaId, error });
        return leaveOut('refused');
      }
    }
  }
  report.refsLeftOut.push(...planned.leftOut);
  if (planned.type === 'no_place') leaveOut('no_place');
  else if (planned.type !== 'known') report.adopted.push(sidecar.mediaId);
}

async function readAt(
  { blobs, logger }: RecoverParts,
  name: SidecarName,
): Promise<Sidecar | 'sidecar_unreadable' | 'sidecar_newer' | undefined> {
  try {
    const text = await blobs.sidecars?.read(name);
    if (text === undefined) return undefined; // attached meanwhile
    const read = readSidecar(name, text);
    return read.ok ? read.sidecar : `sidecar_${read.reason}`;
  } catch (error) {
    logger.warn('a sidecar cannot be read', { error });
    return 'sidecar_unreadable';
  }
}

/** Only the bytes that were captured are taken over (field cases 12 and 13). */
async function whatIsWrong(
  { blobs, ending }: RecoverParts,
  { blobKey, media }: Sidecar,
): Promise<LeftOutReason | null> {
  try {
    const found = await blobs.stat(blobKey);
    if (found === undefined) return 'file_missing';
    if (found.sizeBytes !== media.byteSize) return 'file_changed';
    const hash = (await blobs.hash?.(blobKey, ending)) ?? media.sha256;
    return hash === media.sha256 ? null : 'file_changed';
  } catch (error) {
    if (ending.aborted) throw error;
    const code = error instanceof LadingError ? error.code : null;
    if (code === 'blob_missing') return 'file_missing';
    return code === 'blob_corrupt' ? 'file_changed' : 'file_unreadable';
  }
}

function plan(
  { fields, tables }: RecoverParts,
  tx: StoreTransaction,
  sidecar: Sidecar,
  state: StateView | undefined,
): Plan {
  const type = state === undefined ? 'begin' : whatIsLost(state, sidecar);
  if (type === 'known') return { type, leftOut: [] };
  const refs: SidecarRef[] = [];
  const leftOut: Report['refsLeftOut'] = [];
  for (const ref of sidecar.refs) {
    const { owner } = ref;
    const field = fields.find(owner);
    const present = tables.refsOfOwner(tx, ownerKey(owner));
    const hasIt = present.some(({ mediaId }) => mediaId === sidecar.mediaId);
    if (field === undefined) {
      leftOut.push({ mediaId: sidecar.mediaId, owner, reason: 'unknown_field' });
    } else if (!hasIt && present.length >= field.maxCount) {
      leftOut.push({ mediaId: sidecar.mediaId, owner, reason: 'too_many' });
    } else {
      const hasPrimary = present.some(({ isPrimary }) => isPrimary);
      refs.push({ ...ref, isPrimary: ref.isPrimary && !hasPrimary });
    }
  }
  // Without an owner it would be a draft, which goes after its grace: then it is better left to its sidecar.
  if (type !== 'give' && sidecar.refs.length > 0 && refs.length === 0) {
    return { type: 'no_place', leftOut };
  }
  return { type, refs, leftOut };
}

/** What the log lacks of an attachment that it knows. */
function whatIsLost(state: StateView, { refs }: Sidecar): 'known' | 'link' | 'give' {
  const { situation, local } = factsOf(state.value, state.context);
  // Whatever was linked once is never a draft again: the events that linked it are lost.
  if (situation === 'draft' && refs.length > 0) return 'link';
  return situation === 'awaitingAuthor' && local === 'missing' ? 'give' : 'known';
}

/** Decided again inside the commit: another process may have been first. */
function adopt(parts: RecoverParts, work: Work, sidecar: Sidecar): Plan {
  const { mediaId, accountId, blobKey, media, policy, capturedAt } = sidecar;
  const stream = asStream(mediaId);
  const planned = plan(parts, work.tx, sidecar, work.peek(stream));
  if (planned.type === 'known' || planned.type === 'no_place') return planned;
  if (planned.type === 'begin') {
    const input = { mediaId, accountId, origin: 'here', media, policy, capturedAt, url: null };
    work.create(stream, ATTACHMENT, { ...input, blobKey } as unknown as JsonObject);
  } else if (planned.type === 'give') {
    work.send(stream, { type: 'bytes.given', blobKey, media: { ...media } });
  }
  for (const { owner, rank, isPrimary } of planned.refs) {
    // As news, and not as a new ref: the backend is told when it is attached, and its tombstone wins.
    const { accountId: account, projectId = null } = owner.scope;
    const known = { ...owner, scope: { accountId: account, projectId } };
    work.send(stream, { type: 'ref.synced', owner: known, rank, isPrimary });
  }
  parts.rows.pullAnew(work.tx, accountId);
  return planned;
}

function byId(a: SidecarName, b: SidecarName): number {
  return a < b ? -1 : 1;
}
