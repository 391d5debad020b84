import { assign, fromPromise, setup } from 'xstate';
import * as assigns from './assigns.ts';
import { type AttachmentContext, initialContext } from './context.ts';
import * as delays from './delays.ts';
import type { AttachmentEvent } from './events.ts';
import * as guards from './guards.ts';
import {
  attachInput,
  downloadInput,
  localInput,
  removeRemoteInput,
  uploadInput,
} from './inputs.ts';
import type {
  AttachInput,
  AttachmentInput,
  AttachOutput,
  DownloadInput,
  DownloadOutput,
  LocalInput,
  LocalOutput,
  RemoveRemoteInput,
  RemoveRemoteOutput,
  UploadInput,
  UploadOutput,
} from './types.ts';

/*
 * One attachment's whole life: three regions that run side by side.
 *
 *   reference   who refers to it               draft → linked ⇄ released → gone
 *   transfer    how its bytes reach the remote parked → queued → uploading → attaching → uploaded; then removal
 *   localCopy   whether its bytes are here     present → evicting → evicted → downloading …; then purge
 *
 * Five facts cross the regions, as context: whether refs hold it, whether it is gone, its locator, whether bytes are
 * here, and whether the remote denied having it. Everything else is private to one region.
 * A host runs this machine (contract 9.3): services and timers are declared here and carried out there.
 */

const lading = setup({
  types: {
    context: {} as AttachmentContext,
    events: {} as AttachmentEvent,
    input: {} as AttachmentInput,
  },
  actors: {
    upload: runByHost<UploadOutput, UploadInput>(),
    attach: runByHost<AttachOutput, AttachInput>(),
    removeRemote: runByHost<RemoveRemoteOutput, RemoveRemoteInput>(),
    evict: runByHost<LocalOutput, LocalInput>(),
    download: runByHost<DownloadOutput, DownloadInput>(),
    purge: runByHost<LocalOutput, LocalInput>(),
  },
  guards: namedGuards(guards),
  actions: namedAssigns(assigns),
  delays: namedDelays(delays),
});

/** Bytes that should be here are not: what becomes of the local copy. */
const withoutBytes = [
  { guard: 'isPinnedRemotely', target: 'downloading' },
  { guard: 'hasUrl', target: 'evicted' },
  { target: 'missing' },
] as const;

/** Somebody reads while the bytes are on their way out or in. */
const noteReader = { guard: 'isNotWanted', actions: 'want' } as const;

