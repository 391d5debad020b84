import type { AttachmentRef, MediaId } from '../../machines/attachment/types.ts';
import type { Cancel } from '../../ports/clock.ts';
import { LadingError } from '../../ports/errors.ts';
import type { Logger } from '../../ports/logger.ts';
import type { CaptureSource } from '../../ports/source.ts';
import type { Host } from '../host/host.ts';
import { asStream } from '../lifecycle/as-stream.ts';
import type { CaptureOptions } from '../lifecycle/capture.ts';
import { wrongAccount } from '../lifecycle/own-account.ts';
import type { Views } from '../lifecycle/views.ts';
import { createActing } from './acting.ts';
import type { ActorRecords } from './actor-records.ts';
import type { Acting } from './actor-scope.ts';
import { type AttachmentActor, openAttachmentActor } from './attachment-actor.ts';
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
  readonly views: Views;
  readonly records: ActorRecords;
  readonly accountId: string;
  readonly logger: Logger;
  /** @throws {LadingError} `invalid_id`. */
  parse(ref: AttachmentRef | string): AttachmentRef | MediaId;
  verbs(): ActorVerbs;
}

/** Attachments as actors: for an app's machines, and for its screens (design 2). Loaded with the first one. */
export interface Actors extends Acting {
  /** @throws {LadingError} `invalid_id`, `not_found`, `wrong_account`. */
  open(ref: AttachmentRef | string): AttachmentActor;
}

export function createActors(parts: ActorsParts): Actors {
  const { records, accountId, host } = parts;
  const mirrors = createMirrors({ ...parts, refOf: records.refOf });
  const pin = (mediaId: MediaId): Cancel => host.pin(asStream(mediaId));
  const tell = (mediaId: MediaId, event: AttachmentActorEvent['type']): Promise<void> =>
    event === 'unpin' ? parts.verbs().pin(mediaId, false) : parts.verbs()[event](mediaId);

  return {
    ...createActing({
      ...parts,
      mirrors,
      isHere: (mediaId) => records.media(mediaId)?.accountId === accountId,
      tell,
      capture: (source, options) => parts.verbs().capture(source, options),
    }),
    open(ref) {
      const target = parts.parse(ref);
      const mediaId = typeof target === 'string' ? target : target.mediaId;
      const found = records.media(mediaId);
      if (found === undefined && typeof target === 'string') {
        throw new LadingError('not_found', `There is no attachment ${mediaId} on this device.`, {
          details: { mediaId },
        });
      }
      if (found !== undefined && found.accountId !== accountId) throw wrongAccount(found.accountId);
      return openAttachmentActor(
        { mirrors, logger: parts.logger, pin, tell },
        target,
        found !== undefined,
      );
    },
  };
}
