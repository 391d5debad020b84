import { wrongAccount } from '../engine/lifecycle/own-account.ts';
import { mediaIdOf, requireObject } from '../engine/lifecycle/validate.ts';
import type { Views } from '../engine/lifecycle/views.ts';
import type { Attachment, RefOrId } from '../lading.ts';
import { refOf } from '../machines/attachment/ref-of.ts';
import { type MediaId, type Owner, ownerKey } from '../machines/attachment/types.ts';
import type { CoreStore } from '../persistence/store-on.ts';
import { LadingError } from '../ports/errors.ts';

/** How verbs find what they are asked about. */
export interface Lookup {
  /** @throws {LadingError} `invalid_id`, `not_found`, `wrong_account`. */
  readonly own: (ref: RefOrId) => MediaId;
  /** An attachment in the app's hands. */
  readonly attachment: (mediaId: MediaId, owner: Owner) => Attachment;
}

export function createLookup(
  { events, tables }: Pick<CoreStore, 'events' | 'tables'>,
  views: Views,
  account: string,
): Lookup {
  return {
    own(ref) {
      const mediaId = mediaIdOf(ref);
      const media = events.read((tx) => tables.media(tx, mediaId));
      if (media === undefined) throw notFound(mediaId);
      if (media.accountId !== account) throw wrongAccount(media.accountId);
      return mediaId;
    },
    attachment: (mediaId, owner) => ({
      id: mediaId,
      get ref() {
        const { media, row } = events.read((tx) => ({
          media: tables.media(tx, mediaId),
          row: tables.refsOfOwner(tx, ownerKey(owner)).find((ref) => ref.mediaId === mediaId),
        }));
        if (media === undefined) throw notFound(mediaId);
        // A draft, or one that this owner let go, is nobody's primary.
        return row?.ref ?? refOf(media, { isPrimary: false });
      },
      get view() {
        return views.view(mediaId);
      },
    }),
  };
}

export function refOrId(ref: RefOrId): MediaId | Exclude<RefOrId, string> {
  if (typeof ref === 'string') return mediaIdOf(ref);
  // Without a url it says no more than its id does.
  return typeof requireObject('ref', ref).url === 'string' ? ref : mediaIdOf(ref);
}

export function isOwner(target: RefOrId | Owner): target is Owner {
  return typeof target === 'object' && target !== null && 'entityType' in target;
}

function notFound(mediaId: MediaId): LadingError {
  return new LadingError('not_found', `There is no attachment ${mediaId} on this device.`, {
    details: { mediaId },
  });
}