export const attachmentMachine = lading.createMachine({
  id: 'attachment',
  version: '1',
  type: 'parallel',
  // A circle of eventless transitions throws, which a host can isolate, instead of hanging its thread.
  options: { maxIterations: 100 },
  context: ({ input }) => initialContext(input),
  states: {
    reference: {
      id: 'reference',
      initial: 'draft',
      states: {
        draft: {
          id: 'reference_draft',
          entry: 'enterReference',
          after: { draftGrace: 'gone' },
          on: {
            'ref.linked': { target: 'linked', actions: 'putRef' },
            'ref.synced': { target: 'linked', actions: 'putRef' },
            cancelled: 'gone',
          },
        },
        linked: {
          id: 'reference_linked',
          entry: 'enterReference',
          on: {
            'ref.linked': { guard: 'isNewRef', actions: 'putRef' },
            'ref.synced': { guard: 'isRefNews', actions: 'putRef' },
            'ref.undone': { guard: 'isUndoable', actions: 'restoreRef' },
            'ref.moved': { guard: 'isNewRank', actions: 'moveRef' },
            'ref.primary': { guard: 'isNewPrimary', actions: 'markPrimary' },
            'ref.unlinked': [
              { guard: 'isLastRef', target: 'released', actions: 'dropRef' },
              { guard: 'isKnownRef', actions: 'dropRef' },
            ],
            'ref.tombstoned': [
              { guard: 'isLastRef', target: 'released', actions: 'forgetRef' },
              { guard: 'isKnownRef', actions: 'forgetRef' },
            ],
            cancelled: 'gone',
          },
        },
        /** Nothing refers to it: bytes, handle and remote object wait out the undo time (contract 5.2). */
        released: {
          id: 'reference_released',
          entry: 'enterReference',
          after: { undoGrace: 'gone' },
          on: {
            'ref.undone': { guard: 'isUndoable', target: 'linked', actions: 'restoreRef' },
            'ref.linked': { target: 'linked', actions: 'putRef' },
            'ref.synced': { target: 'linked', actions: 'putRef' },
            cancelled: 'gone',
          },
        },
        gone: {
          id: 'reference_gone',
          type: 'final',
          entry: ['enterReference', 'markGone'],
        },
      },
    },

    transfer: {
      id: 'transfer',
      initial: 'live',
      states: {
        live: {
          id: 'transfer_live',
          initial: 'parked',
          always: { guard: 'isGone', target: 'ending' },
          on: {
            held: { guard: 'isNotHeld', actions: 'hold' },
            resumed: { guard: 'isHeld', actions: 'unhold' },
            'backend.refused': { guard: 'isNewRefusal', target: '.failed', actions: 'noteRefusal' },
          },
          states: {
            /** A draft, or released within its undo time: nothing moves. Also where a stream begins. */
            parked: {
              id: 'transfer_parked',
              entry: 'enterTransfer',
              always: [
                { guard: 'isAuthorsTurn', target: 'awaitingAuthor' },
                { guard: 'hasUrl', target: 'uploaded' },
                { guard: 'isLinked', target: 'queued' },
              ],
            },
            awaitingAuthor: {
              id: 'transfer_awaitingAuthor',
              entry: 'enterTransfer',
              on: { 'remote.located': { target: 'uploaded', actions: 'noteUrl' } },
            },
            queued: {
              id: 'transfer_queued',
              entry: 'enterTransfer',
              always: [
                { guard: 'isReleased', target: 'parked' },
                { guard: 'hasNothingToSend', target: 'failed', actions: 'noteSourceMissing' },
              ],
              on: {
                'upload.started': [
                  { guard: 'canAttach', target: 'attaching' },
                  { guard: 'isNotHeld', target: 'uploading', actions: 'markTouched' },
                ],
              },
            },
            waiting: {
              id: 'transfer_waiting',
              entry: 'enterTransfer',
              after: { backoff: 'queued' },
              on: { 'retry.requested': { target: 'queued', actions: 'startAfresh' } },
            },
            awaitingCredentials: {
              id: 'transfer_awaitingCredentials',
              entry: 'enterTransfer',
              on: {
                'credentials.changed': 'queued',
                'retry.requested': { target: 'queued', actions: 'startAfresh' },
              },
            },
            /** Leaving it stops the run: a late answer meets no fence. */
            uploading: {
              id: 'transfer_uploading',
              entry: 'enterTransfer',
              always: { guard: 'isReleased', target: 'parked' },
              invoke: {
                id: 'upload',
                src: 'upload',
                input: ({ context }) => uploadInput(context),
                onDone: [
                  {
                    guard: 'isUploadedWithUrl',
                    target: 'uploaded',
                    actions: ['noteReceipt', 'noteUrl'],
                  },
                  { guard: 'succeeded', target: 'attaching', actions: 'noteReceipt' },
                  { guard: 'isOffline', target: 'queued' },
                  { guard: 'isAuthSpent', target: 'failed', actions: 'giveUp' },
                  { guard: 'isAuth', target: 'awaitingCredentials', actions: 'strike' },
                  { guard: 'isTerminal', target: 'failed', actions: 'giveUp' },
                  { guard: 'isSpent', target: 'failed', actions: 'giveUpSpent' },
                  { target: 'waiting', actions: 'burn' },
                ],
                onError: { target: 'failed', actions: 'giveUp' },
              },
              on: {
                'upload.opened': { guard: 'isNewHandle', actions: 'noteHandle' },
                'upload.interrupted': 'queued',
                held: { target: 'queued', actions: 'hold' },
              },
            },
            /** The remote holds the bytes; the object is verified and its locator resolved (contract 3.5). */
            attaching: {
              id: 'transfer_attaching',
              entry: 'enterTransfer',
              always: { guard: 'isReleased', target: 'parked' },
              invoke: {
                id: 'attach',
                src: 'attach',
                input: ({ context }) => attachInput(context),
                onDone: [
                  { guard: 'succeeded', target: 'uploaded', actions: 'noteUrl' },
                  { guard: 'isOffline', target: 'queued' },
                  { guard: 'isAuthSpent', target: 'failed', actions: 'giveUp' },
                  { guard: 'isAuth', target: 'awaitingCredentials', actions: 'strike' },
                  { guard: 'isTerminal', target: 'failed', actions: 'giveUp' },
                  { guard: 'isSpent', target: 'failed', actions: 'giveUpSpent' },
                  { target: 'waiting', actions: 'burn' },
                ],
                onError: { target: 'failed', actions: 'giveUp' },
              },
              on: {
                'upload.interrupted': 'queued',
                held: { target: 'queued', actions: 'hold' },
              },
            },
            uploaded: {
              id: 'transfer_uploaded',
              entry: 'enterTransfer',
              always: { guard: 'isRemoteAbsent', target: 'failed', actions: 'noteRemoteMissing' },
              on: {
                'remote.located': { guard: 'isNewUrl', actions: 'noteUrl' },
                'remote.missing': [
                  { guard: 'hasBytes', target: 'queued', actions: 'forgetRemote' },
                  { target: 'failed', actions: 'noteRemoteMissing' },
                ],
              },
            },
            /** Waits for a retry, or for what it lacks. The bytes stay (contract 4.4). */
            failed: {
              id: 'transfer_failed',
              entry: 'enterTransfer',
              always: [
                { guard: 'isRemoteBack', target: 'uploaded', actions: 'startAfresh' },
                { guard: 'isSourceBack', target: 'queued', actions: 'startAfresh' },
                { guard: 'canReplaceRemote', target: 'queued', actions: 'forgetRemote' },
              ],
              on: {
                'retry.requested': [
                  { guard: 'hasUrl', target: 'uploaded', actions: 'doubtAbsence' },
                  { guard: 'hasSomethingToSend', target: 'queued', actions: 'startAfresh' },
                ],
                'remote.located': { guard: 'isNewUrl', target: 'uploaded', actions: 'noteUrl' },
              },
            },
          },
        },
        ending: {
          id: 'transfer_ending',
          initial: 'deciding',
          states: {
            deciding: {
              id: 'transfer_deciding',
              always: [
                { guard: 'hasNothingToRemove', target: '#transfer_none' },
                { target: 'removing', actions: 'forgetTries' },
              ],
            },
            removing: {
              id: 'transfer_removing',
              entry: 'enterTransfer',
              invoke: {
                id: 'removeRemote',
                src: 'removeRemote',
                input: ({ context }) => removeRemoteInput(context),
                onDone: [
                  { guard: 'isSweptClean', target: '#transfer_none', actions: 'countSweep' },
                  { guard: 'isRemoved', target: 'settling', actions: 'countSweep' },
                  { guard: 'isOffline', target: 'removeWaiting', actions: 'pauseRemoval' },
                  { guard: 'isAuth', target: 'removeAwaitingCredentials', actions: 'giveUp' },
                  { guard: 'isTerminal', target: 'leftover', actions: 'giveUp' },
                  { guard: 'isRemovalSpent', target: 'leftover', actions: 'giveUp' },
                  { target: 'removeWaiting', actions: 'burnRemoval' },
                ],
                onError: { target: 'leftover', actions: 'giveUp' },
              },
            },
            removeWaiting: {
              id: 'transfer_removeWaiting',
              entry: 'enterTransfer',
              after: { removeBackoff: 'removing' },
              on: { 'retry.requested': 'removing' },
            },
            removeAwaitingCredentials: {
              id: 'transfer_removeAwaitingCredentials',
              entry: 'enterTransfer',
              on: { 'credentials.changed': 'removing', 'retry.requested': 'removing' },
            },
            /** A request that a proxy still held may land after our removal: look again (contract 5.2). */
            settling: {
              id: 'transfer_settling',
              entry: 'enterTransfer',
              after: { lateArrival: 'removing' },
            },
            leftover: {
              id: 'transfer_leftover',
              entry: 'enterTransfer',
              on: { 'retry.requested': { target: 'removing', actions: 'forgetTries' } },
            },
          },
        },
        none: { id: 'transfer_none', type: 'final', entry: 'enterTransfer' },
      },
    },

    localCopy: {
      id: 'localCopy',
      initial: 'live',
      states: {
        live: {
          id: 'localCopy_live',
          initial: 'deciding',
          always: { guard: 'isGone', target: 'purging', actions: 'forgetLocalTries' },
          on: {
            pinned: { guard: 'isNotPinned', actions: 'pin' },
            unpinned: { guard: 'isPinned', actions: 'unpin' },
          },
          states: {
            deciding: {
              id: 'localCopy_deciding',
              always: [
                { guard: 'hasBytes', target: 'present' },
                { guard: 'hasUrl', target: 'evicted' },
                { target: 'missing' },
              ],
            },
            present: {
              id: 'localCopy_present',
              entry: ['enterLocal', 'haveBytes'],
              always: { guard: 'isDroppedAtOnce', target: 'evicting' },
              on: {
                'evict.requested': { guard: 'isEvictable', target: 'evicting' },
                'bytes.missing': withoutBytes,
              },
            },
            /** Not aborted once begun: its effect may have happened already (contract 6). */
            evicting: {
              id: 'localCopy_evicting',
              entry: ['enterLocal', 'lackBytes'],
              invoke: {
                id: 'evict',
                src: 'evict',
                input: ({ context }) => localInput(context),
                onDone: [
                  {
                    guard: 'isDroppedButNeeded',
                    target: 'downloading',
                    actions: 'forgetLocalTries',
                  },
                  { guard: 'isRemoved', target: 'evicted', actions: 'forgetLocalTries' },
                  { target: 'inUse', actions: 'burnLocal' },
                ],
                onError: { target: 'inUse', actions: 'burnLocal' },
              },
              on: { 'read.requested': noteReader },
            },
            /** A reader holds the bytes, or they were just fetched: left alone for a while. */
            inUse: {
              id: 'localCopy_inUse',
              entry: ['enterLocal', 'haveBytes'],
              after: { busyWait: 'present' },
              on: { 'bytes.missing': withoutBytes },
            },
            evicted: {
              id: 'localCopy_evicted',
              entry: ['enterLocal', 'lackBytes'],
              on: {
                'read.requested': { target: 'downloading', actions: 'want' },
                pinned: { guard: 'isNotPinned', target: 'downloading', actions: 'pin' },
                'retry.requested': {
                  guard: 'isWorthDownloading',
                  target: 'downloading',
                  actions: 'want',
                },
                'bytes.found': { guard: 'hasPlace', target: 'present' },
              },
            },
            downloading: {
              id: 'localCopy_downloading',
              entry: ['enterLocal', 'lackBytes'],
              invoke: {
                id: 'download',
                src: 'download',
                input: ({ context }) => downloadInput(context),
                onDone: [
                  { guard: 'succeeded', target: 'inUse', actions: 'noteDownload' },
                  { guard: 'isAbsent', target: 'evicted', actions: 'noteRemoteAbsent' },
                  { guard: 'isOffline', target: 'downloadWaiting', actions: 'pauseLocal' },
                  { guard: 'isAuth', target: 'downloadAwaitingCredentials', actions: 'pauseLocal' },
                  { guard: 'isTerminal', target: 'evicted', actions: 'giveUpLocal' },
                  { guard: 'isDownloadSpent', target: 'evicted', actions: 'giveUpLocal' },
                  { target: 'downloadWaiting', actions: 'burnLocal' },
                ],
                onError: { target: 'evicted', actions: 'giveUpLocal' },
              },
              on: { 'read.requested': noteReader },
            },
            downloadWaiting: {
              id: 'localCopy_downloadWaiting',
              entry: 'enterLocal',
              after: {
                downloadBackoff: [
                  { guard: 'needsBytes', target: 'downloading' },
                  { target: 'evicted' },
                ],
              },
              on: { 'retry.requested': 'downloading', 'read.requested': noteReader },
            },
            downloadAwaitingCredentials: {
              id: 'localCopy_downloadAwaitingCredentials',
              entry: 'enterLocal',
              on: {
                'credentials.changed': 'downloading',
                'retry.requested': 'downloading',
                'read.requested': noteReader,
              },
            },
            /** No bytes, and no locator to fetch them from: they turn up again, or the author uploads them. */
            missing: {
              id: 'localCopy_missing',
              entry: ['enterLocal', 'lackBytes'],
              always: [
                { guard: 'isPinnedRemotely', target: 'downloading' },
                { guard: 'hasUrl', target: 'evicted' },
              ],
              on: { 'bytes.found': { guard: 'hasPlace', target: 'present' } },
            },
          },
        },
        purging: {
          id: 'localCopy_purging',
          entry: ['enterLocal', 'lackBytes'],
          invoke: {
            id: 'purge',
            src: 'purge',
            input: ({ context }) => localInput(context),
            onDone: [
              { guard: 'isRemoved', target: 'purged' },
              { target: 'purgeWaiting', actions: 'burnPurge' },
            ],
            onError: { target: 'purgeWaiting', actions: 'burnPurge' },
          },
        },
        purgeWaiting: {
          id: 'localCopy_purgeWaiting',
          entry: 'enterLocal',
          after: { purgeBackoff: 'purging' },
          on: { 'retry.requested': 'purging' },
        },
        purged: { id: 'localCopy_purged', type: 'final', entry: 'enterLocal' },
      },
    },
  },
});

