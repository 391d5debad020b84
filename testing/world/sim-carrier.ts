import type { CarriedTask, Carrier, CarrierResult, CarrierTask } from '../../ports/carrier.ts';
import { type Clock, sleep } from '../../ports/clock.ts';
import type { SeededRandom } from './seeded-random.ts';

/** The part of an operating system that carries requests for apps, whether or not they live. */
export interface SimCarrier {
  /** What an app is lent; wrap it by `process.port`, so that it dies with the process. */
  readonly carrier: Carrier;
  /** Kills transfers that are under way, as a system short of memory does, and users who force an app to quit. */
  killTransfers(): void;
  /** The power went: what was under way begins again from its first byte, or is gone, as chance has it. */
  powerCut(): void;
  /** Requests that it began. */
  readonly begun: number;
}

export interface SimCarrierOptions {
  readonly clock: Clock;
  /** How its requests leave: by a link that is the system's own. */
  readonly fetch: typeof globalThis.fetch;
  /** The bytes of a file as the disk has them now; undefined where there is none. */
  readonly read: (file: string) => Uint8Array | undefined;
  readonly random: SeededRandom;
  /** How long after its end an app hears of it, at most. Default 5,000. */
  readonly latestMs?: number;
}

interface Carried {
  readonly task: CarrierTask;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
  result: CarrierResult | undefined;
}

/** @returns a system that carries nothing yet. Its memory outlives every process of the device, and a power cut. */
export function simCarrier(options: SimCarrierOptions): SimCarrier {
  const { clock, fetch, read, random, latestMs = 5_000 } = options;
  const tasks = new Map<string, Carried>();
  let begun = 0;

  function begin(task: CarrierTask): void {
    begun += 1;
    const stop = new AbortController();
    const ended = Promise.withResolvers<void>();
    const mine: Carried = { task, stop, ended: ended.promise, result: undefined };
    tasks.set(task.id, mine);
    void (async () => {
      const result = await carry(task, stop.signal);
      await sleep(clock, random.int(0, latestMs));
      mine.result = result;
      ended.resolve();
    })();
  }

  async function carry(task: CarrierTask, signal: AbortSignal): Promise<CarrierResult> {
    const bytes = read(task.file);
    if (bytes === undefined) return failed('source_missing', false);
    if (bytes.byteLength !== task.byteSize) return failed('source_changed', false);
    try {
      const body = bytes as Uint8Array<ArrayBuffer>;
      const { method, url } = task;
      const headers = { ...task.headers };
      const answer = await fetch(url, { method, headers, body, signal });
      return {
        ended: 'answered',
        status: answer.status,
        headers: [...answer.headers],
        body: (await answer.text()).slice(0, 4_096),
      };
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined;
      const isRefused = cause instanceof Error && cause.message === 'connection_refused';
      return isRefused ? failed('host_unreachable', false) : failed('network', true);
    }
  }

  /** Forgets it, and ends its request as far as that can be. */
  function drop(one: Carried): void {
    if (tasks.get(one.task.id) === one) tasks.delete(one.task.id);
    one.stop.abort();
  }

  const underWay = (): readonly Carried[] =>
    [...tasks.values()].filter(({ result }) => result === undefined);
  const told = ({ task, result }: Carried): CarriedTask => ({
    id: task.id,
    note: task.note,
    result,
  });
  /** Asking a system takes a moment. */
  const turn = (): Promise<void> => sleep(clock, random.int(0, 20));

  const carrier: Carrier = {
    async start(task) {
      if (!tasks.has(task.id)) begin(task);
      await turn();
    },
    async attach(id, { signal }) {
      await turn();
      const mine = tasks.get(id);
      if (mine === undefined) return undefined;
      await untilAborted(mine, signal);
      return tasks.get(id) === mine ? told(mine) : undefined;
    },
    async cancel(id) {
      const mine = tasks.get(id);
      if (mine !== undefined) drop(mine);
      await turn();
    },
    async list() {
      await turn();
      return [...tasks.values()].map(told).toSorted((a, b) => (a.id < b.id ? -1 : 1));
    },
  };

  return {
    carrier,
    killTransfers() {
      for (const one of underWay()) drop(one);
    },
    powerCut() {
      for (const one of underWay()) {
        drop(one);
        if (random.chance(0.5)) begin(one.task);
      }
    },
    get begun() {
      return begun;
    },
  };
}

/** Resolves when it ended, or was dropped. @throws the signal's reason. */
async function untilAborted({ ended, stop }: Carried, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const over = Promise.withResolvers<void>();
  const onAbort = (): void => over.reject(signal.reason as Error);
  const onDrop = (): void => over.resolve();
  signal.addEventListener('abort', onAbort, { once: true });
  stop.signal.addEventListener('abort', onDrop, { once: true });
  if (stop.signal.aborted) onDrop();
  try {
    await Promise.race([ended, over.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    stop.signal.removeEventListener('abort', onDrop);
  }
}

function failed(code: string, mayHaveArrived: boolean): CarrierResult {
  return { ended: 'failed', code, mayHaveArrived };
}
