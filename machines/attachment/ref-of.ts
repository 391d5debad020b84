import type { AttachmentContext } from './context.ts';
import { type AttachmentRef, offlineUrl, type RefEntry } from './types.ts';

/** The ref that a domain entity stores for one entry (contract 1). */
export function refOf(
  context: Pick<AttachmentContext, 'mediaId' | 'url' | 'media'>,
  entry: Pick<RefEntry, 'isPrimary'>,
): AttachmentRef {
  const { mediaId, url, media } = context;
  return {
    mediaId,
    url: url ?? offlineUrl(mediaId),
    kind: media.kind,
    contentType: media.contentType,
    // A ref from another device may have come without them.
    ...(media.sha256 === '' ? {} : { sha256: media.sha256 }),
    ...(media.sha256 === '' && media.byteSize === 0 ? {} : { byteSize: media.byteSize }),
    isPrimary: entry.isPrimary,
  };
}
