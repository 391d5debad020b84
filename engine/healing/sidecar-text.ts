import * as v from 'valibot';
import { factsOf } from '../../machines/attachment/facts.ts';
import type {
  AttachmentPolicy,
  MediaFacts,
  MediaId,
  Owner,
} from '../../machines/attachment/types.ts';
import { accountPrefix, type BlobKey } from '../../ports/blob-store.ts';
import { sidecarIds } from '../../ports/sidecar-name.ts';
import type { SidecarName } from '../../ports/sidecars.ts';
import type { StateView } from '../host/definition.ts';
import { contextOf } from '../lifecycle/consequences.ts';
import { plain } from '../lifecycle/lists.ts';

/** What a sidecar tells of an attachment that only this device has: enough to begin its stream anew, and no secret. */
export interface Sidecar {
  readonly mediaId: MediaId;
  readonly accountId: string;
  readonly blobKey: BlobKey;
  readonly media: MediaFacts;
  readonly policy: AttachmentPolicy;
  readonly capturedAt: number;
  /** Empty for a draft. */
  readonly refs: readonly SidecarRef[];
}

export interface SidecarRef {
  readonly owner: Owner;
  readonly rank: string;
  readonly isPrimary: boolean;
}

/** What a text that stands under a sidecar's name is. */
export type ReadSidecar =
  | { readonly ok: true; readonly sidecar: Sidecar }
  /** `newer`: a newer version of Lading wrote it; `unreadable`: damaged, or not ours. Both are left as they are. */
  | { readonly ok: false; readonly reason: 'newer' | 'unreadable' };

const VERSION = 1;

const id = v.pipe(v.string(), v.minLength(1), v.maxLength(200));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const policySchema = v.object({
  maxAttempts: count,
  patienceMs: count,
  backoffBaseMs: count,
  backoffCapMs: count,
  dropLocalAtOnce: v.boolean(),
  remoteOnRelease: v.picklist(['delete', 'keep']),
  draftGraceMs: count,
  undoGraceMs: count,
  lateArrivalMs: count,
  network: v.exactOptional(v.picklist(['any', 'unmetered'])),
});
const schema = v.object({
  version: v.literal(VERSION),
  mediaId: id,
  accountId: id,
  blobKey: v.pipe(v.string(), v.minLength(1), v.maxLength(1_000)),
  media: v.object({
    kind: v.picklist(['image', 'pdf', 'file', 'video', 'audio']),
    contentType: v.pipe(v.string(), v.maxLength(255)),
    byteSize: count,
    sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
    filename: v.nullable(v.pipe(v.string(), v.maxLength(255))),
  }),
  policy: policySchema,
  capturedAt: count,
  refs: v.array(
    v.object({
      owner: v.object({
        scope: v.object({ accountId: id, projectId: v.nullable(id) }),
        entityType: id,
        entityId: id,
        field: id,
      }),
      rank: v.pipe(v.string(), v.minLength(1), v.maxLength(500)),
      isPrimary: v.boolean(),
    }),
  ),
});
const anyVersion = v.object({ version: count });

/**
 * The sidecar's text of an attachment in this state, or null for one that needs none: what is attached, gone or removed
 * is the backend's, or nobody's, and without bytes there is nothing to find again.
 */
export function sidecarText(state: StateView): string | null {
  if (!isUnsent(state)) return null;
  const { mediaId, accountId, blobKey, media, policy, capturedAt, refs } = contextOf(state.context);
  return JSON.stringify({
    version: VERSION,
    mediaId,
    accountId,
    blobKey,
    media,
    policy,
    capturedAt,
    refs: refs.map(({ owner, rank, isPrimary }) => ({ owner: plain(owner), rank, isPrimary })),
  });
}

/** Whether a step changed what its attachment's sidecar says: told by identity, since contexts are never mutated. */
export function isOtherSidecar(before: StateView | null, after: StateView): boolean {
  const isNeeded = isUnsent(after);
  if (before === null) return isNeeded;
  if (isUnsent(before) !== isNeeded) return true;
  const [old, now] = [contextOf(before.context), contextOf(after.context)];
  return (
    isNeeded &&
    (old.refs !== now.refs ||
      old.policy !== now.policy ||
      old.media !== now.media ||
      old.blobKey !== now.blobKey)
  );
}

/** Whether a sidecar is of no use any more, whatever becomes of the bytes: the remote has them, or nobody wants them. */
export function isObsolete(state: StateView): boolean {
  const { url, gone } = contextOf(state.context);
  return url !== null || gone || factsOf(state.value, state.context).situation === 'released';
}

/** The bytes are here and nowhere else (contract 1, upload job). */
function isUnsent(state: StateView): boolean {
  const { bytes, blobKey } = contextOf(state.context);
  return bytes && blobKey !== null && !isObsolete(state);
}

/** Reads what stands under `name`; nothing of it is trusted that does not fit the name. */
export function readSidecar(name: SidecarName, text: string): ReadSidecar {
  const known = parsed(text);
  const version = v.safeParse(anyVersion, known);
  if (version.success && version.output.version > VERSION) return { ok: false, reason: 'newer' };
  const result = v.safeParse(schema, known);
  if (!result.success) return { ok: false, reason: 'unreadable' };
  const { version: _version, ...sidecar } = result.output;
  const ids = sidecarIds(name);
  const fits =
    ids?.mediaId === sidecar.mediaId &&
    ids.accountId === sidecar.accountId &&
    sidecar.blobKey.startsWith(accountPrefix(sidecar.accountId)) &&
    sidecar.refs.every(({ owner }) => owner.scope.accountId === sidecar.accountId);
  if (!fits) return { ok: false, reason: 'unreadable' };
  return {
    ok: true,
    sidecar: {
      ...sidecar,
      mediaId: sidecar.mediaId as MediaId,
      blobKey: sidecar.blobKey as BlobKey,
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
