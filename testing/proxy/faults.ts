/** The way to the server, or the way back. */
export type Side = 'request' | 'reply';

/** One thing that goes wrong with one exchange. Bytes are of bodies; heads are not counted. */
export type ProxyFault =
  /**
   * Answers itself; the server is not asked. By default when the whole request has arrived, so that the outcome does not
   * depend on who is faster; `early` reads none of it and closes the connection, as servers do that refuse a large body.
   */
  | {
      readonly act: 'answer';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
      readonly early?: boolean;
    }
  /** A network that wants a login answers: a redirect to its page, or the page itself with 200 (field case 36). */
  | { readonly act: 'login'; readonly by: 'redirect' | 'page' }
  /**
   * Both connections close when this many bytes have passed; the head passes before them. Left out: nothing passes at all,
   * not even the head.
   */
  | { readonly act: 'cut'; readonly side: Side; readonly afterBytes?: number }
  /** As `cut`, and the client is told by a RST. */
  | { readonly act: 'reset'; readonly side: Side; readonly afterBytes?: number }
  /**
   * As `cut`, but the connections stay open, and nothing moves any more until the client leaves, or for `forMs`. Default
   * a minute: a client in the middle of a large body is not heard leaving.
   */
  | {
      readonly act: 'stall';
      readonly side: Side;
      readonly afterBytes?: number;
      readonly forMs?: number;
    }
  /** The server does its work to the end, and not a byte of its answer arrives: the connection closes. */
  | { readonly act: 'lose reply' }
  | { readonly act: 'delay'; readonly side: Side; readonly delayMs: number }
  | { readonly act: 'limit'; readonly side: Side; readonly bytesPerSecond: number }
  /** The body ends after this many bytes, and its `Content-Length` says so: whoever reads it sees nothing wrong. */
  | { readonly act: 'truncate'; readonly side: Side; readonly toBytes: number }
  /** A bit of the byte at this position is another one; the first by default. Checksums of the connection see nothing. */
  | { readonly act: 'corrupt'; readonly side: Side; readonly atByte?: number }
  /** So many bytes more than there were, and a `Content-Length` that says so. */
  | { readonly act: 'oversize'; readonly side: Side; readonly byBytes: number };

export type ProxyFaultName = ProxyFault['act'];

/** Which requests are meant; what is left out is any. */
export interface Match {
  readonly method?: string;
  /** The path with its query; a text is looked for at its beginning. */
  readonly path?: string | RegExp;
  /** What `keyOf` of the proxy says. */
  readonly key?: string;
}

/** A fault written down beforehand, for the requests that match. */
export type PlannedFault = ProxyFault &
  Match & {
    /** How many matching requests pass unharmed before. Default 0. */
    readonly after?: number;
    /** How many requests it hits. Default 1. */
    readonly times?: number;
  };

export function matches(
  { method, path, key }: Match,
  request: { readonly method: string; readonly path: string; readonly key: string },
): boolean {
  if (method !== undefined && method !== request.method) return false;
  if (key !== undefined && key !== request.key) return false;
  if (path === undefined) return true;
  return typeof path === 'string' ? request.path.startsWith(path) : path.test(request.path);
}

/** Where on this side nothing passes any more: a count of bytes, null before the head, undefined never. */
export function endsAt(fault: ProxyFault | undefined, side: Side): number | null | undefined {
  switch (fault?.act) {
    case 'cut':
    case 'reset':
    case 'stall':
      return fault.side === side ? (fault.afterBytes ?? null) : undefined;
    default:
      return undefined;
  }
}

/** Faults that are still to come, in the order in which they were planned. */
export interface Planned {
  /** The fault of this request, if one is planned; it is then used up. */
  take(request: {
    readonly method: string;
    readonly path: string;
    readonly key: string;
  }): ProxyFault | undefined;
}

export function plannedFaults(faults: readonly PlannedFault[]): Planned {
  let left = faults.map((fault) => ({ fault, after: fault.after ?? 0, times: fault.times ?? 1 }));
  return {
    take(request) {
      const found = left.find(({ fault }) => matches(fault, request));
      if (found === undefined || found.after-- > 0) return undefined;
      found.after = 0;
      if (--found.times === 0) left = left.filter((one) => one !== found);
      return found.fault;
    },
  };
}

const SAID: Readonly<Record<ProxyFaultName, readonly [one: string, many: string]>> = {
  answer: ['1 request answered with an error', 'requests answered with an error'],
  login: ['1 login page served', 'login pages served'],
  cut: ['1 connection cut', 'connections cut'],
  reset: ['1 connection reset', 'connections reset'],
  'lose reply': ['1 reply dropped', 'replies dropped'],
  stall: ['1 connection stalled', 'connections stalled'],
  delay: ['1 exchange delayed', 'exchanges delayed'],
  limit: ['1 exchange slowed down', 'exchanges slowed down'],
  truncate: ['1 body cut short', 'bodies cut short'],
  oversize: ['1 body made longer', 'bodies made longer'],
  corrupt: ['1 body damaged', 'bodies damaged'],
};

/** `37 connections cut, 12 replies dropped`: what was done, for people. */
export function describeFaults(counts: Partial<Readonly<Record<ProxyFaultName, number>>>): string {
  const names = Object.keys(SAID) as ProxyFaultName[];
  const said = names.flatMap((name) => {
    const count = counts[name] ?? 0;
    if (count === 0) return [];
    const [one, many] = SAID[name];
    return [count === 1 ? one : `${count} ${many}`];
  });
  return said.length === 0 ? 'nothing went wrong' : said.join(', ');
}
