import type { HttpRequest, HttpResponse } from 'tus-js-client';
import type { Fault } from '../../../machines/attachment/types.ts';
import type { UploadContext, UploadRequest } from '../../../ports/remote.ts';
import { type Answer, appHeaders } from '../transport/exchange.ts';
import { aborted, FaultSignal, fault, faultOf, stalled } from '../transport/faults.ts';
import { sameOrigin } from '../transport/places.ts';
import { watchStall } from '../transport/stall.ts';
import { LADING_KEY } from '../tus-ids.ts';
import type { TusPhase } from './classify.ts';
import type { TusHttp } from './http.ts';
import type { TusModule } from './load.ts';
import { requestReader } from './reader.ts';
import { answerOf, fetchStack, sentBytesOf } from './stack.ts';

/** How one run of tus-js-client ended. It always does, and once. */
export type TransferEnd =
  /** The server said that it has all bytes; `proven` when what it said fits what was sent and declared. */
  | { readonly end: 'complete'; readonly url: string; readonly proven: boolean }
  /** The upload is not there (any more): 404 or 410 to HEAD or PATCH. */
  | { readonly end: 'gone' }
  /** The server refused to create the id a second time; `url` is where it says the first one is. */
  | { readonly end: 'exists'; readonly url: string | undefined }
  /** The server created an upload and left the bytes that came along alone. */
  | { readonly end: 'untaken'; readonly url: string | null }
  | { readonly end: 'fault'; readonly fault: Fault };

export interface TransferPlan {
  readonly request: UploadRequest;
  readonly context: UploadContext;
  readonly uploadId: string;
  readonly chunkSizeBytes: number;
  /** The upload to go on with; null creates one. */
  readonly url: string | null;
  /** A creation carries the first bytes: only where an upload whose creation was not answered is found again. */
  readonly createWithBytes: boolean;
}

/**
 * One run of tus-js-client, with what it gets wrong kept away from it:
 * its retries, stores and fingerprints are off; each answer is judged before it sees it, so that a HEAD that fails
 * never becomes a new upload; the first outcome is the outcome; and no byte is sent before `context.opened` resolved,
 * but for a creation with bytes, whose place is known beforehand.
 */
export function transfer(tus: TusModule, http: TusHttp, plan: TransferPlan): Promise<TransferEnd> {
  const { request, context } = plan;
  return new Promise((resolve, reject) => {
    let url = plan.url;
    let proven = false;
    let settled = false;

    const settle = (finish: () => void): void => {
      if (settled) return;
      settled = true;
      watch.stop();
      context.signal.removeEventListener('abort', onAbort);
      // Stops what still runs and silences every later callback; `false` leaves the server's upload alone.
      void upload.abort(false);
      finish();
    };
    const ended = (end: TransferEnd): void => settle(() => resolve(end));
    const fail = (reason: Fault): void => ended({ end: 'fault', fault: reason });
    /** What the engine lent us failed: no fault of the transfer, and not ours to classify. */
    const lent = async (call: () => unknown): Promise<void> => {
      try {
        await call();
      } catch (error) {
        settle(() => reject(error));
        throw error;
      }
    };
    const onAbort = (): void => fail(aborted);
    const watch = watchStall(http.clock, http.stallMs, () => fail(stalled(http.stallMs)));

    const named = async (link: string | null, code: string): Promise<void> => {
      url = within(http, link, code);
      const handle = url;
      if (handle !== context.handle) await lent(() => context.opened(handle));
    };
    const judge = async (sent: HttpRequest, answer: Answer): Promise<void> => {
      const phase = phaseOf(sent.getMethod());
      const reason = http.classify(phase, answer);
      if (reason !== null) throw ending(phase, reason, answer, http);
      if (phase === 'create') {
        await named(answer.headers.get('Location'), 'location_missing');
        if (plan.createWithBytes && !answer.headers.has('Upload-Offset')) {
          throw new EndSignal(untaken, { end: 'untaken', url });
        }
      }
      if (phase !== 'head') {
        // The length was declared, or told by a HEAD before: where the offset is what was sent, nothing is left to ask.
        proven = advanced(sent, answer, request);
      } else {
        proven = sameObject(answer, request);
        await named(url, 'url_missing');
      }
      const offset = integer(answer, 'Upload-Offset');
      if (offset !== undefined) await lent(() => context.onProgress(offset, offset));
    };

    const upload = new tus.Upload(NOTHING, {
      ...OFF,
      endpoint: plan.url === null ? http.endpoint.href : null,
      uploadUrl: plan.url,
      chunkSize: plan.chunkSizeBytes,
      uploadDataDuringCreation: plan.createWithBytes,
      metadata: {
        [LADING_KEY]: plan.uploadId,
        filetype: request.media.contentType,
        contentDisposition: 'attachment', // for servers that serve what they were sent (contract 10.2)
        sha256: request.media.sha256,
      },
      fileReader: requestReader(request),
      httpStack: fetchStack(http, watch),
      async onBeforeRequest(sent) {
        watch.alive();
        for (const [name, value] of await appHeaders(http, context.signal)) {
          if (sent.getHeader(name) === undefined) sent.setHeader(name, value);
        }
      },
      async onAfterResponse(sent: HttpRequest, answer: HttpResponse) {
        watch.pause(); // what follows waits for this device, not for the network
        await judge(sent, answerOf(answer));
        watch.alive();
      },
      onProgress(sentBytes) {
        if (!settled) lent(() => context.onProgress(sentBytes)).catch(() => {}); // told by `settle`
      },
      onSuccess: () => ended({ end: 'complete', url: url ?? '', proven }),
      onError: (error) => ended(endOf(error)),
    });

    if (context.signal.aborted) return onAbort();
    context.signal.addEventListener('abort', onAbort, { once: true });
    upload.start();
  });
}

