import type { LadingOptions } from '../../lading.ts';
import type { Disk } from '../../ports/disk.ts';
import type { Sabotage } from '../../testing/simulator/sabotage.ts';
import { scenarioOf } from '../../testing/simulator/scenario.ts';
import { live, type Plot, simulateScenario } from '../../testing/simulator/simulate.ts';
import { type SeededRandom, seededRandom } from '../../testing/world/seeded-random.ts';
import { failingDatabase, SQLITE } from '../../tests/support/failing-database.ts';

/** What fails in a life, at moments of its own beside all that goes wrong in the life as it is. */
export const FAILING = {
  'a database that is busy': (fails) => ({
    sql: (real) => failingDatabase(real, () => (fails() ? SQLITE.busy() : undefined)),
  }),
  'a database with I/O errors': (fails) => ({
    sql: (real) => failingDatabase(real, () => (fails() ? SQLITE.io() : undefined)),
  }),
  'a disk under the bytes': (fails) => ({ disk: (real) => failingDisk(real, fails) }),
  'what the app gives': (fails) => ({ options: (real) => failingApp(real, fails) }),
} as const satisfies Record<string, (fails: () => boolean) => Sabotage>;

/** What became of a life. */
export interface FailingLife {
  /** How often something failed. */
  readonly failed: number;
  /** What oracles and verbs say; a throw out of a timer is among it. */
  readonly complaints: readonly string[];
  /** What would have ended a process: rejections that nobody heard, throws that nobody caught. */
  readonly unheard: readonly string[];
}

/** Lives one seed through while something fails once, now and then for a while, or from some moment on to the end. */
export async function failingLife(what: keyof typeof FAILING, seed: number): Promise<FailingLife> {
  const often = what.includes('database') ? 10 : 1;
  const times = failingTimes(seededRandom(`${what} ${seed}`), often);
  const unheard: string[] = [];
  const hear = (error: unknown): void => {
    unheard.push(error instanceof Error ? String(error.stack) : String(error));
  };
  process.on('unhandledRejection', hear).on('uncaughtException', hear);
  try {
    const { failures } = await simulateScenario(
      scenarioOf(seed),
      asked(FAILING[what](times.fails)),
      mendedAtLast(times),
    );
    await new Promise((resolve) => void setImmediate(resolve));
    const complaints = failures
      .map(({ oracle, message }) => `${oracle}: ${message}`)
      .filter((complaint) => !WAITS_FOR_ITS_GRACE.test(complaint));
    return { failed: times.failed, complaints, unheard };
  } finally {
    process.off('unhandledRejection', hear).off('uncaughtException', hear);
  }
}

/** Where it cannot be told whether a commit took a file, the file stays for garbage collection, a day later. */
const WAITS_FOR_ITS_GRACE = /no record knows the file/;

/** Every life is asked about its room: that is work of its own in the background. */
function asked(sabotage: Sabotage): Sabotage {
  const estimate = { estimate: async () => ({ freeBytes: 10 ** 9 }) };
  return {
    ...sabotage,
    options: (real) => {
      const options = { ...real, storageEstimate: estimate };
      return sabotage.options?.(options) ?? options;
    },
  };
}

interface Times {
  /** Whether this access fails. */
  readonly fails: () => boolean;
  readonly failed: number;
  /** While it is false nothing fails and nothing counts: who judges, and who only looks, is spared. */
  isOn: boolean;
}

/** @param often how many times more often than a port it is used. */
function failingTimes(random: SeededRandom, often: number): Times {
  const kind = random.pick(['once', 'for a while', 'for ever']);
  const some = (): number => (kind === 'once' ? 1 : random.int(1, 30 * often));
  let count = 0;
  let from = random.int(0, 60 * often);
  let until = kind === 'for ever' ? Number.POSITIVE_INFINITY : from + some();
  const times = {
    isOn: false,
    failed: 0,
    fails(): boolean {
      if (!times.isOn) return false;
      count += 1;
      if (count >= until) {
        from = count + random.int(1, 40 * often);
        until = from + some();
      }
      if (count < from) return false;
      times.failed += 1;
      return true;
    },
  };
  return times;
}

/** A life in which things fail while time passes; at last all is well and each device starts once more. */
function mendedAtLast(times: Times): Plot {
  return async (world, devices, verbs) => {
    const { clock } = world;
    const advanceBy = clock.advanceBy.bind(clock);
    // What looks at a device after a crash has no time of its own.
    for (const device of devices) device.onUp = () => {};
    clock.advanceBy = async (ms) => {
      times.isOn = true;
      try {
        await advanceBy(ms);
      } finally {
        times.isOn = false;
      }
    };
    await live(world, devices, verbs);
    clock.advanceBy = advanceBy;
    await advanceBy(60_000);
    // Some of what was missed is mended by the next start, and says so.
    for (const device of devices) device.restart();
    await advanceBy(10_000);
  };
}

function failingDisk(real: Disk, fails: () => boolean): Disk {
  return new Proxy(real, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]): Promise<unknown> => {
        if (fails()) throw Object.assign(new Error(`EIO: ${String(name)}`), { code: 'EIO' });
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
}

/** Its remote's, backend's and platform's methods, and its callbacks, fail at once or by a rejection. */
function failingApp(real: LadingOptions, fails: () => boolean): LadingOptions {
  const { remote, backend, refreshCredentials, storageEstimate, logger } = real;
  let turns = 0;
  const failing =
    <Args extends unknown[], T>(name: string, run: (...args: Args) => T) =>
    (...args: Args): T => {
      if (!fails()) return run(...args);
      turns += 1;
      const error = new Error(`${name} failed`);
      if (turns % 2 === 0 || SYNCHRONOUS.has(name)) throw error;
      return Promise.reject(error) as T;
    };
  const port = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(_target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function' || ANSWERS.has(String(name))) return value;
        return failing(String(name), (...args) => Reflect.apply(value, target, args) as unknown);
      },
    });
  return {
    ...real,
    remote: port(remote),
    ...(backend === undefined ? {} : { backend: port(backend) }),
    ...(storageEstimate === undefined ? {} : { storageEstimate: port(storageEstimate) }),
    ...(refreshCredentials === undefined
      ? {}
      : { refreshCredentials: failing('refreshCredentials', refreshCredentials) }),
    onStartReport: failing('onStartReport', () => {}),
    ...(logger === undefined ? {} : { logger: port(logger) }),
  };
}

/** They give something back that is no promise. */
const SYNCHRONOUS: ReadonlySet<string> = new Set(['listen']);
/** What a verb asks of an adapter: its bugs are the verb's answer, as they are. */
const ANSWERS: ReadonlySet<string> = new Set(['listIncomplete', 'abort']);
