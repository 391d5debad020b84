import { createHealing, type Healing, type HealingParts } from '../engine/healing/healing.ts';
import type { HostedMachine } from '../engine/host/definition.ts';
import { createVerify } from '../engine/lifecycle/verify.ts';
import { attachmentAudit } from '../persistence/attachment/audit.ts';
import { healingRows } from '../persistence/attachment/healing-rows.ts';
import type { EventStore } from '../ports/event-store.ts';

type Parts = Omit<HealingParts, 'rows'>;

interface RestoreParts extends Parts {
  readonly events: EventStore;
  readonly machine: HostedMachine;
}

/** Looks after the bytes that only this device has, by the rows of a database. */
export function healing(parts: Parts): Healing {
  return createHealing({ ...parts, rows: healingRows });
}

/**
 * Ends what the recovery of a damaged database began, before anything else runs: states, tasks and projections are made
 * anew from what is left of the log, then what it lost is taken over from the sidecars. A crash, or bytes that cannot be
 * read now, leave it to the next opening.
 */
export async function restore(
  parts: RestoreParts,
  { recover }: Pick<Healing, 'recover'>,
): Promise<void> {
  const { accountId, events, logger } = parts;
  const verify = createVerify({ ...parts, tables: attachmentAudit });
  const verified = await verify({ repair: true });
  const open = verified.differences.filter(({ repaired }) => !repaired);
  logger.warn('the database was recovered from a damaged one: its rows are made anew', {
    streams: verified.streams,
    repaired: verified.differences.length - open.length,
    open: open.length,
  });
  try {
    const { adopted, leftOut } = await recover();
    logger.warn('attachments were taken over from their sidecars', {
      adopted: adopted.length,
      leftOut: leftOut.length,
    });
    await events.transact((tx) => healingRows.endRecovery(tx, accountId));
  } catch (error) {
    logger.error('sidecars could not be taken over; the next opening tries again', { error });
  }
}
