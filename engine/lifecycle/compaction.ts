import { stripped } from '../../machines/attachment/tombstone.ts';
import { type Owner, ownerKey } from '../../machines/attachment/types.ts';
import type { JsonObject } from '../../machines/json.ts';
import { CHECKPOINT, type CheckpointPayload, TOMBSTONE } from '../../ports/compacted.ts';
import type { StoredEvent } from '../../ports/event-store.ts';
import type { Compaction, StateView } from '../host/definition.ts';
import { contextOf } from './consequences.ts';

/** What may stand for the events of an attachment (contract 5.5). */
export const attachmentCompaction: Compaction = {
  how({ status, value }) {
    if (status === 'done') return 'tombstone';
    const { reference, transfer, localCopy } = value as unknown as Regions;
    // Settled: uploaded, held by a ref, and nothing under way. What failed or waits keeps its whole story.
    const isSettled =
      reference === 'linked' &&
      transfer.live === 'uploaded' &&
      (localCopy.live === 'present' || localCopy.live === 'evicted');
    return isSettled ? 'checkpoint' : 'no';
  },
  strip: ({ context }: StateView) => stripped(contextOf(context)),
  keep(events) {
    const removedFrom = removalsIn(events);
    const kept: KeptEvents = {
      ...(removedFrom.length === 0
        ? {}
        : { removedFrom: removedFrom as unknown as readonly JsonObject[] }),
      ...(wasGone(events) ? { wasGone: true } : {}),
    };
    return Object.keys(kept).length === 0 ? undefined : kept;
  },
};

/** What of the events of an attachment outlives them: an import asks for it. */
interface KeptEvents extends JsonObject {
  readonly removedFrom?: readonly JsonObject[];
  readonly wasGone?: true;
}

interface Regions {
  readonly reference: string;
  readonly transfer: { readonly live?: string };
  readonly localCopy: { readonly live?: string };
}

/** Owners that once held it and let it go: an import does not bring those refs back. */
export function removalsIn(events: readonly StoredEvent[]): readonly Owner[] {
  const owners = events.flatMap(removals);
  return [...new Map(owners.map((owner) => [ownerKey(owner), owner])).values()];
}

/** Whether it was gone once, from wherever it had been: then another life of it began anew. */
export function wasGone(events: readonly StoredEvent[]): boolean {
  return events.some(
    (event, index) =>
      event.type === TOMBSTONE ||
      (index > 0 && event.type === 'attachment.created') ||
      keptOf(event).wasGone === true,
  );
}

function removals(event: StoredEvent): readonly Owner[] {
  const { type, payload } = event;
  const isRemoval = type === 'ref.unlinked' || type === 'ref.tombstoned';
  const owners = isRemoval ? [payload['owner']] : (keptOf(event).removedFrom ?? []);
  return owners as unknown as readonly Owner[];
}

function keptOf({ type, payload }: StoredEvent): KeptEvents {
  return type === CHECKPOINT ? ((payload as CheckpointPayload).kept ?? {}) : {};
}
