import type { AttachmentLogic, AttachmentRef, CaptureSource, Lading, MediaId, Owner } from 'lading';
import { type ActorRefFromLogic, assign, setup } from 'xstate';

/** An inspection of a site: what the user typed, a photo of the damage, and photos that are only shown. */
interface Inspection {
  readonly note: string;
  /** Made before the capture begins, so that no restart captures it a second time. */
  readonly photoId: MediaId | null;
  readonly source: CaptureSource | null;
  readonly problem: string | null;
  /** One actor for each photo that the screen shows. */
  readonly shown: readonly ActorRefFromLogic<AttachmentLogic>[];
}

type InspectionEvent =
  | { readonly type: 'typed'; readonly note: string }
  | { readonly type: 'saved'; readonly source: CaptureSource }
  | { readonly type: 'opened'; readonly refs: readonly AttachmentRef[] };

/**
 * A machine of the app's own: editing → saving → sending → done. `saving` invokes an attachment until it is durable
 * here, with the inspection's row in the same commit; `sending` invokes the same one until it is uploaded. Leaving
 * either stops nothing but the looking: the photo goes on its way.
 */
export function inspectionMachine(lading: Lading, owner: Owner) {
  return setup({
    types: { context: {} as Inspection, events: {} as InspectionEvent },
    actors: { attachment: lading.attachmentLogic },
  }).createMachine({
    id: 'inspection',
    context: { note: '', photoId: null, source: null, problem: null, shown: [] },
    on: {
      opened: {
        actions: assign({
          shown: ({ event, spawn }) =>
            event.refs.map((ref) =>
              spawn('attachment', { id: `photo-${ref.mediaId}`, input: { ref } }),
            ),
        }),
      },
    },
    initial: 'editing',
    states: {
      editing: {
        on: {
          typed: { actions: assign({ note: ({ event }) => event.note }) },
          saved: {
            target: 'saving',
            actions: assign({
              source: ({ event }) => event.source,
              photoId: () => lading.newMediaId(),
              problem: null,
            }),
          },
        },
      },
      saving: {
        invoke: {
          id: 'saving',
          src: 'attachment',
          input: ({ context }) => ({
            until: 'captured' as const,
            capture: {
              source: context.source as CaptureSource,
              options: {
                owner,
                kind: 'image' as const,
                id: context.photoId as MediaId,
                inTransaction: [
                  {
                    sql: 'INSERT INTO inspection (id, note) VALUES (?, ?)',
                    params: [owner.entityId, context.note],
                    changes: 1,
                  },
                ],
              },
            },
          }),
          onDone: { target: 'sending', actions: assign({ source: null }) },
          // Refused: nothing was stored, neither photo nor row, and the user reads why.
          onError: {
            target: 'editing',
            actions: assign({
              source: null,
              problem: ({ event }) =>
                event.error instanceof Error ? event.error.message : String(event.error),
            }),
          },
        },
      },
      sending: {
        invoke: {
          id: 'sending',
          src: 'attachment',
          input: ({ context }) => ({
            until: 'uploaded' as const,
            ref: context.photoId as MediaId,
          }),
          onDone: 'done',
        },
      },
      // The screen stays, with its photos on it.
      done: {},
    },
  });
}
