import type { MediaId } from '../../machines/attachment/types.ts';
import { safely } from '../../ports/safely.ts';
import { sidecarIds } from '../../ports/sidecar-name.ts';
import type { SidecarStore } from '../../ports/sidecars.ts';
import type { Host } from '../host/host.ts';
import { asStream } from '../lifecycle/as-stream.ts';
import { requireOptions } from '../lifecycle/validate.ts';
import { type LookReport, lookAtBytes } from './look.ts';
import { type RecoverOptions, type RecoverParts, type RecoverReport, recover } from './recover.ts';
import { createSidecars, type Sidecars } from './sidecars.ts';

/** What a start found about the bytes that only this device has (field cases 1 to 5, 14, 16). */
export interface StartReport extends LookReport {
  /**
   * Never sent, and not known to the log: the database was lost, or restored from a backup that is older than they are.
   * Their bytes are kept; `recover` takes them over.
   */
  readonly recoverable: readonly MediaId[];
}

/** Looks after the bytes that only this device has. */
export interface Healing {
  /**
   * Looks at the files, then mends the sidecars; once, in the background, in slices. From now on each commit is followed
   * by its sidecars: those that were missed before are among the mended ones.
   */
  start(): void;
  /** @throws as {@link recover}. */
  recover(options?: RecoverOptions): Promise<RecoverReport>;
  /** Resolves when nothing runs any more; what was noted is written by then. */
  close(): Promise<void>;
}

export interface HealingParts extends RecoverParts {
  readonly host: RecoverParts['host'] & Pick<Host, 'subscribe'>;
  /** Told once after each start. */
  readonly onStartReport?: ((report: StartReport) => void) | undefined;
}

export function createHealing(parts: HealingParts): Healing {
  const { blobs, clock, ending, host, logger } = parts;
  const store = blobs.sidecars;
  const sidecars: Sidecars | undefined = store && createSidecars({ ...parts, sidecars: store });
  let starting: Promise<void> | undefined;

  function report(found: StartReport): void {
    safely(logger, 'onStartReport threw', () => parts.onStartReport?.(found));
  }

  async function look(): Promise<void> {
    try {
      // Whoever waited for the opening goes first.
      await new Promise<void>((resolve) => void clock.schedule(0, resolve));
      const looked = await lookAtBytes(parts);
      // Sidecars are not written into a store that may be the wrong one.
      if (looked.blobs === 'ok') await sidecars?.mend();
      const recoverable = looked.blobs === 'unreadable' ? [] : await unknownOf(parts, store);
      if (recoverable.length > 0) {
        logger.warn('there are bytes that were never sent and that the log does not know', {
          code: 'recoverable',
          count: recoverable.length,
        });
      }
      report({ ...looked, recoverable });
    } catch (error) {
      if (!ending.aborted) logger.error('the bytes could not be looked at', { error });
    }
  }

  return {
    start() {
      if (sidecars !== undefined) host.subscribe(sidecars.note);
      starting ??= look();
    },
    recover: (options) => recover(parts, requireOptions('options', options ?? {})),
    async close() {
      await starting;
      await sidecars?.idle();
    },
  };
}

async function unknownOf(
  { events, accountId }: HealingParts,
  store: SidecarStore | undefined,
): Promise<readonly MediaId[]> {
  const found: MediaId[] = [];
  for await (const name of store?.list(accountId) ?? []) {
    const mediaId = sidecarIds(name)?.mediaId as MediaId;
    // Whether there is a stream, not its state: to restore each unsent one took most of a start.
    if (events.read((tx) => tx.log.head(asStream(mediaId))) === undefined) found.push(mediaId);
  }
  return found;
}
