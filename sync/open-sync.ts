import type { AttachmentPolicy, Owner } from '../machines/attachment/types.ts';
import type { AttachmentTables, CursorTable, OutboxQueue } from '../ports/attachment-tables.ts';
import type { Backend } from '../ports/backend.ts';
import type { Cancel, Clock } from '../ports/clock.ts';
import type { EventStore } from '../ports/event-store.ts';
import type { Logger } from '../ports/logger.ts';
import type { Random } from '../ports/random.ts';
import type { Streams } from '../ports/streams.ts';
import { createSyncLoop, type SyncLoop } from './change-signal.ts';
import { createLane } from './lane.ts';
import { createPuller } from './puller.ts';
import { createPusher } from './pusher.ts';
import { type Refusals, tellingRefusals } from './refusals.ts';

export interface SyncParts {
  readonly host: Streams;
  readonly store: {
    readonly events: Pick<EventStore, 'read'>;
    readonly tables: AttachmentTables;
    readonly outbox: OutboxQueue;
    readonly cursors: CursorTable;
  };
  readonly backend: Backend;
  readonly accountId: string;
  /** Projects to follow; null is "no project". */
  readonly projects: readonly (string | null)[];
  /** Who is told when the backend does not accept the sign-in. */
  readonly credentials?: Refusals;
  isOnline(): boolean;
  onOnline(listener: () => void): Cancel;
  /** The policy of attachments that were captured elsewhere. Default the default one. */
  policyOf?(owner: Owner): AttachmentPolicy;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** One device's sync of one account: pusher, puller and listeners, put together. Begins with `start`. */
export function openSync(parts: SyncParts): Omit<SyncLoop, 'settled'> {
  const { accountId, store } = parts;
  const backend =
    parts.credentials === undefined
      ? parts.backend
      : tellingRefusals(parts.backend, parts.credentials, () => void loop.now());
  const shared = { ...parts, ...store, backend, lane: createLane() };
  const loop: SyncLoop = createSyncLoop({
    ...shared,
    createPusher: (onActivity) =>
      createPusher({ ...shared, onActivity, onSettled: (settled) => loop.settled(settled) }),
    puller: createPuller(shared),
    onCommit(listener) {
      const stops = [parts.host.subscribe(listener), parts.host.onElsewhere(listener)];
      return () => {
        for (const stop of stops) stop();
      };
    },
    scopes: parts.projects.map((projectId) => ({ accountId, projectId })),
  });
  return loop;
}
