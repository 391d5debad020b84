import { createHash } from 'node:crypto';
import type { Fault, MediaFacts } from '../machines/attachment/types.ts';
import {
  type HeadOutcome,
  objectKey as keyOf,
  type ObjectKey,
  type Remote,
  type UploadContext,
  type UploadOutcome,
  type UploadRequest,
} from '../ports/remote.ts';

/** One request that the engine makes, as a script sees it. */
export interface RemoteCall {
  readonly operation: 'upload' | 'head' | 'remove' | 'download' | 'list' | 'abort';
  readonly objectKey: ObjectKey;
  /** 1 for the first call of this operation for this object. */
  readonly nth: number;
  /** Uploads: an earlier run may have reached the remote. */
  readonly rerun: boolean;
}

/** What the remote does with one request; what is left out goes well. */
export interface RemoteAnswer {
  /** Waits for this before anything else; an aborted request stops waiting, and has no effect unless it `landed`. */
  readonly after?: Promise<unknown>;
  /** The answer. Without `landed` nothing of the request took effect, but the bytes of `afterBytes`. */
  readonly fault?: Fault;
  /**
   * The work is done all the same: the answer was lost on its way, or came too late. With `after`, the bytes of an upload
   * lie with a proxy until then, which an abort does not stop (contract 5.2).
   */
  readonly landed?: boolean;
  /** Uploads: how many bytes arrive before the fault. Default 0. Downloads: how many before the transfer breaks. */
  readonly afterBytes?: number;
  /** Uploads: the receipt carries no locator, so that the engine has to look at the object. */
  readonly withoutUrl?: boolean;
}

export type RemoteScript = (call: RemoteCall) => RemoteAnswer | undefined;

export interface MemoryRemote extends Remote {
  /** Completed objects. A test may change or delete them. */
  readonly objects: Map<
    ObjectKey,
    { readonly bytes: Uint8Array; readonly media: MediaFacts | null }
  >;
  /** Every request about one object so far, in order; listings are about none. */
  readonly calls: readonly RemoteCall[];
  /** How often an object was completed, by key: more than once is a doubled upload. */
  readonly completions: ReadonlyMap<ObjectKey, number>;
  /** Unfinished uploads by handle, with the bytes they hold. A test may add what an earlier life left. */
  readonly unfinished: Map<string, Uint8Array>;
  /** Uploads under way now, and the most at any time. */
  readonly running: { readonly now: number; readonly most: number };
  /** Bytes received by uploads. */
  readonly receivedBytes: number;
}

export interface MemoryRemoteOptions {
  readonly script?: RemoteScript;
  /** Larger files are uploads that can be resumed, with a handle. Default 65,536. */
  readonly resumableAboveBytes?: number;
}

const ORIGIN = 'https://objects.example/';
const CHUNK_BYTES = 16_384;
/** Small, so that a listing has several pages. */
const LIST_PAGE = 3;

/**
 * A {@link Remote} in memory that does what a script says: for tests of the engine and of apps.
 *
 * @example
 * ```ts
 * const busy = { ok: false, class: 'retryable', code: 'busy' } as const
 * const remote = memoryRemote({ script: ({ nth }) => (nth === 1 ? { fault: busy } : undefined) })
 * ```
 */
