import type { JsonObject } from '../../machines/json.ts';
import type { Clock } from '../../ports/clock.ts';
import type { StoreTransaction } from '../../ports/event-store.ts';

export interface LeaseOptions {
  /** How long a runner that does not answer keeps its tasks. Default 15,000. */
  readonly leaseMs?: number;
  /** What another process on this machine may learn about this runner (process id, host name). */
  readonly info?: JsonObject;
  /** Whether the runner that wrote `info` is surely gone, so that its lease need not run out. Default never. */
  isGone?(info: JsonObject): boolean;
}

/** One runner's hold on its tasks: a row that it renews while it holds any (contract 4.3). */
export interface Lease {
  readonly runner: string;
  readonly leaseMs: number;
  /** Makes sure, in the commit that claims, that the lease stands for at least half its time. */
  ensure(tx: StoreTransaction): void;
  /** Whether it has to be renewed now to outlive the next tick. */
  needsRenewal(): boolean;
  /** Drops the rows of runners that are gone; true when there were any. */
  reap(tx: StoreTransaction): boolean;
  /** Gives everything back. */
  end(tx: StoreTransaction): void;
}

export function createLease(runner: string, clock: Clock, options: LeaseOptions): Lease {
  const leaseMs = options.leaseMs ?? 15_000;
  let heldUntil = Number.NEGATIVE_INFINITY;

  return {
    runner,
    leaseMs,
    ensure(tx) {
      const now = clock.now();
      if (heldUntil - now >= leaseMs / 2 && heldUntil - now <= leaseMs) return;
      heldUntil = now + leaseMs;
      tx.runners.renew(runner, heldUntil, options.info ?? {});
    },
    needsRenewal: () => heldUntil - clock.now() < leaseMs / 2,
    reap(tx) {
      const now = clock.now();
      const gone = tx.runners
        .all()
        .filter((other) => other.runner !== runner)
        .filter((other) => other.expiresAt <= now || options.isGone?.(other.info) === true);
      for (const other of gone) tx.runners.drop(other.runner);
      return gone.length > 0;
    },
    end(tx) {
      tx.tasks.release(runner);
      tx.runners.drop(runner);
    },
  };
}
