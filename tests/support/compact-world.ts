import type { HostedMachine } from 'lading/host';
import { createCompactor } from '../../engine/compaction/compactor.ts';
import type { Compaction } from '../../engine/host/definition.ts';
import { compactionTable } from '../../persistence/log/compaction-table.ts';
import type { CompactionTable } from '../../ports/compacted.ts';
import type { EventStore } from '../../ports/event-store.ts';
import { courier, type Device, hosted, manual } from './host-world.ts';

/** The courier, as one whose tombstones can be read. */
export function compactable(rest: Partial<HostedMachine> = {}): HostedMachine {
  return hosted('courier', courier, {
    services: { carry: manual() },
    compacted: {
      expand: ({ payload }) => ({
        value: 'done',
        context: { tries: 0, result: null, notes: payload['notes'] ?? 0 },
      }),
    },
    ...rest,
  });
}

/** Resting couriers become a checkpoint, done ones a tombstone; what is broken keeps its story. */
const rules: Compaction = {
  how: ({ status, value }) =>
    status === 'done' ? 'tombstone' : value === 'broken' ? 'no' : 'checkpoint',
  strip: ({ context }) => ({ notes: context['notes'] ?? 0 }),
};

/** A compactor on one device's database. */
export function compactorOf(
  phone: Device,
  machine: HostedMachine,
  parts: {
    readonly events?: Pick<EventStore, 'read' | 'transact'>;
    readonly table?: CompactionTable;
  } = {},
) {
  return createCompactor({
    events: phone.store,
    table: compactionTable,
    machines: [{ machine, rules }],
    logger: phone.logger,
    ...parts,
  });
}

/** Everything that is at rest is old enough. */
export const AT_ONCE = { checkpointAfterMs: 0, tombstoneAfterMs: 0 } as const;
