import type { Fault } from '../../../machines/attachment/types.ts';
import type { UploadContext, UploadOutcome, UploadRequest } from '../../../ports/remote.ts';
import { ask } from '../transport/exchange.ts';
import { fault, faultOf } from '../transport/faults.ts';
import { sameOrigin } from '../transport/places.ts';
import { TUS_VERSION, type TusHttp } from './http.ts';
import type { TusModule } from './load.ts';
import { sameObject, transfer } from './transfer.ts';

export interface UploadPlan {
  readonly uploadId: string;
  /** Where our server hook puts that id. */
  readonly expectedUrl: string;
  readonly chunkSizeBytes: number;
  /** Files up to this size are sent with their creation, where that is safe. */
  readonly singleRequestBytes: number;
  locator(url: string): Promise<string | null>;
}

/**
 * One attempt: goes on where an earlier one stood, else creates; begins again when the upload is gone, meets its
 * earlier self when the id exists. Each of those happens at most once more, so that an attempt ends.
 * Completion counts when the server's own offset is what was sent of the declared length; else its HEAD is asked (field
 * case 12).
 *
 * A place that is made from the object key needs no handle: every later run finds it again, so that nothing has to be
 * durable before bytes are sent. Then a small file goes with its creation: if the answer is lost, the next run meets it.
 */
export async function uploadByTus(
  tus: TusModule,
  http: TusHttp,
  request: UploadRequest,
  context: UploadContext,
  plan: UploadPlan,
): Promise<UploadOutcome> {
  const { uploadId, chunkSizeBytes, expectedUrl } = plan;
  let url = firstUrl(http, context, expectedUrl);
  let handle = context.handle;
  const seen: UploadContext = {
    ...context,
    get handle() {
      return handle;
    },
    async opened(next) {
      const isSecret = isCapability(next, expectedUrl);
      if (http.server.learns) http.server.hasHooks = !isSecret;
      if (isSecret) await context.opened(next, { isSecret });
      handle = next;
    },
  };
  for (let gone = 0, exists = 0; ; ) {
    const { hasHooks, takesBytes } = http.server;
    const createWithBytes =
      url === null &&
      hasHooks &&
      takesBytes &&
      request.media.byteSize > 0 &&
      request.media.byteSize <= plan.singleRequestBytes;
    const ended = await transfer(tus, http, {
      request,
      context: seen,
      uploadId,
      chunkSizeBytes,
      url,
      createWithBytes,
    });
    switch (ended.end) {
      case 'fault':
        return ended.fault;
      case 'gone':
        // An earlier run may have sent it to another server than the one of which this was learnt: no second copy there.
        if (http.server.learns && url === expectedUrl) http.server.hasHooks = false;
        if (++gone > 2) return fault('resume_lost', 'upload_gone', 'The upload went away again.');
        url = null;
        break;
      case 'exists':
        if (++exists > 1) return conflict;
        url = ended.url ?? expectedUrl;
        break;
      case 'untaken':
        http.server.takesBytes = false;
        url = ended.url ?? expectedUrl;
        break;
      case 'complete': {
        const doubt = ended.proven ? null : await prove(http, request, ended.url, context.signal);
        if (doubt !== null) return doubt;
        return {
          ok: true,
          receipt: {
            url: await plan.locator(ended.url),
            // Nothing reads it again: the handle is kept already, and better (contract 10.4).
            token: isCapability(ended.url, expectedUrl) ? null : ended.url,
            byteSize: request.media.byteSize,
          },
        };
      }
    }
  }
}

/** Whether this url lets in whoever has it: a server chose its last part, or put a token behind it. */
export function isCapability(url: string, expectedUrl: string): boolean {
  const { search, pathname } = new URL(url);
  return search !== '' || pathname !== new URL(expectedUrl).pathname;
}

const conflict: Fault = fault(
  'terminal',
  'conflict',
  'The server refuses the id of this upload, and has no upload under it.',
);

/** A handle of another origin is never contacted: the endpoint moved, and credentials stay (contract 10.3). */
function firstUrl(http: TusHttp, context: UploadContext, expectedUrl: string): string | null {
  const known = context.handle === null ? undefined : sameOrigin(http.endpoint, context.handle);
  // After a crash the upload may be there under its id, although nobody was told where (contract 4.2).
  return known ?? (context.rerun ? expectedUrl : null);
}

async function prove(
  http: TusHttp,
  request: UploadRequest,
  url: string,
  signal: AbortSignal,
): Promise<Fault | null> {
  const told = await ask(http, 'head', { method: 'HEAD', url, headers: TUS_VERSION, signal });
  if (!told.ok) return told;
  try {
    if (sameObject(told.answer, request)) return null;
    return fault('retryable', 'incomplete', 'The server said complete, and has fewer bytes.');
  } catch (error) {
    return faultOf(error);
  }
}
