import type { OutboxTable } from '../ports/attachment-tables.ts';
import type { EventStore } from '../ports/event-store.ts';
import type { SyncLoop } from './change-signal.ts';

/** Sync without a backend: nothing to do, and ops wait in the outbox. */
export function noSync(parts: {
  readonly accountId: string;
  readonly store: { readonly events: Pick<EventStore, 'read'>; readonly outbox: OutboxTable };
}): Omit<SyncLoop, 'settled'> {
  const { accountId, store } = parts;
  return {
    start: nothing,
    suspend: nothing,
    resume: nothing,
    isIdle: () => true,
    now: async () => ({ pushed: 0, refused: 0, pulled: 0, complete: true }),
    pending: () => store.events.read((tx) => store.outbox.count(tx, accountId)),
    activity: () => ({ running: false, failing: false }),
    onActivity: () => nothing,
    close: async () => {},
  };
}

function nothing(): void {}
