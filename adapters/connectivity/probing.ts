import type { Cancel, Clock } from '../../ports/clock.ts';
import { systemClock } from '../../ports/clock.ts';
import type { Connectivity, NetworkState } from '../../ports/connectivity.ts';
import { LadingError } from '../../ports/errors.ts';
import { type Logger, silentLogger } from '../../ports/logger.ts';
import { safely } from '../../ports/safely.ts';
import { listeners, sameState } from './listeners.ts';

export type ProbingOptions = {
  /** Between the end of one probe and the next. Default 30,000. */
  readonly intervalMs?: number;
  /** A probe that takes longer counts as offline. Default 10,000. */
  readonly timeoutMs?: number;
  /** How long a changed answer must hold before it is told, so that a flapping link does not thrash. Default 2,000. */
  readonly debounceMs?: number;
  /** Before the first answer. Default online and unmetered: an attempt finds out. */
  readonly initial?: Partial<NetworkState>;
  readonly clock?: Clock;
  /** Is told what a listener throws; the others hear all the same, and probing goes on. */
  readonly logger?: Pick<Logger, 'error'>;
} & (
  | {
      /** Asked with HEAD, without redirects: the app's own server, not a stranger's. */
      readonly url: string;
      /**
       * Whether an answer is the server's own; a captive portal answers too (field case 36).
       * Default: any status below 500 but redirects, and no HTML page. Better: a header that only your server sends.
       */
      readonly validate?: (answer: Response) => boolean;
      readonly fetch?: typeof globalThis.fetch;
      readonly probe?: undefined;
    }
  | {
      /** Finds out in its own way; a rejection counts as offline. */
      readonly probe: (signal: AbortSignal) => Promise<boolean | Partial<NetworkState>>;
      readonly url?: undefined;
    }
);

/**
 * Finds out by asking. While nobody is subscribed there is no timer and no request; then `current` tells what was
 * last known. An edge is told once it held for `debounceMs` and a second probe agreed (contract 4.7).
 *
 * @throws {LadingError} `invalid_option`: neither `probe` nor a web `url`, or a time that is not positive.
 * @example
 * ```ts
 * const connectivity = probingConnectivity({ url: 'https://api.example.com/health' })
 * ```
 */
export function probingConnectivity(options: ProbingOptions): Connectivity {
  const { intervalMs = 30_000, timeoutMs = 10_000, debounceMs = 2_000 } = options;
  if (!(intervalMs > 0 && timeoutMs > 0 && debounceMs >= 0)) {
    throw new LadingError('invalid_option', 'The times of a probe must be positive.');
  }
  const clock = options.clock ?? systemClock({ unref: true });
  const logger = options.logger ?? silentLogger;
  const probe = options.probe ?? headProbe(options);
  let state: NetworkState = { online: true, metered: false, ...options.initial };
  /** What the last probe said, when that is not what was told. */
  let doubt: NetworkState | undefined;
  let stop: (() => void) | undefined;

  const heard = listeners({
    onFirst() {
      stop = rounds();
    },
    onLast() {
      stop?.();
      doubt = undefined;
    },
  });

  /** Probes until it is stopped; each round belongs to one subscription period and can not touch a later one. */
  function rounds(): () => void {
    let stopped = false;
    let cancel: Cancel | undefined;
    const abort = new AbortController();

    const round = async (): Promise<void> => {
      const found = await once(probe, state, { clock, timeoutMs, signal: abort.signal });
      if (stopped) return;
      const again = settle(found);
      cancel = clock.schedule(again ? debounceMs : intervalMs, () => void round());
    };
    void round();
    return () => {
      stopped = true;
      cancel?.();
      abort.abort();
    };
  }

  /** Takes in an answer; true when it is news that must be asked for once more. */
  function settle(found: NetworkState): boolean {
    const news = !sameState(found, state);
    const confirmed =
      news && (debounceMs === 0 || (doubt !== undefined && sameState(doubt, found)));
    doubt = news && !confirmed ? found : undefined;
    if (confirmed) {
      state = found;
      safely(logger, 'a listener of the connectivity threw', () => heard.tell(state));
    }
    return news && !confirmed;
  }

  return { current: () => state, subscribe: (listener) => heard.add(listener) };
}

type Probe = (signal: AbortSignal) => Promise<boolean | Partial<NetworkState>>;

/** One probe with its timeout; never rejects: not being able to ask is an answer. */
async function once(
  probe: Probe,
  known: NetworkState,
  limits: { readonly clock: Clock; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<NetworkState> {
  const late = new AbortController();
  const offline: NetworkState = { ...known, online: false };
  let cancel: Cancel | undefined;
  const timeout = new Promise<NetworkState>((resolve) => {
    cancel = limits.clock.schedule(limits.timeoutMs, () => {
      late.abort();
      resolve(offline);
    });
  });
  const stopped = new Promise<NetworkState>((resolve) => {
    limits.signal.addEventListener('abort', () => resolve(offline), { once: true });
  });
  try {
    const ask = async (signal: AbortSignal) => probe(signal); // a throw is a rejection too
    const asked = ask(AbortSignal.any([late.signal, limits.signal])).then(
      (answer) =>
        typeof answer === 'boolean' ? { ...known, online: answer } : { ...known, ...answer },
      () => offline,
    );
    return await Promise.race([asked, timeout, stopped]);
  } finally {
    cancel?.();
  }
}

function headProbe(options: Extract<ProbingOptions, { readonly url: string }>): Probe {
  if (!URL.canParse(options.url) || !/^https?:$/.test(new URL(options.url).protocol)) {
    throw new LadingError('invalid_option', 'A connectivity probe needs an http(s) url.');
  }
  const validate = options.validate ?? ownAnswer;
  return async (signal) => {
    const send = options.fetch ?? globalThis.fetch;
    const answer = await send(options.url, {
      method: 'HEAD',
      redirect: 'manual',
      cache: 'no-store',
      signal,
    });
    return validate(answer);
  };
}

function ownAnswer(answer: Response): boolean {
  const { status, headers } = answer;
  const answered = (status >= 200 && status < 300) || (status >= 400 && status < 500);
  return answered && !/^text\/html\b/i.test(headers.get('Content-Type') ?? '');
}
