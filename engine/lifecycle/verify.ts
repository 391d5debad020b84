import type { AttachmentAudit } from '../../ports/attachment-tables.ts';
import type { Clock } from '../../ports/clock.ts';
import type { EventStore, StreamId } from '../../ports/event-store.ts';
import type { HostedMachine } from '../host/definition.ts';
import { type Difference, verifyStreams } from '../host/verify.ts';

export interface VerifyOptions {
  /** Writes anew what differs from the log; the log itself is never changed. Default false. */
  readonly repair?: boolean;
}

/** What `verify` found (contract 9.2). */
export interface VerifyReport {
  /** Everything is what the log makes of it; with `repair`: now is. */
  readonly ok: boolean;
  readonly streams: number;
  readonly differences: readonly (Omit<Difference, 'stream'> & {
    /** Null for a difference in totals. */
    readonly stream: StreamId | null;
  })[];
}

const SLICE = 100;

/**
 * Replays every stream and compares states, heads, snapshots, tasks, projections and totals with it, in slices that
 * let others work in between.
 */
export function createVerify(parts: {
  readonly events: EventStore;
  readonly tables: AttachmentAudit;
  readonly machine: HostedMachine;
  readonly clock: Clock;
}): (options?: VerifyOptions) => Promise<VerifyReport> {
  const { events, tables, clock } = parts;
  const machine = audited(parts.machine, tables);
  return async ({ repair = false } = {}) => {
    const differences: VerifyReport['differences'][number][] = [];
    let streams = 0;
    let after: StreamId | undefined;
    do {
      const slice = await verifyStreams(events, [machine], { after, limit: SLICE, repair });
      differences.push(...slice.differences);
      streams += slice.checked;
      after = slice.next;
      await new Promise<void>((resolve) => void clock.schedule(0, resolve));
    } while (after !== undefined);

    const totals = events.read((tx) => tables.compareTotals(tx));
    if (repair && totals.length > 0) await events.transact((tx) => tables.repairTotals(tx));
    for (const message of totals) {
      differences.push({ stream: null, kind: 'projection', message, repaired: repair });
    }
    return { ok: differences.every(({ repaired }) => repaired), streams, differences };
  };
}

/** The machine with what `verify` holds its projections against. */
export function audited(machine: HostedMachine, tables: AttachmentAudit): HostedMachine {
  return {
    ...machine,
    compare: (tx, stream, after) => tables.compare(tx, stream, after),
    rebuild: (tx, stream, after) => tables.rewrite(tx, stream, after),
  };
}
