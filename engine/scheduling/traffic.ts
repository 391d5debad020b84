import type { Fault } from '../../machines/attachment/types.ts';
import type { Cancel, Clock } from '../../ports/clock.ts';
import { beganAt } from '../../ports/clock-jumps.ts';
import type { Random } from '../../ports/random.ts';
import type { ServiceRun } from '../host/definition.ts';
import type { GateKeeper } from '../lifecycle/gates.ts';
import { fault } from '../lifecycle/outputs.ts';
import { type Breaker, createBreaker, type RequestEnd } from './breaker.ts';
import { createCompany } from './company.ts';
import { createPace } from './pace.ts';
import { createUploadSlots, type UploadLoad } from './slots.ts';
import { type Answer, verdictOf } from './verdict.ts';

/** Of a service's run: whose it is, and what stops it. */
export type TransferRun = Pick<ServiceRun, 'stream' | 'signal'>;

/** @param gotOn to be called when the host took bytes for good. */
export type Transferring<T> = (gotOn: () => void) => Promise<T>;

/** What goes to the remote and comes from it, as its hosts and the link bear it (contract 4.5, field cases 28, 29). */
export interface Traffic {
  /** Counts a run of an upload, or of its last step, from its first word to its last. */
  count<T>(run: TransferRun, work: () => Promise<T>): Promise<T>;
  /**
   * Runs one upload, or its last step, when there is a slot for it; without one word to a remote that rests. What does
   * not run ends as by a lost network, which burns nothing.
   */
  send<T extends Answer>(run: TransferRun, work: Transferring<T>): Promise<T | Fault>;
  /** Runs one other request to a host; default the remote's own. */
  ask<T extends Answer>(run: TransferRun, work: Transferring<T>, host?: string): Promise<T | Fault>;
  /** Whether more may begin, by what this process knows: asked before the log is. */
  mayHaveRoom(): boolean;
  /**
   * How many more may begin beside those that the log says are under way.
   * @param claimed this runner's, and nobody's: it takes them over. `ours`: of those, the ones that it runs.
   */
  room(claimed: number, ours: number): number;
  /** Lets one request through to each host that rests, now (contract 4.7). */
  letOneThrough(): void;
  /** Tells screens how it stands. */
  show(): void;
  /** Called when more uploads may begin. */
  onFree(listener: () => void): void;
  /** Called when the remote may be asked again after a rest. */
  onRested(listener: () => void): void;
  close(): void;
}

/**
 * After so many short uploads in a row, as many more are begun as there are slots, these at least: their claims are committed
 * and their bytes looked at while others still send, and no slot waits for a disk. One that gets no slot within a second is
 * put back. Their results wait for each other, so that one commit stores them.
 */
const SHORT_IN_A_ROW = 4;
const LEAST_AHEAD = 2;
const SHORT_MS = 1_000;
/** Adapters end what is silent for 30 s: what goes on for longer moves. */
const LASTING_MS = 60_000;
const SAID_NOTHING: RequestEnd = { verdict: 'nothing', restMs: 0 };
/** Where uploads go, when the remote does not name its host. */
const THE_REMOTE = '';

