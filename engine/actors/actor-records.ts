import { refOf } from '../../machines/attachment/ref-of.ts';
import type { AttachmentRef, MediaId } from '../../machines/attachment/types.ts';
import type { AttachmentTables, MediaRecord } from '../../ports/attachment-tables.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { Views } from '../lifecycle/views.ts';
import type { Shown } from './snapshot.ts';

/** What actors read. */
export interface ActorRecords {
  media(mediaId: MediaId): MediaRecord | undefined;
  /** The ref as entities store it; null where this device has no record of it. */
  readonly refOf: (mediaId: MediaId) => AttachmentRef | null;
  /** What an actor shows before it starts. */
  readonly look: (target: AttachmentRef | MediaId) => Shown;
}

export function createActorRecords(parts: {
  readonly events: Pick<EventStore, 'read'>;
  readonly tables: Pick<AttachmentTables, 'media'>;
  readonly views: Pick<Views, 'view'>;
  readonly accountId: string;
}): ActorRecords {
  const records: ActorRecords = {
    media: (mediaId) => parts.events.read((tx) => parts.tables.media(tx, mediaId)),
    refOf(mediaId) {
      const found = records.media(mediaId);
      if (found === undefined || found.accountId !== parts.accountId) return null;
      const { isPrimary: _, ...ref } = refOf(found, { isPrimary: false });
      return ref;
    },
    look(target) {
      const [mediaId, given] =
        typeof target === 'string' ? [target, null] : [target.mediaId, target];
      return { ref: records.refOf(mediaId) ?? given, view: parts.views.view(target) };
    },
  };
  return records;
}
