/** What each service gets, from the context of the step that starts it. */
import type { AttachmentContext } from './context.ts';
import type {
  AttachInput,
  DownloadInput,
  LocalInput,
  RemoveRemoteInput,
  UploadInput,
} from './types.ts';

export function uploadInput(context: AttachmentContext): UploadInput {
  const { mediaId, accountId, handle, media } = context;
  return { mediaId, accountId, blobKey: known(context.blobKey, 'blobKey'), handle, media };
}

export function attachInput(context: AttachmentContext): AttachInput {
  const { mediaId, accountId, handle, media } = context;
  return { mediaId, accountId, receipt: known(context.receipt, 'receipt'), handle, media };
}

export function removeRemoteInput(context: AttachmentContext): RemoveRemoteInput {
  const { mediaId, accountId, handle, receipt } = context;
  return { mediaId, accountId, handle, receipt };
}

export function localInput({ mediaId, blobKey }: AttachmentContext): LocalInput {
  return { mediaId, blobKey };
}

export function downloadInput(context: AttachmentContext): DownloadInput {
  const { mediaId, accountId, media } = context;
  return { mediaId, accountId, url: known(context.url, 'url'), media };
}

/** The guards before the service make sure of it; a gap would be a bug of the machine. */
function known<T>(value: T | null, name: string): T {
  if (value === null) throw new Error(`the machine started a service without its ${name}`);
  return value;
}
