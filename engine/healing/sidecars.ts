import type { MediaId } from '../../machines/attachment/types.ts';
import type { Clock } from '../../ports/clock.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { HealingRows } from '../../ports/healing-rows.ts';
import type { Logger } from '../../ports/logger.ts';
import { sidecarIds, sidecarName } from '../../ports/sidecar-name.ts';
import type { SidecarName, SidecarStore } from '../../ports/sidecars.ts';
import { createSlices } from '../garbage/slices.ts';
import type { Change, StateView } from '../host/definition.ts';
import type { Host } from '../host/host.ts';
import { asStream } from '../lifecycle/as-stream.ts';
import { ATTACHMENT } from '../lifecycle/hosted.ts';
import { isObsolete, isOtherSidecar, sidecarText } from './sidecar-text.ts';

/** Keeps beside the bytes what would be needed, were the database lost (field case 16). */
export interface Sidecars {
  /**
   * These steps were committed: their sidecars follow, off everybody's way. Never before the commit: a sidecar proves
   * that its capture was durable.
   */
  readonly note: (changes: readonly Change[]) => void;
  /**
   * Writes the sidecars that are missing or old, and removes those whose attachment is attached or gone in this log;
   * one that the log does not know stays. In slices; two processes may do it at once.
   * @throws what the store of sidecars throws, and the reason of the engine's end.
   */
  mend(): Promise<MendReport>;
  /** Resolves when all that was noted is written, or was logged as not written. */
  idle(): Promise<void>;
}

export interface MendReport {
  readonly written: number;
  readonly removed: number;
}

export interface SidecarParts {
  readonly host: Pick<Host, 'state'>;
  readonly events: Pick<EventStore, 'read'>;
  readonly rows: HealingRows;
  readonly sidecars: SidecarStore;
  readonly accountId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborted when Lading closes: what is noted is written all the same. */
  readonly ending: AbortSignal;
}

type Outcome = 'written' | 'removed' | 'kept';

/** Others change the same attachment meanwhile; each of them looks again too. */
const MOST_LOOKS = 4;
const PAGE = 100;
/** What one slice of work may take before others have their turn. */
const SLICE_MS = 8;

export function createSidecars(parts: SidecarParts): Sidecars {
  const { host, events, rows, sidecars, accountId, clock, logger, ending } = parts;
  /** With the state of their last step here; others may have gone on since. */
  const due = new Map<MediaId, StateView>();
  let working: Promise<void> | undefined;

  /** What the committed state calls for: a text, null for none, undefined for "leave what is there". */
  function wanted(
    mediaId: MediaId,
    state: StateView | undefined = host.state(asStream(mediaId)),
  ): string | null | undefined {
    if (state === undefined) return undefined;
    return sidecarText(state) ?? (isObsolete(state) ? null : undefined);
  }

  /**
   * Makes the sidecar what the committed state calls for, as it is by then: another process, or a later step, may have
   * changed it while a file was written.
   * @param there what is known to stand there; null where nothing does.
   * @param told the committed state as it was a moment ago; it is looked at again once the file was written.
   */
  async function settle(
    mediaId: MediaId,
    there?: string | null,
    told?: StateView,
  ): Promise<Outcome> {
    const name = sidecarName(accountId, mediaId);
    let outcome: Outcome = 'kept';
    let known = there;
    for (let looks = 0; looks < MOST_LOOKS; looks++) {
      const text = wanted(mediaId, looks === 0 ? told : undefined);
      if (text === undefined || text === known) break;
      if (text === null) {
        // One that a power cut brings back is removed at the next start: every upload would pay for a sync.
        await sidecars.remove(name, { soon: true });
        outcome = 'removed';
      } else {
        await sidecars.write(name, text);
        outcome = 'written';
      }
      known = text;
    }
    return outcome;
  }

  async function work(): Promise<void> {
    for (const [mediaId, told] of due) {
      due.delete(mediaId);
      await settle(mediaId, undefined, told).catch((error: unknown) => {
        logger.warn('a sidecar could not be written; the next start tries again', {
          stream: mediaId,
          error,
        });
      });
    }
    working = undefined;
  }

  async function removeObsolete(report: { written: number; removed: number }): Promise<void> {
    const slices = createSlices(clock, SLICE_MS, ending);
    for (const name of await namesOf(sidecars, accountId)) {
      await slices.breathe();
      const mediaId = sidecarIds(name)?.mediaId as MediaId;
      const text = wanted(mediaId);
      if (text === undefined) continue; // the log does not know it: it is for `recover`
      const there = await textOf(name);
      if (text === there) continue;
      const outcome = await settle(mediaId, there);
      if (outcome !== 'kept') report[outcome] += 1;
    }
  }

  /** What cannot be read is written anew. */
  async function textOf(name: SidecarName): Promise<string | undefined> {
    return sidecars.read(name).catch(() => undefined);
  }

  async function writeMissing(report: { written: number; removed: number }): Promise<void> {
    const slices = createSlices(clock, SLICE_MS, ending);
    const there = new Set(await namesOf(sidecars, accountId));
    for (let after = ''; ; ) {
      const page = events.read((tx) => rows.unsent(tx, accountId, after, PAGE));
      for (const { mediaId } of page) {
        await slices.breathe();
        if (there.has(sidecarName(accountId, mediaId))) continue;
        const outcome = await settle(mediaId, null);
        if (outcome !== 'kept') report[outcome] += 1;
      }
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) return;
      after = last.mediaId;
    }
  }

  return {
    note(changes) {
      for (const { machine, stream, before, after } of changes) {
        if (machine !== ATTACHMENT || !isOtherSidecar(before, after)) continue;
        if (after.context['accountId'] === accountId) due.set(stream as string as MediaId, after);
      }
      if (due.size > 0) working ??= work();
    },
    async mend() {
      const report = { written: 0, removed: 0 };
      await removeObsolete(report);
      await writeMissing(report);
      return report;
    },
    async idle() {
      while (working !== undefined) await working;
    },
  };
}

/** Held in memory: there is one for each attachment that was not sent yet. */
async function namesOf(sidecars: SidecarStore, accountId: string): Promise<readonly SidecarName[]> {
  const names: SidecarName[] = [];
  for await (const name of sidecars.list(accountId)) names.push(name);
  return names;
}
