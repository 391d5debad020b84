/**
 * Every change of the context: named pure functions of (context, event), free of XState's types.
 * Each gives the part that changes; for an event that is not theirs they change nothing.
 */

import { backoffMs, clampedRetryAfterMs } from './backoff.ts';
import { blameOf, noBlame } from './blame.ts';
import type { AttachmentContext, FaultRecord } from './context.ts';
import { type AttachmentEvent, timeOf } from './events.ts';
import { entryOf, findRef, findUndoable, isUndoable } from './refs.ts';
import {
  type DownloadOutput,
  type Fault,
  type MediaFacts,
  ownerKey,
  type RefEntry,
} from './types.ts';

export type Assign = (
  context: AttachmentContext,
  event: AttachmentEvent,
) => Partial<AttachmentContext>;

// — references

/** A ref that is new, or that a delta tells anew; an undo of it is pointless from now on. */
const putRef: Assign = (context, event) => {
  if (event.type !== 'ref.linked' && event.type !== 'ref.synced') return {};
  return withRef(context, entryOf(event));
};

/** Removed here: it can be undone. What can no longer be undone is forgotten on the way. */
const dropRef: Assign = (context, event) => {
  if (event.type !== 'ref.unlinked') return {};
  const known = findRef(context, event.owner);
  if (known === undefined) return {};
  const still = context.undoable.filter(
    (ref) => ref.key !== known.key && isUndoable(context, ref, event.at),
  );
  return {
    refs: context.refs.filter((ref) => ref !== known),
    undoable: [
      ...still,
      {
        ...known,
        removedAt: event.at,
        ...(event.reason === 'replaced' ? { replaced: true as const } : {}),
      },
    ],
  };
};

/** Removed elsewhere: there is nothing to undo here. */
const forgetRef: Assign = (context, event) => {
  if (event.type !== 'ref.tombstoned') return {};
  const key = ownerKey(event.owner);
  return { refs: context.refs.filter((ref) => ref.key !== key) };
};

/** Brings the ref back where it stood, rank and primary mark included. */
const restoreRef: Assign = (context, event) => {
  if (event.type !== 'ref.undone') return {};
  const removed = findUndoable(context, event.owner, event.at);
  if (removed === undefined) return {};
  const { removedAt: _removedAt, replaced: _replaced, ...entry } = removed;
  return withRef(context, entry);
};

const moveRef: Assign = (context, event) =>
  event.type === 'ref.moved' ? changeRef(context, event, { rank: event.rank }) : {};

const markPrimary: Assign = (context, event) =>
  event.type === 'ref.primary' ? changeRef(context, event, { isPrimary: event.isPrimary }) : {};

const markGone: Assign = () => ({ gone: true, refs: [], undoable: [] });

// — since when

const enterReference: Assign = (context, event) => ({
  referenceSince: timeOf(event, context.referenceSince),
});
const enterTransfer: Assign = (context, event) => ({ since: timeOf(event, context.since) });
const enterLocal: Assign = (context, event) => ({
  localSince: timeOf(event, context.localSince),
});

// — the way to the remote

/** From here on removal needs the remote (contract 4.2, 5.2). */
const markTouched: Assign = () => ({ touched: true });
const noteHandle: Assign = (_context, event) =>
  event.type === 'upload.opened' ? { handle: event.handle } : {};
const hold: Assign = () => ({ held: true });
const unhold: Assign = () => ({ held: false });
/** For this attachment alone, and for good: a restart remembers it. */
const allowAnyNetwork: Assign = ({ policy }) => ({ policy: { ...policy, network: 'any' } });

const prefer: Assign = (_context, event) =>
  event.type === 'preferred' ? { preferred: event.order } : {};

/** Burnt attempts stay counted until the object is attached, or a receipt that never fits would repeat for ever. */
const noteReceipt: Assign = (_context, event) =>
  event.type === 'xstate.done.actor.upload' && event.output.ok
    ? { receipt: event.output.receipt, authStrikes: 0 }
    : {};

/** The locator is known, from the upload, from `attach` or from a delta. */
const noteUrl: Assign = (context, event) => {
  const url = urlOf(event);
  if (url === null) return {};
  const arrived = context.preferred === undefined ? blameless : { ...blameless, preferred: 0 };
  return { ...arrived, url, attached: true, remoteAbsent: false };
};

/** A new start, as after a success. */
const startAfresh: Assign = () => blameless;

