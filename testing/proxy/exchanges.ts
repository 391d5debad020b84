import type { IncomingHttpHeaders } from 'node:http';
import { type Match, matches, type ProxyFault, type ProxyFaultName, type Side } from './faults.ts';

/** A request as it arrived, before anything was done with it. */
export interface ProxyRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** A request and what became of it, kept up to date while it is under way. */
export interface ProxyExchange extends ProxyRequest {
  /** 1 for the first one that the proxy saw. */
  readonly nth: number;
  /** What it is about, as `keyOf` says: by default the path without its query. */
  readonly key: string;
  /** What was to go wrong with it. */
  readonly fault: ProxyFault | null;
  /** Whether it did: a cut after more bytes than there are cuts nothing. */
  readonly isHit: boolean;
  /** Bytes of the request's body that were taken from the client, and those of them that the server was given. */
  readonly takenBytes: number;
  readonly passedBytes: number;
  /** Bytes of the reply's body that the client was given. */
  readonly repliedBytes: number;
  /** What the server answered; null when it did not, or was not asked. */
  readonly status: number | null;
  readonly answer: IncomingHttpHeaders | null;
  /** What the client was told; null when it was told nothing. */
  readonly told: number | null;
  /** Resolves when nothing of it is under way any more. */
  readonly over: Promise<void>;
}

/** Bodies of exchanges, added up. */
export interface ProxyTraffic {
  readonly exchanges: number;
  readonly takenBytes: number;
  readonly passedBytes: number;
  readonly repliedBytes: number;
}

/** The exchange in the hands of who carries it. */
export type OpenExchange = { -readonly [Key in keyof ProxyExchange]: ProxyExchange[Key] } & {
  end(): void;
};

/** What the proxy saw and did, in the order of arrival. */
export interface ExchangeLog {
  readonly all: readonly ProxyExchange[];
  open(request: ProxyRequest, key: string, fault: ProxyFault | null): OpenExchange;
  counts(): Partial<Record<ProxyFaultName, number>>;
  traffic(match: Match): ProxyTraffic;
}

export function createExchangeLog(): ExchangeLog {
  const all: ProxyExchange[] = [];
  return {
    all,
    open(request, key, fault) {
      const over = Promise.withResolvers<void>();
      const exchange: OpenExchange = {
        ...request,
        nth: all.length + 1,
        key,
        fault,
        isHit: false,
        takenBytes: 0,
        passedBytes: 0,
        repliedBytes: 0,
        status: null,
        answer: null,
        told: null,
        over: over.promise,
        end: over.resolve,
      };
      all.push(exchange);
      return exchange;
    },
    counts() {
      const counts: Partial<Record<ProxyFaultName, number>> = {};
      for (const { fault, isHit } of all) {
        if (fault !== null && isHit) counts[fault.act] = (counts[fault.act] ?? 0) + 1;
      }
      return counts;
    },
    traffic(match) {
      const meant = all.filter((exchange) => matches(match, exchange));
      const sum = (of: 'takenBytes' | 'passedBytes' | 'repliedBytes'): number =>
        meant.reduce((total, exchange) => total + exchange[of], 0);
      return {
        exchanges: meant.length,
        takenBytes: sum('takenBytes'),
        passedBytes: sum('passedBytes'),
        repliedBytes: sum('repliedBytes'),
      };
    },
  };
}

/** An exchange that the proxy is to keep in its hands. */
export interface Hold extends Match {
  /** `request`: the server gets none of it before the release; `reply`: it does its work, and the client hears nothing. */
  readonly side: Side;
  /** Which of those that match, from now on. Default 1, the next one. */
  readonly nth?: number;
}

export interface Held {
  /** Resolves when the exchange is in the proxy's hands. */
  readonly reached: Promise<void>;
  /** Lets it go on. Resolves when it is over. */
  release(): Promise<void>;
}

/** Holds that were asked for, and the exchanges that meet them. */
export interface Holds {
  add(hold: Hold): Held;
  /** The hold that this exchange meets, counted at its arrival. */
  meet(exchange: ProxyExchange): HeldExchange | undefined;
}

export interface HeldExchange {
  readonly side: Side;
  /** Tells that it is held; resolves when it may go on. */
  hold(): Promise<void>;
}

export function createHolds(): Holds {
  const waiting: {
    readonly hold: Hold;
    left: number;
    reach(exchange: ProxyExchange): HeldExchange;
  }[] = [];
  return {
    add(hold) {
      const reached = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      const met = Promise.withResolvers<ProxyExchange>();
      waiting.push({
        hold,
        left: hold.nth ?? 1,
        reach(exchange) {
          met.resolve(exchange);
          return {
            side: hold.side,
            hold() {
              reached.resolve();
              return released.promise;
            },
          };
        },
      });
      return {
        reached: reached.promise,
        async release() {
          released.resolve();
          await (await met.promise).over;
        },
      };
    },
    meet(exchange) {
      for (const [at, one] of waiting.entries()) {
        if (!matches(one.hold, exchange) || --one.left > 0) continue;
        waiting.splice(at, 1);
        return one.reach(exchange);
      }
      return undefined;
    },
  };
}
