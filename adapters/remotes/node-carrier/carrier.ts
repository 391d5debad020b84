import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CarriedTask, Carrier, CarrierTask } from '../../../ports/carrier.ts';
import { type Clock, sleep, systemClock } from '../../../ports/clock.ts';
import { isHelper } from './process-mark.ts';
import { records } from './records.ts';

export interface NodeCarrierOptions {
  /**
   * A folder of this machine for what helpers say: process ids, and how requests ended. One for each app, not shared over a
   * network. It is made when it is needed.
   */
  readonly directory: string;
  /** Silence after which a helper gives up, in milliseconds. Default 60,000. */
  readonly stallMs?: number;
  /** How long results are kept that nobody asks for. Default a week. */
  readonly keepMs?: number;
  readonly clock?: Clock;
}

/**
 * A {@link Carrier} of Node's own: each request has a helper process, detached from the app, which streams the file and
 * writes down how it ended. The app may be killed meanwhile; a power cut ends the helpers as well, and then there is no
 * such task any more. Urls and headers go to the helper by a pipe and are written nowhere.
 *
 * A process takes 65 to 90 MB and some 150 ms to begin, more on a busy machine: for large files.
 *
 * @example
 * ```ts
 * const carrier = nodeCarrier({ directory: 'carried' })
 * const remote = httpRemote({ endpoint, carrier, carryFromBytes: 8 * 1024 * 1024 })
 * ```
 */
export function nodeCarrier(options: NodeCarrierOptions): Carrier {
  const { directory, stallMs = 60_000, keepMs = WEEK_MS, clock = systemClock() } = options;
  const kept = records(directory);

  /** The helper that carries it now; or that is said to, where its process is not asked for. */
  async function helperOf(id: string, asksForIt = true) {
    const run = await kept.run(id);
    return run !== undefined && (!asksForIt || (await isHelper(run))) ? run : undefined;
  }

  /** As it is at this moment. Undefined: there is no such task. */
  async function look(id: string, asksForHelper = true): Promise<CarriedTask | undefined> {
    const helper = await helperOf(id, asksForHelper);
    // After that: a helper writes down its end before it goes.
    const end = await kept.end(id);
    if (end !== undefined) return { id, ...end };
    return helper && { id, note: helper.note, result: undefined };
  }

  return {
    async start(task) {
      await kept.ids(keepMs, clock.now());
      if ((await look(task.id)) === undefined) await begin({ directory, stallMs, task });
    },

    async attach(id, { signal, onSent }) {
      let sentBytes = 0;
      for (let nth = 0; ; nth++) {
        signal.throwIfAborted();
        const found = await look(id, nth % LOOKS_BETWEEN_ASKING === 0);
        if (found?.result !== undefined || found === undefined) return found;
        const sent = await kept.sent(id);
        if (sent > sentBytes) {
          sentBytes = sent;
          onSent?.(sent);
        }
        await sleep(clock, LOOK_EVERY_MS, signal);
      }
    },

    async cancel(id) {
      const helper = await helperOf(id);
      if (helper !== undefined) {
        kill(helper.pid);
        while (await isHelper(helper)) await sleep(clock, GONE_EVERY_MS);
      }
      await kept.forget(id, helper?.pid);
    },

    async list() {
      const found: CarriedTask[] = [];
      for (const id of await kept.ids(keepMs, clock.now())) {
        const task = await look(id);
        if (task !== undefined) found.push(task);
      }
      return found;
    },
  };
}

const WEEK_MS = 7 * 24 * 60 * 60 * 1000;
const LOOK_EVERY_MS = 200;
/** Off Linux a program is started to ask for a process: every 5 s. One that was killed is missed as late. */
const LOOKS_BETWEEN_ASKING = 25;
const GONE_EVERY_MS = 10;

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it has ended meanwhile
  }
}

/** Starts a helper, and resolves when the task is its own, or somebody else's. */
async function begin(order: {
  readonly directory: string;
  readonly stallMs: number;
  readonly task: CarrierTask;
}): Promise<void> {
  // Beside this file, whichever of the two it is: source or build.
  const script = fileURLToPath(new URL(`./helper${extname(import.meta.url)}`, import.meta.url));
  const helper = spawn(process.execPath, [script, `lading-carrier-${randomUUID()}`], {
    detached: true,
    windowsHide: true, // else each one opens a window there
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const failed = once(helper, 'error').then(([error]) => {
    throw error;
  });
  failed.catch(() => {}); // heard below, if it matters
  helper.stdin.on('error', () => {}); // it died at once: it says nothing, which is heard
  helper.stdin.end(JSON.stringify(order));
  let said = '';
  const answer = (async () => {
    for await (const chunk of helper.stdout.setEncoding('utf8')) {
      said += String(chunk);
      if (said.includes('\n')) break;
    }
  })();
  await Promise.race([answer, failed]);
  helper.stdout.destroy();
  helper.unref();
  if (!/^(carried|known)\n/.test(said)) throw new Error('the helper process could not be started');
}
