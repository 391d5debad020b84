import type * as fc from 'fast-check';
import type { Fault, MediaFacts } from '../../machines/attachment/types.ts';
import type { ObjectKey, Remote } from '../../ports/remote.ts';

/** What becomes of one upload request; those past the script go well. */
export type Verdict =
  | 'ok'
  /** The receipt has no locator: the engine must look at the object. */
  | 'without_url'
  /** The bytes land, the answer is lost. */
  | 'lost'
  /** Nothing lands. */
  | 'refused'
  /** A resumable upload is named first. */
  | 'opened'
  | 'terminal';

/** One remote for all processes of a device; a scheduler decides when each request lands, and when its answer does. */
export interface ScheduledRemote {
  /** The remote as one process sees it. */
  of(isAlive: () => boolean): Remote;
  readonly objects: ReadonlyMap<ObjectKey, MediaFacts>;
  /** How often each object was completed. */
  readonly completions: ReadonlyMap<ObjectKey, number>;
  /**
   * Uploads of one attachment that ran at the same time though neither was told to stop: in one process, or the same
   * run in two. A run that another process has stopped is fenced at once, but hears of it with its next heartbeat.
   */
  readonly overlaps: readonly string[];
  /** Requests whose bytes landed although their run had been told to stop, or its process was gone. */
  readonly lateLandings: number;
}

const ORIGIN = 'https://objects.example/';

export function scheduledRemote(
  scheduler: fc.Scheduler,
  script: readonly Verdict[],
  /** The run that the store says is under way. */
  runOf: (key: ObjectKey) => number,
): ScheduledRemote {
  const objects = new Map<ObjectKey, MediaFacts>();
  const completions = new Map<ObjectKey, number>();
  const overlaps: string[] = [];
  const active = new Set<ActiveRun>();
  let asked = 0;
  let lateLandings = 0;

  /** Waits for its turn; an abort ends the waiting, never what is on its way already. */
  const turn = async (label: string, signal: AbortSignal): Promise<boolean> => {
    await Promise.race([scheduler.schedule(Promise.resolve(), label), stopped(signal)]);
    return !signal.aborted;
  };
  const land = (key: ObjectKey, media: MediaFacts): void => {
    if (objects.has(key)) return; // the server refuses a second creation (contract 4.2)
    objects.set(key, media);
    completions.set(key, (completions.get(key) ?? 0) + 1);
  };

  return {
    objects,
    completions,
    overlaps,
    get lateLandings() {
      return lateLandings;
    },
    of: (isAlive) => ({
      async upload({ objectKey: key, media }, context) {
        const { signal } = context;
        const verdict = script[asked++] ?? 'ok';
        const stands = (): boolean => isAlive() && !signal.aborted;
        const run = { key, nth: runOf(key), isAlive, stands };
        if ([...active].some((other) => isOverlap(other, run))) overlaps.push(key);
        active.add(run);
        try {
          const receipt = {
            url: verdict === 'without_url' ? null : ORIGIN + key,
            token: null,
            byteSize: media.byteSize,
          };
          if (context.rerun) {
            if (!(await turn(`look for ${short(key)}`, signal))) return fault('aborted');
            if (objects.has(key)) return { ok: true, receipt };
          }
          if (verdict === 'opened') await context.opened(`upload:${key}`);
          if (verdict === 'terminal') return { ...fault('not_taken'), class: 'terminal' };
          const request = scheduler
            .schedule(Promise.resolve(), `PUT of ${short(key)} lands (${verdict})`)
            .then(() => {
              if (verdict === 'refused') return null;
              if (!run.stands()) lateLandings += 1;
              return land(key, media);
            });
          if (!(await Promise.race([request.then(() => true), stopped(signal)]))) {
            return fault('aborted');
          }
          if (!(await turn(`answer for ${short(key)}`, signal))) return fault('aborted');
          const isLost = verdict === 'lost' || verdict === 'refused';
          return isLost ? fault('no_answer') : { ok: true, receipt };
        } finally {
          active.delete(run);
        }
      },

      async head(key, { signal }) {
        if (!(await turn(`head of ${short(key)}`, signal))) return fault('aborted');
        const found = objects.get(key);
        if (found === undefined) return { ok: true, exists: false };
        const { byteSize, sha256 } = found;
        return { ok: true, exists: true, byteSize, sha256, url: ORIGIN + key, token: null };
      },

      async remove(key, { signal }) {
        const request = scheduler
          .schedule(Promise.resolve(), `DELETE of ${short(key)} lands`)
          .then(() => objects.delete(key));
        if (!(await Promise.race([request.then(() => true), stopped(signal)]))) {
          return fault('aborted');
        }
        return { ok: true };
      },

      async download(_url, { signal }) {
        await turn('download', signal);
        return { ...fault('no_downloads_here'), class: 'terminal' };
      },
    }),
  };
}

interface ActiveRun {
  readonly key: ObjectKey;
  readonly nth: number;
  /** Tells processes apart, too. */
  readonly isAlive: () => boolean;
  stands(): boolean;
}

function isOverlap(one: ActiveRun, other: ActiveRun): boolean {
  if (one.key !== other.key || !one.stands()) return false;
  return one.isAlive === other.isAlive || one.nth === other.nth;
}

/** Resolves to false when the run is told to stop. */
function stopped(signal: AbortSignal): Promise<false> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(false);
    signal.addEventListener('abort', () => resolve(false), { once: true });
  });
}

function fault(code: string): Fault {
  return { ok: false, class: 'retryable', code };
}

/** The end of an object's key, enough to tell it in a printed schedule. */
function short(key: ObjectKey): string {
  return key.slice(-2);
}