/**
 * The object is lost, the bytes are here: it begins again. A backend that deleted it is told from now on that they were
 * sent after that.
 */
const forgetRemote: Assign = ({ fault }) => ({
  ...blameless,
  url: null,
  receipt: null,
  handle: null,
  remoteAbsent: false,
  ...(fault?.removedAt === undefined ? {} : { sentAfter: fault.removedAt }),
});

/** A retryable failure burns an attempt, and drops what it disproved (contract 4.4, 4.5). */
const burn: Assign = (context, event) => {
  const fault = faultOf(event);
  const blame = blameOf(context, event);
  return {
    ...blame,
    attempts: blame.attempts + 1,
    firstFailedAt: blame.firstFailedAt ?? timeOf(event, context.since),
    delayMs: backoffMs(blame.attempts, context.policy, jitterOf(event), fault),
    fault: recordOf(fault),
    ...(fault?.class === 'resume_lost' ? { handle: null } : {}),
    ...(fault?.class === 'mismatch' ? { handle: null, receipt: null } : {}),
  };
};

/** Refused credentials burn no attempt and keep the resume data (contract 4.4). */
const strike: Assign = (context, event) => {
  const blame = blameOf(context, event);
  return { ...blame, authStrikes: blame.authStrikes + 1, fault: recordOf(faultOf(event)) };
};

/** A fault that no waiting will mend, or a bug. Never touches the bytes. */
const giveUp: Assign = (_context, event) => ({ fault: recordOf(faultOf(event)) });

/** The last attempt is burnt like any other; what is left is a `failed` that a retry takes up again. */
const giveUpSpent: Assign = (context, event) => ({ ...burn(context, event), delayMs: 0 });

const noteSourceMissing: Assign = () => ({
  fault: { class: 'source', code: 'source_missing', message: null, retryable: false },
});
const noteRemoteMissing: Assign = () => ({
  remoteAbsent: true,
  fault: { class: 'remote', code: 'remote_missing', message: null, retryable: true },
});
/** A retry asks the remote again. */
const doubtAbsence: Assign = () => ({ ...blameless, remoteAbsent: false });

const noteRefusal: Assign = (_context, event) =>
  event.type === 'backend.refused'
    ? {
        fault: {
          class: 'backend',
          code: event.code,
          message: event.message,
          // No retry brings an object back that was deleted: its bytes do.
          retryable: event.code !== 'object_gone',
          ...(event.removedAt === undefined ? {} : { removedAt: event.removedAt }),
        },
      }
    : {};

// — removing the remote object

const countSweep: Assign = (context) => ({
  sweeps: context.sweeps + 1,
  tries: 0,
  fault: null,
});
const forgetTries: Assign = () => ({ tries: 0, fault: null });
const burnRemoval: Assign = (context, event) => ({
  tries: context.tries + 1,
  delayMs: backoffMs(context.tries, context.policy, jitterOf(event), faultOf(event)),
  fault: recordOf(faultOf(event)),
});
/** Offline counts no try, and looks again at the slowest pace, or when it was told to. */
const pauseRemoval: Assign = (context, event) => ({
  delayMs: clampedRetryAfterMs(faultOf(event)) || context.policy.backoffCapMs,
  fault: recordOf(faultOf(event)),
});

// — the local copy

const haveBytes: Assign = () => ({ bytes: true, wanted: false });
const lackBytes: Assign = () => ({ bytes: false });
/** The kind is the ref's, which others hold already; all else is what the bytes say. */
const takeBytes: Assign = (context, event) =>
  event.type === 'bytes.given'
    ? {
        origin: 'here',
        blobKey: event.blobKey,
        media: { ...event.media, kind: context.media.kind },
      }
    : {};
const pin: Assign = () => ({ pinned: true });
const unpin: Assign = () => ({ pinned: false });
const want: Assign = () => ({ wanted: true });
const forgetLocalTries: Assign = () => ({ localTries: 0, localFault: null });

/** The download brought the bytes; where the remote was thought empty, it is not. */
const noteDownload: Assign = ({ media }, event) =>
  event.type === 'xstate.done.actor.download' && event.output.ok
    ? {
        blobKey: event.output.blobKey,
        ...learntOf(media, event.output),
        remoteAbsent: false,
        localTries: 0,
        localFault: null,
      }
    : {};
const noteRemoteAbsent: Assign = () => ({ remoteAbsent: true, wanted: false });