/** A service as XState must see it: typed, and never run in process. */
function runByHost<Output, Input extends object>() {
  return fromPromise<Output, Input>(async () => {
    throw new Error('services of the attachment machine are run by its host');
  });
}

interface Turn {
  readonly context: AttachmentContext;
  readonly event: AttachmentEvent;
}

function namedGuards<Name extends string>(functions: Readonly<Record<Name, guards.Guard>>) {
  return mapValues(
    functions,
    (guard) =>
      ({ context, event }: Turn): boolean =>
        guard(context, event),
  );
}

function namedAssigns<Name extends string>(functions: Readonly<Record<Name, assigns.Assign>>) {
  return mapValues(functions, (change) =>
    assign<AttachmentContext, AttachmentEvent, undefined, AttachmentEvent, never>(
      ({ context, event }) => change(context, event),
    ),
  );
}

function namedDelays<Name extends string>(functions: Readonly<Record<Name, delays.Delay>>) {
  return mapValues(
    functions,
    (delay) =>
      ({ context }: { readonly context: AttachmentContext }): number =>
        delay(context),
  );
}

function mapValues<Name extends string, From, To>(
  from: Readonly<Record<Name, From>>,
  map: (value: From) => To,
): Record<Name, To> {
  const entries = Object.entries<From>(from).map(([name, value]) => [name, map(value)]);
  return Object.fromEntries(entries) as Record<Name, To>;
}
