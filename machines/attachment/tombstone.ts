import type { Json, JsonObject } from '../json.ts';
import { type AttachmentContext, defaultPolicy, initialContext } from './context.ts';
import type { MediaId } from './types.ts';

/** What is kept of an attachment that ended: whose it was, and whether its bytes ever were another device's. */
export interface KeptAttachment {
  readonly accountId: string;
  /** Left out for one that was captured on this device. */
  readonly origin?: 'elsewhere';
}

/** An attachment's tombstone: it says "gone", and no more (contract 5.5). */
export function stripped(context: AttachmentContext): JsonObject {
  const { accountId, origin } = context;
  return origin === 'here' ? { accountId } : { accountId, origin };
}

/** The state that a tombstone stands for. @param at when the attachment's last event was. */
export function expanded(
  mediaId: MediaId,
  payload: JsonObject,
  at: number,
): { readonly value: Json; readonly context: AttachmentContext } {
  const { accountId, origin = 'here' } = payload as unknown as KeptAttachment;
  const context: AttachmentContext = {
    ...initialContext({
      mediaId,
      accountId,
      origin,
      media: {
        kind: 'file',
        contentType: 'application/octet-stream',
        byteSize: 0,
        sha256: '',
        filename: null,
      },
      policy: defaultPolicy,
      url: null,
      blobKey: null,
      capturedAt: at,
    }),
    gone: true,
    stripped: true,
  };
  return { value: { reference: 'gone', transfer: 'none', localCopy: 'purged' }, context };
}
