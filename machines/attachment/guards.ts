/**
 * Every condition of the machine: named pure functions of (context, event), free of XState's types.
 * Those about an event are false for every other event.
 */
import type { AttachmentContext } from './context.ts';
import { type AttachmentEvent, timeOf } from './events.ts';
import { findRef, findUndoable } from './refs.ts';
import { ownerKey } from './types.ts';

export type Guard = (context: AttachmentContext, event: AttachmentEvent) => boolean;

/** After this many refusals under ever newer credentials the attachment fails alone (contract 4.4). */
const MAX_AUTH_STRIKES = 3;
/** The second look comes after the longest life of a request (contract 5.2). */
const SWEEPS_NEEDED = 2;

// — references

export const isLinked: Guard = (context) => context.refs.length > 0;
export const isReleased: Guard = (context) => context.refs.length === 0;
export const isGone: Guard = (context) => context.gone;

export const isNewRef: Guard = (context, event) =>
  event.type === 'ref.linked' && findRef(context, event.owner) === undefined;

/** A delta that says what is known already changes nothing. */
export const isRefNews: Guard = (context, event) => {
  if (event.type !== 'ref.synced') return false;
  const known = findRef(context, event.owner);
  return known === undefined || known.rank !== event.rank || known.isPrimary !== event.isPrimary;
};

export const isKnownRef: Guard = (context, event) =>
  (event.type === 'ref.unlinked' || event.type === 'ref.tombstoned') &&
  findRef(context, event.owner) !== undefined;

export const isLastRef: Guard = (context, event) =>
  (event.type === 'ref.unlinked' || event.type === 'ref.tombstoned') &&
  context.refs.length === 1 &&
  context.refs[0]?.key === ownerKey(event.owner);

export const isUndoable: Guard = (context, event) =>
  event.type === 'ref.undone' &&
  findRef(context, event.owner) === undefined &&
  findUndoable(context, event.owner, event.at) !== undefined;

export const isNewRank: Guard = (context, event) => {
  if (event.type !== 'ref.moved') return false;
  const known = findRef(context, event.owner);
  return known !== undefined && known.rank !== event.rank;
};

export const isNewPrimary: Guard = (context, event) => {
  if (event.type !== 'ref.primary') return false;
  const known = findRef(context, event.owner);
  return known !== undefined && known.isPrimary !== event.isPrimary;
};

// — what services answered

export const succeeded: Guard = (_context, event) => 'output' in event && event.output.ok;
export const isOffline: Guard = (_context, event) => faultClass(event) === 'offline';
export const isAuth: Guard = (_context, event) => faultClass(event) === 'auth';
export const isTerminal: Guard = (_context, event) => faultClass(event) === 'terminal';
export const isAbsent: Guard = (_context, event) => faultClass(event) === 'absent';

/** The upload's own answer already proved the locator: nothing is left to attach. */
export const isUploadedWithUrl: Guard = (_context, event) =>
  event.type === 'xstate.done.actor.upload' && event.output.ok && event.output.receipt.url !== null;

export const isAuthSpent: Guard = (context, event) =>
  isAuth(context, event) && context.authStrikes + 1 >= MAX_AUTH_STRIKES;

/** Past the field's patience: attempts, or age of the first failure (contract 4.5). */
export const isSpent: Guard = (context, event) => {
  const { maxAttempts, patienceMs } = context.policy;
  const firstFailedAt = context.firstFailedAt ?? timeOf(event, context.since);
  const ageMs = timeOf(event, context.since) - firstFailedAt;
  return context.attempts + 1 >= maxAttempts || ageMs > patienceMs;
};

export const isRemovalSpent: Guard = (context) => context.tries + 1 >= context.policy.maxAttempts;

/** The object is away, or was never there. */
export const isRemoved: Guard = (context, event) =>
  succeeded(context, event) || isAbsent(context, event);
export const isSweptClean: Guard = (context, event) =>
  isRemoved(context, event) && context.sweeps + 1 >= SWEEPS_NEEDED;

