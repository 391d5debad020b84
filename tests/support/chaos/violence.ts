import type { Cancel, Clock } from '../../../ports/clock.ts';
import { type SeededRandom, seededRandom } from '../../../testing/world/seeded-random.ts';
import type { AppProcess } from './app-process.ts';

export interface ViolenceOptions {
  readonly seed: number;
  readonly kills: number;
  /** Times that a process stands still. */
  readonly stops: number;
  readonly stopForMs: number;
  /** What reaches the server before the rest of the work is allowed, at least: the moments are shares of it. */
  readonly ofBytes: number;
  /** So many have reached the server. */
  passedBytes(): number;
  readonly clock: Clock;
  /** With every second kill a helper process goes too. @returns whether there was one. */
  killHelper?(random: SeededRandom): Promise<boolean>;
}

/**
 * Kills and stops of processes at moments that the seed chooses. All of them come: one that finds no process open waits for
 * the next life, and the rest of the work is not allowed before the last one came.
 */
export interface Violence {
  readonly kills: number;
  /** Helper processes that were killed on top. */
  readonly helperKills: number;
  readonly stops: number;
  /** Kills and stops that are still to come. */
  readonly left: number;
  on(apps: readonly AppProcess[]): void;
  /** The server has answered, and the client is told when this has resolved: the worst moment. */
  answered(): Promise<void>;
  /** A process has said that it is open. */
  opened(): void;
  /** Nothing comes any more, and nobody stands still. */
  off(): void;
}

export function createViolence(options: ViolenceOptions): Violence {
  const random = seededRandom(`violence ${options.seed}`);
  const moments = [
    ...Array.from({ length: options.kills }, () => 'kill' as const),
    ...Array.from({ length: options.stops }, () => 'stop' as const),
  ]
    .map((act) => ({ act, atBytes: (0.02 + 0.75 * random.next()) * options.ofBytes }))
    .toSorted((one, other) => one.atBytes - other.atBytes);
  const counted = { kill: 0, stop: 0, helper: 0 };
  const standing = new Map<AppProcess, Cancel>();
  let apps: readonly AppProcess[] = [];
  /** Helpers that are to be killed as soon as there is one. */
  let owedHelpers = 0;

  function stop(app: AppProcess): void {
    app.stop();
    const wake = options.clock.schedule(options.stopForMs, () => {
      goOn(app);
      hit();
    });
    standing.set(app, wake);
  }

  function goOn(app: AppProcess): void {
    app.goOn();
    standing.delete(app);
  }

  function hit(): void {
    const [next] = moments;
    const able = apps.filter((app) => app.isOpen && !standing.has(app));
    if (next === undefined || options.passedBytes() < next.atBytes || able.length === 0) return;
    moments.shift();
    const app = random.pick(able);
    if (next.act === 'stop') stop(app);
    else app.kill();
    if (next.act === 'kill' && counted.kill % 2 === 0) owedHelpers += 1;
    counted[next.act] += 1;
    allowRest();
  }

  function allowRest(): void {
    if (moments.length === 0) for (const app of apps) app.allowRest();
  }

  return {
    get kills() {
      return counted.kill;
    },
    get helperKills() {
      return counted.helper;
    },
    get stops() {
      return counted.stop;
    },
    get left() {
      return moments.length;
    },
    on(these) {
      apps = these;
      allowRest();
    },
    async answered() {
      hit();
      if (options.killHelper === undefined || owedHelpers === 0) return;
      owedHelpers -= 1; // two answers at the same time kill one
      if (await options.killHelper(random)) counted.helper += 1;
      else owedHelpers += 1;
    },
    opened: hit,
    off() {
      moments.length = 0;
      for (const [app, cancel] of standing) {
        cancel();
        goOn(app);
      }
    },
  };
}
