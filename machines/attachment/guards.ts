/**
 * Every condition of the machine: named pure functions of (context, event), free of XState's types.
 * Those about an event are false for every other event.
 */
import { blameOf } from './blame.ts';
import type { AttachmentContext } from './context.ts';
import { type AttachmentEvent, timeOf } from './events.ts';
import { mayBeEvicted } from './facts.ts';
import { findRef, findUndoable } from './refs.ts';
import { ownerKey } from './types.ts';

export type Guard = (context: AttachmentContext, event: AttachmentEvent) => boolean;

/** After this many refusals under ever newer credentials the attachment fails alone (contract 4.4). */
const MAX_AUTH_STRIKES = 3;
/** The second look comes after the longest life of a request (contract 5.2). */
const SWEEPS_NEEDED = 2;

// — references

const isLinked: Guard = (context) => context.refs.length > 0;
const isReleased: Guard = (context) => context.refs.length === 0;
const isGone: Guard = (context) => context.gone;

const isNewRef: Guard = (context, event) =>
  event.type === 'ref.linked' && findRef(context, event.owner) === undefined;

/** A delta that says what is known already changes nothing. */
const isRefNews: Guard = (context, event) => {
  if (event.type !== 'ref.synced') return false;
  const known = findRef(context, event.owner);
  return known === undefined || known.rank !== event.rank || known.isPrimary !== event.isPrimary;
};

const isKnownRef: Guard = (context, event) =>
  (event.type === 'ref.unlinked' || event.type === 'ref.tombstoned') &&
  findRef(context, event.owner) !== undefined;

const isLastRef: Guard = (context, event) =>
  (event.type === 'ref.unlinked' || event.type === 'ref.tombstoned') &&
  context.refs.length === 1 &&
  context.refs[0]?.key === ownerKey(event.owner);

const isUndoable: Guard = (context, event) =>
  event.type === 'ref.undone' &&
  findRef(context, event.owner) === undefined &&
  findUndoable(context, event.owner, event.at) !== undefined;

const isNewRank: Guard = (context, event) => {
  if (event.type !== 'ref.moved') return false;
  const known = findRef(context, event.owner);
  return known !== undefined && known.rank !== event.rank;
};

const isNewPrimary: Guard = (context, event) => {
  if (event.type !== 'ref.primary') return false;
  const known = findRef(context, event.owner);
  return known !== undefined && known.isPrimary !== event.isPrimary;
};

// — what services answered

const succeeded: Guard = (_context, event) => 'output' in event && event.output.ok;
const isOffline: Guard = (_context, event) => faultClass(event) === 'offline';
const isAuth: Guard = (_context, event) => faultClass(event) === 'auth';
const isTerminal: Guard = (_context, event) => faultClass(event) === 'terminal';
const isAbsent: Guard = (_context, event) => faultClass(event) === 'absent';

/** The upload's own answer already proved the locator: nothing is left to attach. */
const isUploadedWithUrl: Guard = (_context, event) =>
  event.type === 'xstate.done.actor.upload' && event.output.ok && event.output.receipt.url !== null;

const isAuthSpent: Guard = (context, event) =>
  isAuth(context, event) && blameOf(context, event).authStrikes + 1 >= MAX_AUTH_STRIKES;

/** Past the field's patience: attempts, or age of the first failure (contract 4.5). */
const isSpent: Guard = (context, event) => {
  const { maxAttempts, patienceMs } = context.policy;
  const { attempts, firstFailedAt } = blameOf(context, event);
  const now = timeOf(event, context.since);
  const ageMs = now - (firstFailedAt ?? now);
  return attempts + 1 >= maxAttempts || ageMs > patienceMs;
};

const isRemovalSpent: Guard = (context) => context.tries + 1 >= context.policy.maxAttempts;

/** The object is away, or was never there. */
const isRemoved: Guard = (context, event) => succeeded(context, event) || isAbsent(context, event);
const isSweptClean: Guard = (context, event) =>
  isRemoved(context, event) && context.sweeps + 1 >= SWEEPS_NEEDED;

const isDownloadSpent: Guard = (context) => context.localTries + 1 >= context.policy.maxAttempts;

// — the way to the remote

const isHeld: Guard = (context) => context.held;
const isNotHeld: Guard = (context) => !context.held;
/** Its field sends over unmetered links only, and nobody has said otherwise since. */
const isUnmeteredOnly: Guard = (context) => context.policy.network === 'unmetered';
/** What is on its way can be put before others. */
const isPreferable: Guard = ({ url, preferred }, event) =>
  event.type === 'preferred' && url === null && event.order !== preferred;
const hasUrl: Guard = (context) => context.url !== null;

/** The bytes are there, only the attach step is left (contract 3.5). */
const canAttach: Guard = (context) => !context.held && context.receipt !== null;

