import { weighted } from '../simulator/weighted.ts';
import { type SeededRandom, seededRandom } from '../world/seeded-random.ts';
import type { ProxyRequest } from './exchanges.ts';
import type { ProxyFault, ProxyFaultName, Side } from './faults.ts';

/** An answer that chance may give instead of the server's. */
export interface RandomAnswer {
  readonly weight: number;
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly early?: boolean;
}

export interface RandomFaultsOptions {
  /** The same seed gives the same fault to the n-th request of a method and key, whatever else is under way. */
  readonly seed: number | string;
  /** How likely a request meets a fault: 0 never, 1 always. Default 0.3. */
  readonly chance?: number;
  /** How often each fault comes, against the others; left out: never. Default: {@link anyFault}. */
  readonly weights?: Readonly<Partial<Record<ProxyFaultName, number>>>;
  /** What `answer` says. Default: {@link passingAnswers}. */
  readonly answers?: readonly RandomAnswer[];
  /** Of a delay, or of a body that is slowed down. Default 200. */
  readonly longestMs?: number;
  /** How long a connection stalls at most. Default a minute; a client should give up before. */
  readonly stallMs?: number;
}

/**
 * Every fault that a client notices, broken connections most often. Damage (`corrupt`) is not among them: only a remote
 * that is told a checksum notices it.
 */
export const anyFault: Readonly<Record<Exclude<ProxyFaultName, 'corrupt'>, number>> = {
  cut: 6,
  reset: 2,
  'lose reply': 4,
  answer: 4,
  delay: 3,
  limit: 2,
  stall: 1,
  login: 1,
  truncate: 1,
  oversize: 1,
};

/** Answers that mean "later" and pass by themselves; none that only a person can do something about. */
export const passingAnswers: readonly RandomAnswer[] = [
  { weight: 1, status: 408 },
  { weight: 1, status: 425 },
  { weight: 1, status: 429, headers: { 'Retry-After': '0' } },
  { weight: 1, status: 429, headers: { 'Retry-After': '1' } },
  { weight: 2, status: 500 },
  {
    weight: 1,
    status: 502,
    headers: { 'Content-Type': 'text/html' },
    body: '<h1>Bad gateway</h1>',
  },
  { weight: 2, status: 503 },
  { weight: 1, status: 503, headers: { 'Retry-After': new Date(0).toUTCString() } },
  { weight: 1, status: 504 },
];

/**
 * Faults by chance, for the `faults` of a proxy. They come out the same for the same seed as long as requests do: a client
 * that sends another request meets other faults.
 *
 * @example
 * ```ts
 * const proxy = await startFaultProxy({ upstream, faults: randomFaults({ seed: 7, chance: 0.4 }) })
 * ```
 */
export function randomFaults(
  options: RandomFaultsOptions,
): (request: ProxyRequest & { readonly key: string }) => ProxyFault | undefined {
  const { chance = 0.3, weights = anyFault, answers = passingAnswers, longestMs = 200 } = options;
  const root = seededRandom(options.seed);
  const seen = new Map<string, number>();
  const choices = Object.entries(weights).map(([name, weight]) => ({
    act: name as ProxyFaultName,
    weight,
  }));

  return (request) => {
    const which = `${request.method} ${request.key}`;
    const nth = (seen.get(which) ?? 0) + 1;
    seen.set(which, nth);
    const random = root.fork(`${which} ${nth}`);
    if (!random.chance(chance)) return undefined;
    const { act } = weighted(random, choices);
    const length = Number(request.headers['content-length'] ?? 0);
    switch (act) {
      case 'answer':
        return { act, ...weighted(random, answers) };
      case 'login':
        return { act, by: random.pick(['redirect', 'page']) };
      case 'lose reply':
        return { act };
      case 'delay':
        return { act, side: random.pick(SIDES), delayMs: random.int(1, longestMs) };
      case 'limit':
        return { act, side: 'request', bytesPerSecond: slow(random, length, longestMs) };
      case 'truncate': {
        const side = random.pick(SIDES);
        return { act, side, toBytes: random.int(0, side === 'request' ? length : SHORT_BYTES) };
      }
      case 'corrupt': {
        const side = random.pick(SIDES);
        const most = (side === 'request' ? length : SHORT_BYTES) - 1;
        return { act, side, atByte: random.int(0, Math.max(0, most)) };
      }
      case 'oversize':
        return { act, side: 'reply', byBytes: random.int(1, SHORT_BYTES) };
      default: {
        const side = random.pick(SIDES);
        const after = afterBytes(random, side === 'request' ? length : SHORT_BYTES);
        return {
          act,
          side,
          ...(after === undefined ? {} : { afterBytes: after }),
          ...(act === 'stall' && options.stallMs !== undefined ? { forMs: options.stallMs } : {}),
        };
      }
    }
  };
}

const SIDES: readonly Side[] = ['request', 'request', 'reply'];
/** Of a reply's body, whose length nobody knows before. */
const SHORT_BYTES = 500;
/** How often nothing passes at all, where something could. */
const NOTHING_PASSES = 0.2;

function afterBytes(random: SeededRandom, length: number): number | undefined {
  return length === 0 || random.chance(NOTHING_PASSES) ? undefined : random.int(0, length - 1);
}

function slow(random: SeededRandom, length: number, longestMs: number): number {
  return Math.max(1, Math.round((length * 1000) / random.int(1, longestMs)));
}
