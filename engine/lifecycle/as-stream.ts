import type { MediaId } from '../../machines/attachment/types.ts';
import type { StreamId } from '../../ports/event-store.ts';

/** One attachment is one stream. */
export function asStream(mediaId: MediaId): StreamId {
  return mediaId as string as StreamId;
}
