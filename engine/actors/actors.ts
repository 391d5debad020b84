import { refOf } from '../../machines/attachment/ref-of.ts';
import type { AttachmentRef, MediaId } from '../../machines/attachment/types.ts';
import type { AttachmentTables } from '../../ports/attachment-tables.ts';
import type { Cancel } from '../../ports/clock.ts';
import { LadingError } from '../../ports/errors.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { Logger } from '../../ports/logger.ts';
import type { CaptureSource } from '../../ports/source.ts';
import type { Host } from '../host/host.ts';
import type { CaptureOptions } from '../lifecycle/capture.ts';
import { asStream } from '../lifecycle/lists.ts';
import { wrongAccount } from '../lifecycle/prepare-capture.ts';
import type { Views } from '../lifecycle/views.ts';
import type { AttachmentActor } from './attachment-actor.ts';
import { type AttachmentLogic, createAttachmentLogic } from './attachment-logic.ts';
import { createMirrors } from './mirrors.ts';
import type { AttachmentActorEvent } from './snapshot.ts';

/** The verbs that an actor's events become. */
export interface ActorVerbs {
  capture(source: CaptureSource, options: CaptureOptions): Promise<unknown>;
  retry(id: MediaId): Promise<void>;
  pause(id: MediaId): Promise<void>;
  resume(id: MediaId): Promise<void>;
  cancel(id: MediaId): Promise<void>;
  pin(id: MediaId, pinned?: boolean): Promise<void>;
}

export interface ActorsParts {
  readonly host: Host;
  readonly events: Pick<EventStore, 'read'>;
  readonly tables: Pick<AttachmentTables, 'media'>;
  readonly views: Views;
  readonly accountId: string;
  readonly logger: Logger;
  newId(): MediaId;
  /** @throws {LadingError} `invalid_id`. */
  parse(ref: AttachmentRef | string): AttachmentRef | MediaId;
  verbs(): ActorVerbs;
  /** What only `open` needs. */
  load(): Promise<typeof import('./attachment-actor.ts')>;
}

/** Attachments as actors: for an app's machines, and for its screens (design 2). */
export interface Actors {
  readonly logic: AttachmentLogic;
  /** @throws {LadingError} `invalid_id`, `not_found`, `wrong_account`. */
  open(ref: AttachmentRef | string): Promise<AttachmentActor>;
}

export function createActors(parts: ActorsParts): Actors {
  const { events, tables, accountId, host } = parts;

  const media = (mediaId: MediaId) => events.read((tx) => tables.media(tx, mediaId));
  const isHere = (mediaId: MediaId): boolean => media(mediaId)?.accountId === accountId;
  const mirrors = createMirrors({
    ...parts,
    refOf(mediaId) {
      const found = media(mediaId);
      if (found === undefined || found.accountId !== accountId) return null;
      const { isPrimary: _, ...ref } = refOf(found, { isPrimary: false });
      return ref;
    },
  });
  const pin = (mediaId: MediaId): Cancel => host.pin(asStream(mediaId));
  const tell = (mediaId: MediaId, event: AttachmentActorEvent['type']): Promise<void> =>
    event === 'unpin' ? parts.verbs().pin(mediaId, false) : parts.verbs()[event](mediaId);

  return {
    logic: createAttachmentLogic({
      ...parts,
      mirrors,
      newMediaId: () => parts.newId(),
      isHere,
      tell,
      capture: (source, options) => parts.verbs().capture(source, options),
    }),
    async open(ref) {
      const target = parts.parse(ref);
      const mediaId = typeof target === 'string' ? target : target.mediaId;
      const found = media(mediaId);
      if (found === undefined && typeof target === 'string') {
        throw new LadingError('not_found', `There is no attachment ${mediaId} on this device.`, {
          details: { mediaId },
        });
      }
      if (found !== undefined && found.accountId !== accountId) throw wrongAccount(found.accountId);
      const { openAttachmentActor } = await parts.load();
      return openAttachmentActor({ mirrors, pin, tell }, target, found !== undefined);
    },
  };
}
