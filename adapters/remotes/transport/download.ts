import type { Fault } from '../../../machines/attachment/types.ts';
import { DownloadInterrupted, type DownloadOutcome } from '../../../ports/remote.ts';
import { appHeaders, type Transport } from './exchange.ts';
import { aborted, fault, faultOf, stalled } from './faults.ts';
import { beginningOf } from './send.ts';
import { watchStall } from './stall.ts';

/** Where downloads may read. */
export interface DownloadRules {
  /** The remote's own: the only one that gets the app's headers. */
  readonly endpoint: URL;
  /** The endpoint's own among them. */
  readonly origins: ReadonlySet<string>;
  /** Asks hosts other than the endpoint's, which may not lie in a private network; undefined where all may. */
  readonly publicGet: ((url: URL, init: PublicInit) => Promise<Response>) | undefined;
  /**
   * Makes of a request what the endpoint lets in, just before it is sent, where that takes more than headers.
   * @throws {FaultSignal}
   */
  readonly sign?: (url: URL, init: PublicInit) => Promise<SignedGet>;
}

/** May lead to another of the allowed origins. */
export interface SignedGet {
  readonly url: URL;
  readonly headers: Headers;
}

export interface PublicInit {
  readonly headers: Headers;
  readonly signal: AbortSignal;
}

/**
 * A GET from `start` on. A server that knows no ranges sends all, and the beginning is skipped here.
 * The app's headers and the endpoint's query go to the endpoint's origin only (contract 10.3). What the bytes are
 * worth, their hash tells.
 */
export async function downloadByGet(
  http: Transport<'get'>,
  rules: DownloadRules,
  url: string,
  options: { readonly start?: number; readonly signal: AbortSignal },
): Promise<DownloadOutcome> {
  const { start = 0, signal } = options;
  const target = URL.canParse(url) ? new URL(url) : undefined;
  if (target === undefined || !rules.origins.has(target.origin)) {
    return fault('terminal', 'origin_refused', 'Downloads from that origin are not allowed.');
  }
  if (target.username !== '' || target.password !== '') {
    return fault('terminal', 'origin_refused', 'Urls with a user name are not fetched.');
  }
  if (signal.aborted) return aborted;
  const stop = new AbortController();
  let stall: Fault | undefined;
  const watch = watchStall(http.clock, http.stallMs, () => {
    stall = stalled(http.stallMs);
    stop.abort();
  });
  const broken = (error: unknown): Fault => {
    if (error instanceof Error && error.name === 'PrivateAddressError') return privateAddress;
    if (error instanceof Error && error.name === 'OddStatusError' && 'status' in error) {
      const answer = { url, status: Number(error.status), headers: new Headers(), body: '' };
      return http.classify('get', answer) ?? faultOf(error);
    }
    return stall ?? (signal.aborted ? aborted : faultOf(error));
  };
  watch.alive();
  try {
    const trusted = target.origin === rules.endpoint.origin;
    const either = AbortSignal.any([signal, stop.signal]);
    const headers = trusted ? await appHeaders(http, either) : new Headers();
    if (start > 0) headers.set('Range', `bytes=${start}-`);
    const init = { headers, signal: either };
    // A ref keeps no query (contract 10.4): what lets this app in at its own endpoint is put back.
    if (trusted && target.search === '') target.search = rules.endpoint.search;
    const signed = trusted ? await rules.sign?.(target, init) : undefined;
    const asked = signed?.url ?? target;
    if (signed !== undefined) init.headers = signed.headers;
    const response =
      asked.origin === rules.endpoint.origin || rules.publicGet === undefined
        ? await http.fetch(asked, { ...init, redirect: 'manual' })
        : await rules.publicGet(asked, init);
    const { status, headers: told } = response;
    const body = status < 400 ? '' : await beginningOf(response.body ?? []);
    const refused =
      http.classify('get', { url: asked.href, status, headers: told, body }) ??
      wrongRange(response, start);
    if (refused !== null) {
      watch.stop();
      if (status < 400) await response.body?.cancel();
      return refused;
    }
    const skip = response.status === 206 ? 0 : start;
    return { ok: true, byteSize: sizeOf(response, skip), body: bytesOf(response, skip) };
  } catch (error) {
    watch.stop();
    return broken(error);
  }

  async function* bytesOf(response: Response, skipBytes: number): AsyncIterable<Uint8Array> {
    let skip = skipBytes;
    try {
      for await (const chunk of response.body ?? []) {
        watch.pause(); // the reader may take its time
        const kept = chunk.subarray(Math.min(skip, chunk.byteLength));
        skip -= chunk.byteLength - kept.byteLength;
        if (kept.byteLength > 0) yield kept;
        watch.alive();
      }
    } catch (error) {
      throw new DownloadInterrupted(broken(error));
    } finally {
      watch.stop();
    }
  }
}

const privateAddress: Fault = fault(
  'terminal',
  'private_address',
  'The host of the download lies in a private network. Where that is meant, set allowPrivateAddresses.',
);

function wrongRange(response: Response, start: number): Fault | null {
  if (response.status !== 206) return null;
  const from = /^bytes (\d+)-/.exec(response.headers.get('Content-Range') ?? '')?.[1];
  if (from !== undefined && Number(from) === start) return null;
  return fault('retryable', 'range_mismatch', 'The server sent another range than was asked for.');
}

function sizeOf(response: Response, skip: number): number | null {
  const length = response.headers.get('Content-Length') ?? '';
  // With a content coding the length counts other bytes than those that arrive here.
  if (!/^\d{1,15}$/.test(length) || response.headers.has('Content-Encoding')) return null;
  return Math.max(0, Number(length) - skip);
}