export const isDownloadSpent: Guard = (context) =>
  context.localTries + 1 >= context.policy.maxAttempts;

// — the way to the remote

export const isHeld: Guard = (context) => context.held;
export const isNotHeld: Guard = (context) => !context.held;
/** Its field sends over unmetered links only, and nobody has said otherwise since. */
export const isUnmeteredOnly: Guard = (context) => context.policy.network === 'unmetered';
export const hasUrl: Guard = (context) => context.url !== null;

/** The bytes are there, only the attach step is left (contract 3.5). */
export const canAttach: Guard = (context) => !context.held && context.receipt !== null;

/** Captured on another device, which has not uploaded it yet. Once it was attached, any device may send it again. */
export const isAuthorsTurn: Guard = (context) =>
  context.origin === 'elsewhere' && !context.attached;

/** Its bytes came to this device after all. */
export const isAuthor: Guard = (context) => context.origin === 'here';

export const hasNothingToSend: Guard = (context) => !context.bytes && context.receipt === null;

export const isNewHandle: Guard = (context, event) =>
  event.type === 'upload.opened' && event.handle !== context.handle;

export const isNewUrl: Guard = (context, event) =>
  event.type === 'remote.located' && event.url !== context.url;

export const hasBytes: Guard = (context) => context.bytes;

/** The remote answered after all: what was reported missing is there. */
export const isRemoteBack: Guard = (context) =>
  context.fault?.class === 'remote' && !context.remoteAbsent;
export const isRemoteAbsent: Guard = (context) => context.remoteAbsent;

/** It failed for want of bytes, and they are here again. */
export const isSourceBack: Guard = (context) => context.bytes && context.fault?.class === 'source';
/** The remote lost the object, and the bytes turned up here. */
export const canReplaceRemote: Guard = (context) =>
  context.bytes && context.fault?.class === 'remote';
export const hasSomethingToSend: Guard = (context, event) => !hasNothingToSend(context, event);

/** Refs that are gone have nothing to fail; the same refusal twice is no news. */
export const isNewRefusal: Guard = (context, event) =>
  event.type === 'backend.refused' &&
  context.refs.length > 0 &&
  !(context.fault?.class === 'backend' && context.fault.code === event.code);

/**
 * The device deletes only what it made and what was never attached; the rest is the backend's, through an
 * outbox op, or is kept (contract 5.2).
 */
export const hasNothingToRemove: Guard = (context) => !context.touched || context.attached;

// — the local copy

/** Confirmed remote bytes that nobody holds on to. A fault, whatever it is, keeps them here. */
export const isEvictable: Guard = (context) =>
  context.url !== null && context.fault === null && !context.pinned;
export const isDroppedAtOnce: Guard = (context, event) =>
  context.policy.dropLocalAtOnce && isEvictable(context, event);
export const needsBytes: Guard = (context) => context.pinned || context.wanted;
export const isPinnedRemotely: Guard = (context) => context.pinned && context.url !== null;
export const isNotPinned: Guard = (context) => !context.pinned;
export const isPinned: Guard = (context) => context.pinned;
export const isNotWanted: Guard = (context) => !context.wanted;
/** Evicted at last, but wanted again meanwhile: an eviction that began is not aborted (contract 6). */
export const isDroppedButNeeded: Guard = (context, event) =>
  isRemoved(context, event) && needsBytes(context, event);
/** Bytes can only turn up where they have a place. */
export const hasPlace: Guard = (context) => context.blobKey !== null;
/** A retry downloads what is pinned but not here, and looks again for what the remote had lost. */
export const isWorthDownloading: Guard = (context) => context.pinned || context.remoteAbsent;
/** The same while the bytes are on their way out, said once. */
export const isToBeLookedFor: Guard = (context) => context.remoteAbsent && !context.wanted;

function faultClass(event: AttachmentEvent): string | null {
  return 'output' in event && !event.output.ok ? event.output.class : null;
}