/** tus-js-client wants something to upload; what it reads comes from the file reader. */
const NOTHING = new Blob([]);

const OFF = {
  retryDelays: null,
  storeFingerprintForResuming: false,
  removeFingerprintOnSuccess: false,
  fingerprint: async () => '',
  urlStorage: {
    findAllUploads: async () => [],
    findUploadsByFingerprint: async () => [],
    removeUpload: async () => {},
    addUpload: async () => '',
  },
};

class EndSignal extends FaultSignal {
  readonly end: TransferEnd;

  constructor(reason: Fault, end: TransferEnd) {
    super(reason);
    this.end = end;
  }
}

/** Faults that mean more than that this run is over. */
function ending(phase: TusPhase, reason: Fault, answer: Answer, http: TusHttp): FaultSignal {
  if (reason.class === 'resume_lost') return new EndSignal(reason, { end: 'gone' });
  if (phase === 'create' && answer.status === 409 && reason.code === 'conflict') {
    const link = answer.headers.get('Location');
    const url = link === null ? undefined : sameOrigin(http.endpoint, link);
    return new EndSignal(reason, { end: 'exists', url });
  }
  return new FaultSignal(reason);
}

function endOf(error: unknown): TransferEnd {
  const cause = error instanceof Error && 'causingError' in error ? error.causingError : error;
  return cause instanceof EndSignal ? cause.end : { end: 'fault', fault: faultOf(error) };
}

function phaseOf(method: string): 'create' | 'head' | 'patch' {
  return method === 'POST' ? 'create' : method === 'HEAD' ? 'head' : 'patch';
}

function within(http: TusHttp, link: string | null, missingCode: string): string {
  if (link === null) {
    throw signal('retryable', missingCode, 'The server created an upload and did not say where.');
  }
  const url = sameOrigin(http.endpoint, link);
  if (url !== undefined) return url;
  throw signal(
    'terminal',
    'origin_refused',
    'The server named an upload on another origin. Make it answer with relative locations.',
  );
}

/** Whether the server has all of it; throws when it has something else under this id. */
export function sameObject(answer: Answer, request: UploadRequest): boolean {
  const { byteSize, sha256 } = request.media;
  const offset = integer(answer, 'Upload-Offset');
  const length = integer(answer, 'Upload-Length');
  const metadata = answer.headers.get('Upload-Metadata') ?? '';
  const claimed = /(?:^|,)\s*sha256 ([A-Za-z0-9+/=]+)/.exec(metadata)?.[1];
  if (length !== byteSize || (claimed !== undefined && atob(claimed) !== sha256)) {
    throw signal('terminal', 'other_content', 'The server holds other bytes under this id.');
  }
  if (offset === undefined || offset > length) {
    throw signal('retryable', 'bad_offset', 'The server did not say how many bytes it has.');
  }
  return offset === length;
}

/**
 * A server that takes bytes and does not move would be sent them for ever.
 * @returns whether it has all bytes, and says of each of them that it came by this request or before it.
 */
function advanced(sent: HttpRequest, answer: Answer, request: UploadRequest): boolean {
  const { byteSize } = request.media;
  const sentBytes = sentBytesOf(sent);
  const before = Number(sent.getHeader('Upload-Offset') ?? 0);
  // A creation without bytes says nothing of how far it is: that is nowhere.
  const offset = sentBytes === null ? 0 : integer(answer, 'Upload-Offset');
  const moved = offset !== undefined && (offset > before || sentBytes === null || byteSize === 0);
  if (moved && offset <= byteSize) {
    return offset === byteSize && offset === before + (sentBytes ?? 0);
  }
  throw signal('retryable', 'bad_offset', 'The server took bytes and did not move on.');
}

const untaken = fault('retryable', 'untaken', 'The server created an upload without its bytes.');

function integer(answer: Answer, header: string): number | undefined {
  const value = answer.headers.get(header) ?? '';
  return /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

function signal(faultClass: Fault['class'], code: string, message: string): FaultSignal {
  return new FaultSignal(fault(faultClass, code, message));
}
