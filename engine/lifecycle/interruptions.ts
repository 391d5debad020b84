import type { MediaId } from '../../machines/attachment/types.ts';
import type { AttachmentTables } from '../../ports/attachment-tables.ts';
import type { Clock } from '../../ports/clock.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { Logger } from '../../ports/logger.ts';
import { isClosed } from '../host/faults.ts';
import type { Host } from '../host/host.ts';
import { asStream } from './as-stream.ts';
import type { GateKeeper } from './gates.ts';
import { uploadsUnderWay } from './holders.ts';

/** Storage that was in trouble is tried again after this. */
export const TROUBLE_PAUSE_MS = 5_000;
const SHORTEST_LOOK_MS = 1_000;

/**
 * A run whose gate is closed is interrupted: nothing shows `uploading` that nobody uploads (contract 2).
 * @returns after how many milliseconds to look again, if anything is left; undefined when nothing is.
 */
export async function interruptUploads(parts: {
  readonly host: Host;
  readonly events: EventStore;
  readonly tables: AttachmentTables;
  readonly accountId: string;
  readonly gates: GateKeeper;
  readonly clock: Clock;
  readonly logger: Logger;
}): Promise<number | undefined> {
  const { host, events, tables, accountId, gates, clock, logger } = parts;
  const look = () => ({ accountId, runner: host.runner, now: clock.now() });

  async function interruptOne(mediaId: MediaId): Promise<void> {
    await host.transact((work) => {
      const underWay = uploadsUnderWay(work.tx, tables, look());
      const found = underWay.find((one) => one.mediaId === mediaId);
      if (found === undefined || found.foreignUntil !== null) return;
      if (gates.uploadsOpen(found.unmetered)) return;
      const { accountActive, online, paused } = gates.current();
      const reason = !accountActive
        ? 'signed_out'
        : online
          ? paused
            ? 'paused'
            : 'metered'
          : 'offline';
      work.send(asStream(mediaId), { type: 'upload.interrupted', reason });
    });
  }

  const found = events.read((tx) => uploadsUnderWay(tx, tables, look()));
  const mine = found.filter(({ foreignUntil, unmetered }) => {
    return foreignUntil === null && !gates.uploadsOpen(unmetered);
  });
  const results = await Promise.allSettled(mine.map(({ mediaId }) => interruptOne(mediaId)));
  const failures = results.filter((result) => result.status === 'rejected');
  for (const { reason } of failures) {
    if (isClosed(reason)) return undefined;
    logger.error('an upload could not be interrupted', { error: reason as unknown });
  }
  // One that another runner holds is its own business, until its lease ends.
  const leases = found.flatMap(({ foreignUntil }) => foreignUntil ?? []);
  const nextLookMs = [
    ...leases.map((until) => until - clock.now()),
    ...(failures.length === 0 ? [] : [TROUBLE_PAUSE_MS]),
  ];
  if (nextLookMs.length === 0) return undefined;
  return Math.max(SHORTEST_LOOK_MS, Math.min(...nextLookMs));
}
