import { attachInput, removeRemoteInput, uploadInput } from './inputs.ts';
import { lading } from './setup.ts';

/** How the bytes reach the remote, and how they leave it (contract 3.4, 3.5, 4, 5.2). */
export const transferRegion = lading.createStateConfig({
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
        preferred: { guard: 'isPreferable', actions: 'prefer' },
        'network.waived': { guard: 'isUnmeteredOnly', actions: 'allowAnyNetwork' },
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
          always: { guard: 'isAuthor', target: 'queued' },
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
});