export function createTraffic(parts: {
  readonly load: UploadLoad;
  readonly gates: GateKeeper;
  readonly clock: Clock;
  readonly random: Random;
  readonly remote: { readonly host?: string };
}): Traffic {
  const { load, gates, clock } = parts;
  const remoteHost = parts.remote.host ?? THE_REMOTE;
  const listeners: (() => void)[] = [];
  const rested: (() => void)[] = [];
  const others = new Map<string, Breaker>();
  /** Runs of uploads that were not stopped, with a slot or on their way to one or from it. */
  let runs = 0;
  /** Uploads in a row that were short; whoever was begun ahead got a slot. */
  let shortOnes = 0;
  const pace = createPace(load.total);
  const slots = createUploadSlots({ load, clock, onFree, onShown: show });
  /** Those with a slot: what is under way for long is not waited for. */
  const underWay = new Set<{ readonly began: number }>();
  const company = createCompany(
    clock,
    () => load.limit,
    () => areShort() && (slots.waiting > 0 || [...underWay].some(isShort)),
  );
  const own = createBreaker({ ...parts, onChange: onOwnBreaker });

  function areShort(): boolean {
    return shortOnes >= SHORT_IN_A_ROW;
  }

  function isShort({ began }: { readonly began: number }): boolean {
    return Math.abs(clock.now() - began) < SHORT_MS;
  }

  function onFree(): void {
    for (const listener of listeners) listener();
  }

  function onRested(): void {
    for (const listener of rested) listener();
    onFree();
  }

  function onOwnBreaker(): void {
    if (own.state === 'open') {
      pace.restart();
      slots.setLimit(pace.limit);
    }
    show();
    if (!isHeld()) onRested();
  }

  function isHeld(): boolean {
    return own.state === 'open' || own.isProbing;
  }

  function show(): void {
    gates.setTraffic({
      slotFree: slots.free,
      breakerOpen: own.state !== 'closed',
      get breakerUntil() {
        return own.until;
      },
      began: (since) => beganAt(clock, since),
      held: isHeld(),
    });
  }

  function breakerOf(host: string): Breaker {
    if (host === remoteHost) return own;
    const known = others.get(host) ?? createBreaker({ ...parts, onChange() {} });
    others.set(host, known);
    return known;
  }

  function letThrough(whateverTheyAsked: boolean): void {
    for (const breaker of [own, ...others.values()]) breaker.letOneThrough(whateverTheyAsked);
  }

  function every(ms: number, run: () => void): Cancel {
    let cancel: Cancel;
    const next = (): void => {
      cancel = clock.schedule(ms, () => {
        run();
        next();
      });
    };
    next();
    return () => cancel();
  }

  function sayOf(answer: Answer): RequestEnd {
    // What the network explains is nobody's fault.
    const verdict = gates.remoteOpen() || answer.ok ? verdictOf(answer) : 'nothing';
    const asked = answer.ok || verdict !== 'failed' ? undefined : answer.retryAfterMs;
    return { verdict, restMs: asked !== undefined && asked > 0 ? asked : 0 };
  }

  const ask: Traffic['ask'] = async (run, work, host = remoteHost) => {
    const breaker = breakerOf(host);
    const end = breaker.enter(run.stream);
    if (end === undefined) return resting(breaker, clock.now());
    let said = SAID_NOTHING;
    let hasGotOn = false;
    const gotOn = (): void => {
      hasGotOn = true;
      breaker.gotOn();
    };
    try {
      const answer = await work(gotOn);
      if (!run.signal.aborted) said = sayOf(answer);
      // What came far and broke is told by those that come nowhere.
      if (hasGotOn && said.verdict === 'failed' && said.restMs === 0) said = SAID_NOTHING;
      return answer;
    } finally {
      end(said);
      if (breaker !== own && breaker.isIdle) others.delete(host);
    }
  };

  /** A run that was stopped takes no room, also when it does not heed that. */
  const count: Traffic['count'] = async ({ signal }, work) => {
    let isCounted = true;
    const leave = (): void => {
      if (isCounted) runs -= 1;
      isCounted = false;
    };
    runs += 1;
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await work();
    } finally {
      leave();
    }
  };

  const send: Traffic['send'] = async (run, work) => {
    const transfer = async () => {
      const upload = pace.begin();
      const mine = { began: clock.now() };
      underWay.add(mine);
      const stop = every(LASTING_MS, () => {
        upload.lasts();
        own.lasts();
        slots.setLimit(pace.limit);
      });
      const found = await ask(run, (gotOn) =>
        work(() => {
          gotOn();
          company.look();
        }),
      ).finally(() => {
        stop();
        underWay.delete(mine);
      });
      upload.ended(run.signal.aborted ? 'nothing' : sayOf(found).verdict, found.ok);
      shortOnes = found.ok && isShort(mine) ? shortOnes + 1 : 0;
      slots.setLimit(pace.limit);
      return found;
    };
    // Who goes through to see does not wait for those that began before: theirs may last for hours.
    const most = own.state === 'half_open' ? load.total : load.limit;
    try {
      const answer = await slots.use(run.signal, transfer, most);
      if (answer === undefined) shortOnes = 0;
      else if (areShort()) await company.join();
      return answer ?? fault('offline', 'no_slot');
    } finally {
      company.look(); // those who wait for this one need not any longer
    }
  };

  show(); // also when something began is told by it
  let wasOnline = gates.remoteOpen();
  gates.subscribe(() => {
    const isOnline = gates.remoteOpen();
    if (isOnline && !wasOnline) letThrough(false);
    wasOnline = isOnline;
  });

  function room(claimed: number, ours: number): number {
    if (isHeld()) return 0;
    const busy = Math.max(load.used + slots.waiting, claimed);
    if (own.state === 'closed') {
      return Math.max(0, load.limit + (areShort() ? Math.max(LEAST_AHEAD, load.limit) : 0) - busy);
    }
    // One goes through to see, beside those that began before; one that was claimed for it may be on its way.
    return ours > load.used || busy >= load.total ? 0 : 1;
  }

  return {
    count,
    send,
    ask,
    mayHaveRoom: () => room(runs, runs) > 0,
    room,
    letOneThrough() {
      letThrough(true);
      onRested(); // what was passed over is looked at again
    },
    show,
    onFree: (listener) => void listeners.push(listener),
    onRested: (listener) => void rested.push(listener),
    close() {
      listeners.length = 0;
      rested.length = 0;
      slots.close();
      company.close();
      for (const breaker of [own, ...others.values()]) breaker.close();
    },
  };
}

/** The host that a url leads to; undefined for what is no url: then it is the remote's own business. */
export function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).host : undefined;
}

/** Not asked, hence nobody's fault: no attempt is burnt (contract 4.4). */
function resting({ until }: Breaker, now: number): Fault {
  const waitMs = until === null ? PROBE_MS : Math.max(0, until - now);
  return { ...fault('offline', 'remote_resting'), retryAfterMs: waitMs };
}

/** How long a request to see may take, roughly: who waits for its answer looks again then. */
const PROBE_MS = 5_000;
