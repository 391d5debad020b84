import { backoffMs } from '../../machines/attachment/backoff.ts';
import { defaultPolicy } from '../../machines/attachment/context.ts';
import type { Backend } from '../../ports/backend.ts';
import { type Cancel, type Clock, sleep } from '../../ports/clock.ts';
import type { Logger } from '../../ports/logger.ts';
import type { Random } from '../../ports/random.ts';
import type { Remote } from '../../ports/remote.ts';
import { type AwaitingParts, createAwaiting } from './awaiting.ts';
import type { GateKeeper } from './gates.ts';
import { askForCredentials, type RefreshCredentials } from './refresh.ts';

/**
 * Which credentials are in use, whether they were refused, and who waits for newer ones (contract 4.4, 4.8). They
 * themselves are the adapters': the engine passes them on and keeps none.
 */
export interface Credentials {
  /** Grows each time new ones were handed over, and when somebody is let in again without: an adapter has found some. */
  readonly generation: number;
  /** They were refused, and there are no newer ones. */
  readonly areRefused: boolean;
  /** They were refused, and are tried again since time has passed: one more refusal is no news, hence no strike. */
  readonly areLookedAt: boolean;
  /** The app is asked for newer ones, and its answer may come at any moment. */
  readonly areAskedFor: boolean;
  /** Something was let in under them. */
  accepted(generation: number): void;
  /**
   * They were refused: nothing begins under them any more, and the app is asked for new ones, once, whoever was refused.
   * @param then called once when there are new ones.
   * @returns false when they are not those in use any more: the refusal says nothing of the newer ones.
   */
  refused(generation: number, code: string, then?: () => void): boolean;
  /**
   * Asks for newer ones than these, and waits for the answer.
   * @returns whether there are.
   */
  renewed(generation: number, code: string): Promise<boolean>;
  /** Whether these were handed over a moment ago: asking for newer ones is no use. */
  areFresh(generation: number): boolean;
  /** Takes what the app gives, and wakes all that wait. Durable when it resolves. */
  take(next: unknown): Promise<void>;
  /** Somebody asks for a retry: they are given another chance. */
  doubt(): void;
  /** Takes none any more; resolves when none is being handed over. */
  close(): Promise<void>;
}

/** Ones that are younger cannot have expired: a 403 under them means what it says (field case 39). */
const FRESH_MS = 60_000;
/** Without a way to ask for new ones, an adapter's header function may have them: one look after this, then ever later. */
const FIRST_LOOK_MS = 60_000;
const LAST_LOOK_MS = 15 * 60_000;
/** Longest wait for an adapter that takes them. */
const HANDING_MS = 5_000;

export interface CredentialsParts extends Omit<AwaitingParts, 'areGood'> {
  readonly remote: Pick<Remote, 'credentials'>;
  readonly backend?: Pick<Backend, 'credentials'> | undefined;
  readonly refreshCredentials?: RefreshCredentials | undefined;
  readonly gates: GateKeeper;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Told between two steps; for crash tests. */
  readonly crashPoint?: ((name: string) => void) | undefined;
}

/** `doubted`: refused before, and tried again since somebody asked; `looked_at`: since time has passed. */
type Standing = 'good' | 'refused' | 'doubted' | 'looked_at';