const burnLocal: Assign = (context, event) => ({
  localTries: context.localTries + 1,
  localDelayMs: backoffMs(context.localTries, context.policy, jitterOf(event), faultOf(event)),
  localFault: recordOf(faultOf(event)),
});
/** A purge never gives up: it slows down to about one try an hour. */
const burnPurge: Assign = (context, event) => {
  const policy = { ...context.policy, backoffCapMs: SLOWEST_PURGE_MS };
  return {
    ...burnLocal(context, event),
    localDelayMs: backoffMs(context.localTries, policy, jitterOf(event), faultOf(event)),
  };
};
/** Offline and refused credentials count no try; see `pauseRemoval`. */
const pauseLocal: Assign = (context, event) => ({
  localDelayMs: clampedRetryAfterMs(faultOf(event)) || context.policy.backoffCapMs,
  localFault: recordOf(faultOf(event)),
});
/** The reader is told; the next read tries again. */
const giveUpLocal: Assign = (_context, event) => ({
  wanted: false,
  localTries: 0,
  localFault: recordOf(faultOf(event)),
});

// — helpers

const SLOWEST_PURGE_MS = 3_600_000;
const blameless = { ...noBlame, delayMs: 0, fault: null };

function withRef(context: AttachmentContext, entry: RefEntry): Partial<AttachmentContext> {
  const known = context.refs.some((ref) => ref.key === entry.key);
  return {
    refs: known
      ? context.refs.map((ref) => (ref.key === entry.key ? entry : ref))
      : [...context.refs, entry],
    undoable: context.undoable.filter((ref) => ref.key !== entry.key),
  };
}

function changeRef(
  context: AttachmentContext,
  event: Extract<AttachmentEvent, { owner: unknown }>,
  change: Partial<Pick<RefEntry, 'rank' | 'isPrimary'>>,
): Partial<AttachmentContext> {
  const key = ownerKey(event.owner);
  return { refs: context.refs.map((ref) => (ref.key === key ? { ...ref, ...change } : ref)) };
}

function urlOf(event: AttachmentEvent): string | null {
  if (event.type === 'remote.located') return event.url;
  if (event.type === 'xstate.done.actor.upload' && event.output.ok) return event.output.receipt.url;
  if (event.type === 'xstate.done.actor.attach' && event.output.ok) return event.output.url;
  return null;
}

function faultOf(event: AttachmentEvent): Fault | null {
  return 'output' in event && !event.output.ok ? event.output : null;
}

/** An event without a foreseen fault is a crash: its text stays out of the context, since it may hold anything. */
function recordOf(fault: Fault | null): FaultRecord {
  if (fault === null) {
    return { class: 'bug', code: 'internal_error', message: null, retryable: true };
  }
  return {
    class: fault.class,
    code: fault.code,
    message: fault.message ?? null,
    retryable: fault.class !== 'terminal',
  };
}

function jitterOf(event: AttachmentEvent): number {
  return 'jitter' in event ? event.jitter : 0;
}

/** A ref of an older app says nothing about its bytes: what the first download brought is what counts from then on. */
function learntOf(
  media: MediaFacts,
  { byteSize, sha256 }: Extract<DownloadOutput, { ok: true }>,
): Pick<AttachmentContext, 'media'> | undefined {
  if (media.sha256 !== '' || byteSize === undefined || sha256 === undefined) return undefined;
  return { media: { ...media, byteSize, sha256 } };
}

/** What the regions may change, by name. An object, since a namespace brings a bundler's helper with it (docs/decisions/0010). */
export const assigns = {
  putRef,
  dropRef,
  forgetRef,
  restoreRef,
  moveRef,
  markPrimary,
  markGone,
  enterReference,
  enterTransfer,
  enterLocal,
  markTouched,
  noteHandle,
  hold,
  unhold,
  allowAnyNetwork,
  prefer,
  noteReceipt,
  noteUrl,
  startAfresh,
  forgetRemote,
  burn,
  strike,
  giveUp,
  giveUpSpent,
  noteSourceMissing,
  noteRemoteMissing,
  doubtAbsence,
  noteRefusal,
  countSweep,
  forgetTries,
  burnRemoval,
  pauseRemoval,
  haveBytes,
  lackBytes,
  takeBytes,
  pin,
  unpin,
  want,
  forgetLocalTries,
  noteDownload,
  noteRemoteAbsent,
  burnLocal,
  burnPurge,
  pauseLocal,
  giveUpLocal,
} as const;
