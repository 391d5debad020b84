import { lading } from './setup.ts';

/** Who refers to the attachment (contract 3.3, 5.3). */
export const referenceRegion = lading.createStateConfig({
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
});