export function createCredentials(parts: CredentialsParts): Credentials {
  const { accountId, backend, clock, gates, logger, random, refreshCredentials, remote } = parts;
  const ending = new AbortController();
  let generation = 0;
  /** Times that the app handed some over. */
  let handed = 0;
  let standing: Standing = 'good';
  let isProven = false;
  let newSince = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | undefined;
  /** The refusal for which the app is to be asked when there is a network again. */
  let unasked: string | undefined;
  /** Ones that the app gave when asked and that never let anything in, in a row. */
  let fruitless = 0;
  let wereAskedFor = false;
  let looks = 0;
  let cancelLater: Cancel | undefined;
  const waiting = new Set<() => void>();
  let handing: Promise<unknown> = Promise.resolve();

  const isClosed = (): boolean => ending.signal.aborted;
  const awaiting = createAwaiting({ ...parts, areGood: () => standing === 'good' && !isClosed() });

  function stand(next: Standing): void {
    if (isClosed()) return;
    standing = next;
    gates.setCredentials(next !== 'refused');
  }

  function later(delayMs: number, then: () => void): void {
    cancelLater?.();
    const run = (): void => {
      cancelLater = undefined;
      then();
    };
    cancelLater = clock.schedule(delayMs, run, { background: true });
  }

  function notLater(): void {
    cancelLater?.();
    cancelLater = undefined;
  }

  /** One question at a time; who is refused meanwhile waits for its answer. */
  function ask(code: string): Promise<void> {
    if (asking !== undefined) return asking;
    if (refreshCredentials === undefined || isClosed()) return Promise.resolve();
    if (!gates.remoteOpen()) {
      unasked = code; // nobody could answer now
      return Promise.resolve();
    }
    unasked = undefined;
    asking = askOnce(refreshCredentials, code).finally(() => {
      asking = undefined;
    });
    return asking;
  }

  async function askOnce(refresh: RefreshCredentials, code: string): Promise<void> {
    const before = handed;
    try {
      const asked = { account: accountId, code };
      const next = await askForCredentials(refresh, asked, { clock, ending: ending.signal });
      // The app may have handed over others meanwhile: those are the newer ones.
      if (isClosed() || handed !== before) return;
      if (next === null) logger.warn('there are no new credentials: uploads wait for them');
      else await handOver(next, true);
    } catch (error) {
      if (isClosed()) return;
      logger.warn('credentials could not be refreshed: uploads wait for them', { error });
      if (!gates.remoteOpen()) unasked = code;
    }
  }

  /** One after the other: what the app gave last is what adapters have. */
  function handOver(next: unknown, isAnswer: boolean): Promise<void> {
    const before = handing;
    const given = (async () => {
      await before;
      await give(next, isAnswer);
    })();
    handing = given.catch(() => {});
    return given;
  }

  async function give(next: unknown, isAnswer: boolean): Promise<void> {
    if (isClosed()) return;
    // Nothing to hand over: the app says that its own functions give new ones.
    if (next !== undefined) {
      await remote.credentials?.(next);
      await backend?.credentials?.(next);
    }
    if (isClosed()) return;
    parts.crashPoint?.('credentials_handed_over');
    notLater();
    unasked = undefined;
    generation += 1;
    handed += 1;
    newSince = clock.now();
    fruitless = isAnswer && !isProven && wereAskedFor ? fruitless + 1 : 0;
    wereAskedFor = isAnswer;
    isProven = false;
    looks = 0;
    stand('good');
    const waiters = [...waiting];
    waiting.clear();
    for (const then of waiters) then();
    const trouble = await awaiting.wakeAll();
    // Who handed them over is told what is not durable yet.
    if (trouble !== undefined && !isAnswer) throw trouble;
  }

  /** What to do about a refusal, other than to wait for the app. */
  function react(code: string): void {
    if (refreshCredentials === undefined) {
      const delayMs = Math.min(LAST_LOOK_MS, FIRST_LOOK_MS * 2 ** looks);
      looks += 1;
      later(delayMs, () => {
        if (standing !== 'refused') return;
        stand('looked_at');
        void awaiting.wakeOldest(); // all may wait, and none be queued
      });
    } else if (wereAskedFor && !isProven) {
      // New ones that let nothing in: asking on and on would help nobody.
      later(backoffMs(fruitless, defaultPolicy, random.next(), null), () => void ask(code));
    } else void ask(code);
  }

  const unsubscribe = gates.subscribe(() => {
    if (unasked !== undefined && gates.remoteOpen()) void ask(unasked);
  });

  return {
    get generation() {
      return generation;
    },
    get areRefused() {
      return standing === 'refused';
    },
    get areLookedAt() {
      return standing === 'looked_at';
    },
    get areAskedFor() {
      return asking !== undefined;
    },
    accepted(used) {
      if (used !== generation || standing === 'refused') return;
      isProven = true;
      fruitless = 0;
      looks = 0;
      if (standing === 'good') return;
      generation += 1; // a late refusal is of what others were refused too, and says nothing of now
      stand('good');
      void awaiting.wakeAll();
    },
    refused(used, code, then) {
      if (used !== generation) return false;
      if (then !== undefined) waiting.add(then);
      if (standing !== 'refused') {
        parts.crashPoint?.('credentials_refused');
        stand('refused');
        react(code);
      }
      return true;
    },
    async renewed(used, code) {
      if (used === generation && (cancelLater === undefined || asking !== undefined))
        await ask(code);
      return used !== generation;
    },
    areFresh: (used) => used === generation && Math.abs(clock.now() - newSince) < FRESH_MS,
    take: (next) => handOver(next, false),
    doubt() {
      if (standing === 'refused') stand('doubted');
    },
    async close() {
      ending.abort(new Error('Lading was closed'));
      notLater();
      unsubscribe();
      awaiting.close();
      // An adapter that hangs must not hold up the end.
      const over = new AbortController();
      await Promise.race([handing, sleep(clock, HANDING_MS, over.signal).catch(() => {})]);
      over.abort();
    },
  };
}