/** Captured on another device, which has not uploaded it yet. Once it was attached, any device may send it again. */
const isAuthorsTurn: Guard = (context) => context.origin === 'elsewhere' && !context.attached;

/** Its bytes came to this device after all. */
const isAuthor: Guard = (context) => context.origin === 'here';

const hasNothingToSend: Guard = (context) => !context.bytes && context.receipt === null;

const isNewHandle: Guard = (context, event) =>
  event.type === 'upload.opened' && event.handle !== context.handle;

/** The same one is news where the backend had deleted what is there: another device has sent it again. */
const isNewUrl: Guard = (context, event) =>
  event.type === 'remote.located' &&
  (event.url !== context.url || context.fault?.removedAt !== undefined);

const hasBytes: Guard = (context) => context.bytes;

/** The remote answered after all: what was reported missing is there. */
const isRemoteBack: Guard = (context) => context.fault?.class === 'remote' && !context.remoteAbsent;
const isRemoteAbsent: Guard = (context) => context.remoteAbsent;

/** It failed for want of bytes, and they are here again. */
const isSourceBack: Guard = (context) => context.bytes && context.fault?.class === 'source';
/** The object is lost, or the backend deleted it too early (contract 5.2), and the bytes are here. */
const canReplaceRemote: Guard = (context) =>
  context.bytes && (context.fault?.class === 'remote' || context.fault?.removedAt !== undefined);
const hasSomethingToSend: Guard = (context, event) => !hasNothingToSend(context, event);

/** Refs that are gone have nothing to fail; the same refusal twice is no news, nor is one that is being made good. */
const isNewRefusal: Guard = (context, event) =>
  event.type === 'backend.refused' &&
  context.refs.length > 0 &&
  (event.removedAt ?? -1) !== context.sentAfter &&
  !(context.fault?.class === 'backend' && context.fault.code === event.code);

/**
 * The device deletes only what it made and what was never attached; the rest is the backend's, through an
 * outbox op, or is kept (contract 5.2).
 */
const hasNothingToRemove: Guard = (context) => !context.touched || context.attached;

// — the local copy

const isEvictable: Guard = mayBeEvicted;
const isDroppedAtOnce: Guard = (context) => context.policy.dropLocalAtOnce && mayBeEvicted(context);
const needsBytes: Guard = (context) => context.pinned || context.wanted;
const isPinnedRemotely: Guard = (context) => context.pinned && context.url !== null;
const isNotPinned: Guard = (context) => !context.pinned;
const isPinned: Guard = (context) => context.pinned;
const isNotWanted: Guard = (context) => !context.wanted;
/** Evicted at last, but wanted again meanwhile: an eviction that began is not aborted (contract 6). */
const isDroppedButNeeded: Guard = (context, event) =>
  isRemoved(context, event) && needsBytes(context, event);
/** Bytes can only turn up where they have a place. */
const hasPlace: Guard = (context) => context.blobKey !== null;
/** A retry downloads what is pinned but not here, and looks again for what the remote had lost. */
const isWorthDownloading: Guard = (context) => context.pinned || context.remoteAbsent;
/** The same while the bytes are on their way out, said once. */
const isToBeLookedFor: Guard = (context) => context.remoteAbsent && !context.wanted;

function faultClass(event: AttachmentEvent): string | null {
  return 'output' in event && !event.output.ok ? event.output.class : null;
}

/** What the regions may ask, by name. An object, since a namespace brings a bundler's helper with it (docs/decisions/0010). */
export const guards = {
  isLinked,
  isReleased,
  isGone,
  isNewRef,
  isRefNews,
  isKnownRef,
  isLastRef,
  isUndoable,
  isNewRank,
  isNewPrimary,
  succeeded,
  isOffline,
  isAuth,
  isTerminal,
  isAbsent,
  isUploadedWithUrl,
  isAuthSpent,
  isSpent,
  isRemovalSpent,
  isRemoved,
  isSweptClean,
  isDownloadSpent,
  isHeld,
  isNotHeld,
  isUnmeteredOnly,
  isPreferable,
  hasUrl,
  canAttach,
  isAuthorsTurn,
  isAuthor,
  hasNothingToSend,
  isNewHandle,
  isNewUrl,
  hasBytes,
  isRemoteBack,
  isRemoteAbsent,
  isSourceBack,
  canReplaceRemote,
  hasSomethingToSend,
  isNewRefusal,
  hasNothingToRemove,
  isEvictable,
  isDroppedAtOnce,
  needsBytes,
  isPinnedRemotely,
  isNotPinned,
  isPinned,
  isNotWanted,
  isDroppedButNeeded,
  hasPlace,
  isWorthDownloading,
  isToBeLookedFor,
} as const;
