import type { Cancel, Clock } from '../../ports/clock.ts';
import {
  delayMs,
  NetworkError,
  type NetworkErrorCode,
  type NetworkFaults,
  within,
} from './network-faults.ts';
import type { SeededRandom } from './seeded-random.ts';

/** One request to a server model. Body and reply are copied on the way, as a real network does. */
export interface SimRequest<Body, Reply> {
  /** Which server; it may be down. */
  readonly host: string;
  /** For the trace: `PATCH alice/0192…`. */
  readonly label: string;
  readonly body: Body;
  /** The server. Runs when the request lands, perhaps twice, perhaps after the caller gave up. A throw is a bug. */
  readonly serve: (body: Body) => Reply;
  /** Ends the waiting; what is under way may land all the same. */
  readonly signal?: AbortSignal | undefined;
}

export interface TraceEntry {
  readonly elapsedMs: number;
  readonly device: string;
  readonly request: number;
  readonly label: string;
  readonly what: 'sent' | 'landed' | 'answered' | 'aborted' | 'forgotten' | NetworkErrorCode;
}

/** What all requests of one network share. */
export interface NetworkState {
  readonly clock: Clock & { readonly elapsedMs: number };
  readonly random: SeededRandom;
  readonly hostsDown: Set<string>;
  readonly trace: TraceEntry[];
  faults: NetworkFaults;
  /** Requests that may still land. */
  underway: number;
  /** Requests and channels so far. */
  count: number;
}

/** A request whose caller still waits, as its link sees it. */
export interface Flight {
  /** The connection broke. */
  lose(): void;
  /** The caller died. */
  forget(): void;
}

export interface FlightOptions {
  readonly device: string;
  /** How the way out is blocked, if it is. */
  readonly blocked: 'offline' | 'connection_lost' | null;
  /** Those whose callers wait; the flight enters and leaves by itself. */
  readonly waiting: Set<Flight>;
}

/** Sends one request and decides, by the seed, what becomes of it. */
export function fly<Body, Reply>(
  network: NetworkState,
  request: SimRequest<Body, Reply>,
  { device, blocked, waiting }: FlightOptions,
): Promise<Reply> {
  const { clock, faults } = network;
  const { label, signal } = request;
  const number = ++network.count;
  const random = network.random.fork(`request ${number}`);
  const body = structuredClone(request.body);
  const note = (what: TraceEntry['what']): void => {
    network.trace.push({ elapsedMs: clock.elapsedMs, device, request: number, label, what });
  };

  return new Promise<Reply>((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const timers: Cancel[] = [];
    const landings = new Set<Cancel>();

    const settle = (what: TraceEntry['what'], finish: () => void): void => {
      if (!waiting.delete(flight)) return;
      for (const cancel of timers) cancel();
      signal?.removeEventListener('abort', onAbort);
      note(what);
      finish();
    };
    const fail = (code: NetworkErrorCode): void =>
      settle(code, () => reject(new NetworkError(code, label)));
    const afterMs = (ms: number, run: () => void): void => {
      timers.push(clock.schedule(ms, run));
    };

    /** Lets the request arrive at the server; `answer` gets the way back, if there is one. */
    const landIn = (ms: number, answer?: (reply: Reply | 'refused') => void): void => {
      network.underway += 1;
      const cancel = clock.schedule(ms, () => {
        landings.delete(stop);
        network.underway -= 1;
        if (network.hostsDown.has(request.host)) return answer?.('refused');
        note('landed');
        const reply = structuredClone(request.serve(structuredClone(body)));
        answer?.(reply);
      });
      const stop = (): void => {
        landings.delete(stop);
        network.underway -= 1;
        cancel();
      };
      landings.add(stop);
    };
    const reply = (answer: Reply | 'refused'): void =>
      afterMs(delayMs(random, faults), () => {
        if (answer === 'refused') fail('connection_refused');
        else settle('answered', () => resolve(answer));
      });
    /** Nobody waits any more: what has not landed is lost, lands in its time, or is held back for long. */
    const breakOff = (): void => {
      for (const stop of Array.from(landings)) {
        const fate = random.pick(['lost', 'lands', 'held'] as const);
        if (fate !== 'lands') stop();
        if (fate === 'held') landIn(within(random, faults.holdMs));
      }
    };

    const flight: Flight = {
      lose() {
        breakOff();
        fail('connection_lost');
      },
      forget() {
        breakOff();
        settle('forgotten', () => {});
      },
    };
    const onAbort = (): void => {
      breakOff();
      settle('aborted', () => reject(signal?.reason as Error));
    };
    const breakIn = (ms: number): void => {
      if (!random.chance(faults.silent)) afterMs(ms, () => fail('connection_lost'));
    };

    waiting.add(flight);
    signal?.addEventListener('abort', onAbort, { once: true });
    note('sent');
    if (blocked !== null) {
      return afterMs(blocked === 'offline' ? 0 : delayMs(random, faults), () => fail(blocked));
    }
    afterMs(faults.timeoutMs, () => {
      breakOff();
      fail('timeout');
    });
    const there = delayMs(random, faults);
    const thereAndBack = there + delayMs(random, faults);
    switch (fateOf(random, faults)) {
      case 'loseRequest':
        return breakIn(thereAndBack);
      case 'loseReply':
        breakIn(thereAndBack);
        return landIn(there);
      case 'holdBack':
        breakIn(thereAndBack);
        return landIn(within(random, faults.holdMs));
      case 'duplicate':
        landIn(there, reply);
        return landIn(there + within(random, faults.holdMs));
      case 'badGateway':
        if (random.chance(0.5)) landIn(there);
        return afterMs(thereAndBack, () => fail('bad_gateway'));
      case 'captivePortal':
        return afterMs(there, () => fail('captive_portal'));
      case 'none':
        return landIn(there, reply);
    }
  });
}

const FATES = [
  'loseRequest',
  'loseReply',
  'holdBack',
  'duplicate',
  'badGateway',
  'captivePortal',
] as const;

/** At most one thing goes wrong with a request. */
function fateOf(random: SeededRandom, faults: NetworkFaults): (typeof FATES)[number] | 'none' {
  let rest = random.next();
  for (const fate of FATES) {
    rest -= faults[fate];
    if (rest < 0) return fate;
  }
  return 'none';
}
