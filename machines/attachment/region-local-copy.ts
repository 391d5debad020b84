import { downloadInput, localInput } from './inputs.ts';
import { lading } from './setup.ts';

/** Bytes that should be here are not: what becomes of the local copy. */
const withoutBytes = [
  { guard: 'isPinnedRemotely', target: 'downloading' },
  { guard: 'hasUrl', target: 'evicted' },
  { target: 'missing' },
] as const;

/** Somebody reads while the bytes are on their way out or in. */
const noteReader = { guard: 'isNotWanted', actions: 'want' } as const;

/** Whether the bytes are on this device (contract 3.6, 6). */
export const localCopyRegion = lading.createStateConfig({
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
          on: {
            'read.requested': noteReader,
            // A retry doubts that the remote lost it: then somebody must look, once these bytes are gone.
            'retry.requested': { guard: 'isToBeLookedFor', actions: 'want' },
          },
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
          on: {
            'bytes.found': { guard: 'hasPlace', target: 'present' },
            'bytes.given': { guard: 'isAuthorsTurn', target: 'present', actions: 'takeBytes' },
          },
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
});
