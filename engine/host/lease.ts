import type { Clock } from '../../ports/clock.ts';
import type { StoreTransaction } from '../../ports/event-store.ts';
import type { LeaseOptions } from '../../ports/lease-options.ts';

/** One runner's hold on its tasks: a row that it renews while it holds any (contract 4.3). */
export interface Lease {
  readonly runner: string;
  readonly leaseMs: number;
  /** Looks for the lease this often, by elapsed time. */
  readonly tickMs: number;
  /** Makes sure, in the commit that claims, that the lease stands for at least half its time. */
  ensure(tx: StoreTransaction): void;
  /** Whether {@link ensure} would write now. */
  needsRenewal(tx: StoreTransaction): boolean;
  /** Runners that are gone. Call it once a tick: that is how it knows elapsed time from a clock that jumps. */
  findGone(tx: StoreTransaction): readonly RunnerRow[];
  /** Drops runners that were found gone, but for those that renewed their lease since: an idle one may wake up. */
  dropGone(tx: StoreTransaction, gone: readonly RunnerRow[]): void;
  /** Gives everything back. */
  end(tx: StoreTransaction): void;
}

/** One runner's lease, as it stands in the store. */
export type RunnerRow = ReturnType<StoreTransaction['runners']['all']>[number];

/**
 * It keeps nothing in memory that a failed commit would make untrue: the row is the lease. Another runner may have
 * dropped it while this one stood still.
 */
export function createLease(runner: string, clock: Clock, options: LeaseOptions): Lease {
  const leaseMs = options.leaseMs ?? 15_000;
  const tickMs = leaseMs / 3;
  const info = { ...options.info, leaseMs };
  /** Leases that last longer than any can: a clock went back. They are given their time by elapsed time. */
  const overlong = new Map<string, { readonly expiresAt: number; readonly ticks: number }>();

  function needsRenewal(tx: StoreTransaction): boolean {
    const own = tx.runners.all().find((row) => row.runner === runner);
    if (own === undefined) return true;
    const leftMs = own.expiresAt - clock.now();
    return leftMs < leaseMs / 2 || leftMs > leaseMs;
  }

  function isGone(row: RunnerRow): boolean {
    const leftMs = row.expiresAt - clock.now();
    if (leftMs <= 0 || options.isGone?.(row.info) === true) return true;
    const theirLeaseMs = Number(row.info['leaseMs'] ?? leaseMs);
    if (leftMs <= theirLeaseMs) {
      overlong.delete(row.runner);
      return false;
    }
    const seen = overlong.get(row.runner);
    const ticks = seen?.expiresAt === row.expiresAt ? seen.ticks + 1 : 0;
    overlong.set(row.runner, { expiresAt: row.expiresAt, ticks });
    return ticks * tickMs > theirLeaseMs;
  }

  return {
    runner,
    leaseMs,
    tickMs,
    needsRenewal,
    ensure(tx) {
      if (needsRenewal(tx)) tx.runners.renew(runner, clock.now() + leaseMs, info);
    },
    findGone: (tx) => tx.runners.all().filter((row) => row.runner !== runner && isGone(row)),
    dropGone(tx, gone) {
      for (const { runner: other, expiresAt } of tx.runners.all()) {
        const isTheSame = gone.some((row) => row.runner === other && row.expiresAt === expiresAt);
        if (isTheSame) tx.runners.drop(other);
      }
    },
    end(tx) {
      tx.tasks.release(runner);
      tx.runners.drop(runner);
    },
  };
}