export function memoryRemote(options: MemoryRemoteOptions = {}): MemoryRemote {
  const { resumableAboveBytes = 65_536 } = options;
  const objects: MemoryRemote['objects'] = new Map();
  const unfinished = new Map<string, Uint8Array>();
  const completions = new Map<ObjectKey, number>();
  const calls: RemoteCall[] = [];
  const running = { now: 0, most: 0 };
  let receivedBytes = 0;

  /** Notes the call, asks the script and waits as it says. Undefined: aborted. */
  async function begin(
    operation: RemoteCall['operation'],
    objectKey: ObjectKey,
    signal: AbortSignal,
    rerun = false,
  ): Promise<RemoteAnswer | undefined> {
    const before = calls.filter(
      (one) => one.operation === operation && one.objectKey === objectKey,
    );
    const call = { operation, objectKey, nth: before.length + 1, rerun };
    if (operation !== 'list') calls.push(call);
    const answer = options.script?.(call) ?? {};
    const lands = operation === 'upload' && answer.landed === true;
    if (answer.after !== undefined && !lands) await untilAborted(answer.after, signal);
    return signal.aborted && answer.landed !== true ? undefined : answer;
  }

  /** Takes bytes from where the unfinished upload stands; returns all it has, up to `limit`. */
  async function receive(
    request: UploadRequest,
    context: UploadContext,
    start: Uint8Array,
    limit: number,
    keep?: (bytes: Uint8Array) => void,
  ): Promise<Uint8Array> {
    const chunks = [start];
    let size = start.byteLength;
    const tell = (): void =>
      keep !== undefined ? context.onProgress(size, size) : context.onProgress(size);
    tell();
    for await (const part of request.open({ start: size })) {
      for (let at = 0; at < part.byteLength && size < limit; at += CHUNK_BYTES) {
        if (context.signal.aborted) return Buffer.concat(chunks);
        const chunk = part.slice(
          at,
          Math.min(part.byteLength, at + CHUNK_BYTES, at + limit - size),
        );
        chunks.push(chunk);
        size += chunk.byteLength;
        receivedBytes += chunk.byteLength;
        keep?.(Buffer.concat(chunks));
        tell();
      }
      if (size >= limit) break;
    }
    return Buffer.concat(chunks);
  }

  function complete({ objectKey, media }: UploadRequest, bytes: Uint8Array): Fault | undefined {
    if (bytes.byteLength !== media.byteSize || sha256(bytes) !== media.sha256) {
      return fault('mismatch', 'checksum_mismatch');
    }
    const there = objects.get(objectKey);
    if (there !== undefined) {
      return sha256(there.bytes) === media.sha256
        ? undefined
        : fault('terminal', 'content_conflict');
    }
    objects.set(objectKey, { bytes, media });
    completions.set(objectKey, (completions.get(objectKey) ?? 0) + 1);
    return undefined;
  }

  async function upload(request: UploadRequest, context: UploadContext): Promise<UploadOutcome> {
    const { objectKey, media } = request;
    const { signal } = context;
    const answer = await begin('upload', objectKey, signal, context.rerun);
    if (answer === undefined) return aborted();
    if (answer.fault !== undefined && answer.landed !== true && answer.afterBytes === undefined) {
      return answer.fault;
    }
    const receipt = {
      url: answer.withoutUrl === true ? null : ORIGIN + objectKey,
      token: sha256(Buffer.from(objectKey)).slice(0, 8),
      byteSize: media.byteSize,
    };
    if (answer.landed === true && answer.after !== undefined) {
      const bytes = await receive(request, context, new Uint8Array(), media.byteSize);
      const landing = answer.after.then(() => void complete(request, bytes));
      await untilAborted(landing, signal);
      if (signal.aborted) return aborted();
    }
    const there = objects.get(objectKey);
    if (there === undefined) {
      const handle = media.byteSize > resumableAboveBytes ? `upload:${objectKey}` : null;
      if (handle !== null) await context.opened(handle);
      const limit =
        answer.fault !== undefined && answer.landed !== true
          ? (answer.afterBytes ?? 0)
          : media.byteSize;
      const held = (handle === null ? undefined : unfinished.get(handle)) ?? new Uint8Array();
      const keep =
        handle === null ? undefined : (kept: Uint8Array) => void unfinished.set(handle, kept);
      const bytes = await receive(request, context, held, limit, keep);
      if (signal.aborted && answer.landed !== true) return aborted();
      if (answer.fault !== undefined && answer.landed !== true) return answer.fault;
      if (handle !== null) unfinished.delete(handle);
      const refused = complete(request, bytes);
      if (refused !== undefined) return refused;
    } else if (sha256(there.bytes) !== media.sha256) {
      return fault('terminal', 'content_conflict');
    }
    return answer.fault ?? { ok: true, receipt };
  }

  return {
    objects,
    calls,
    completions,
    unfinished,
    running,
    get receivedBytes() {
      return receivedBytes;
    },

    async upload(request, context) {
      running.now += 1;
      running.most = Math.max(running.most, running.now);
      try {
        return await upload(request, context);
      } finally {
        running.now -= 1;
      }
    },

    async head(objectKey, { signal }): Promise<HeadOutcome> {
      const answer = await begin('head', objectKey, signal);
      if (answer === undefined) return aborted();
      if (answer.fault !== undefined) return answer.fault;
      const found = objects.get(objectKey);
      if (found === undefined) return { ok: true, exists: false };
      const { bytes } = found;
      return {
        ok: true,
        exists: true,
        byteSize: bytes.byteLength,
        sha256: sha256(bytes),
        url: ORIGIN + objectKey,
        token: null,
      };
    },

    async remove(objectKey, { handle, signal }) {
      const answer = await begin('remove', objectKey, signal);
      if (answer === undefined) return aborted();
      if (answer.fault !== undefined && answer.landed !== true) return answer.fault;
      objects.delete(objectKey);
      unfinished.delete(handle ?? `upload:${objectKey}`);
      return answer.fault ?? { ok: true };
    },

    async listIncomplete(accountId, { after, signal }) {
      const account = keyOf(accountId, '');
      const answer = await begin('list', account, signal);
      if (answer === undefined) return aborted();
      if (answer.fault !== undefined) return answer.fault;
      const uploads = [...unfinished.keys()]
        .map((handle) => ({ objectKey: objectOf(handle), handle }))
        .filter(({ objectKey, handle }) => objectKey.startsWith(account) && handle > (after ?? ''))
        .toSorted((a, b) => (a.handle < b.handle ? -1 : 1));
      const page = uploads.slice(0, LIST_PAGE);
      return { ok: true, uploads: page, next: page.at(LIST_PAGE - 1)?.handle ?? null };
    },

    async abort({ objectKey, handle }, { signal }) {
      const answer = await begin('abort', objectKey, signal);
      if (answer === undefined) return aborted();
      if (answer.fault === undefined || answer.landed === true) unfinished.delete(handle);
      return answer.fault ?? { ok: true };
    },

    async download(url, { start = 0, signal }) {
      if (!url.startsWith(ORIGIN)) return fault('terminal', 'origin_not_allowed');
      const objectKey = url.slice(ORIGIN.length) as ObjectKey;
      const answer = await begin('download', objectKey, signal);
      if (answer === undefined) return aborted();
      if (answer.fault !== undefined) return answer.fault;
      const found = objects.get(objectKey);
      if (found === undefined) return fault('absent', 'no_such_object');
      const bytes = found.bytes.slice(start);
      const body = pieces(bytes, answer.afterBytes ?? bytes.byteLength, signal);
      return { ok: true, byteSize: bytes.byteLength, body };
    },
  };
}

/** `upload:<object key>`, and behind a `#` what tells several uploads of one object apart. */
function objectOf(handle: string): ObjectKey {
  return (handle.slice('upload:'.length).split('#')[0] ?? '') as ObjectKey;
}

async function* pieces(
  bytes: Uint8Array,
  limit: number,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  for (let at = 0; at < Math.min(limit, bytes.byteLength); at += CHUNK_BYTES) {
    signal.throwIfAborted();
    yield bytes.slice(at, Math.min(at + CHUNK_BYTES, limit));
  }
  if (limit < bytes.byteLength) throw new Error('the transfer broke');
}

async function untilAborted(waited: Promise<unknown>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const stopped = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([waited, stopped]);
}

function aborted(): Fault {
  return fault('retryable', 'aborted');
}

function fault(cls: Fault['class'], code: string): Fault {
  return { ok: false, class: cls, code };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
