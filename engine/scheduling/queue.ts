import type { MediaId } from '../../machines/attachment/types.ts';
import type { AttachmentTables } from '../../ports/attachment-tables.ts';
import type { StoreTransaction } from '../../ports/event-store.ts';
import type { QueuedJob, QueueName, QueueTable } from '../../ports/queue-table.ts';

/** Who is next (contract 4.6); each look is a few steps in indexes, however many are queued (field case 31). */
export interface Queue {
  /**
   * What was preferred first, the last preferred before the others. Then owners take turns, each with its oldest; after
   * a start the turn is that of the oldest of all. Or the smallest first, where the app wants that: then every fourth
   * goes by turns all the same, unless one that was chosen so is still under way.
   * @param passedOver cannot be started.
   */
  next(
    tx: StoreTransaction,
    open: readonly QueueName[],
    passedOver: ReadonlySet<MediaId>,
  ): MediaId | undefined;
}

/** So many in a row by size, then one by turns. */
const BY_SIZE_IN_A_ROW = 3;

export function createQueue(parts: {
  readonly queueTable: QueueTable;
  readonly tables: Pick<AttachmentTables, 'media'>;
  readonly accountId: string;
  readonly smallFirst: boolean;
}): Queue {
  const { queueTable: table, tables, accountId, smallFirst } = parts;
  /** Whose turn was the last one. Lost with the process: fairness is for those who wait now. */
  let lastOwner: string | undefined;
  let bySize = 0;
  /** The last one that got its turn before smaller ones. */
  let byTurn: MediaId | undefined;

  function next(...[tx, open, passedOver]: Parameters<Queue['next']>): MediaId | undefined {
    const limit = passedOver.size + 1;
    const pick = (jobs: readonly QueuedJob[]) => jobs.find((job) => !passedOver.has(job.mediaId));
    const first = (by: Parameters<QueueTable['first']>[3], order: Order) =>
      pick(merged(open, order, (queue) => table.first(tx, accountId, queue, by, limit)));

    function ofOwner(ownerKey: string): QueuedJob | undefined {
      const jobs = (queue: QueueName) => table.ofOwner(tx, accountId, queue, ownerKey, limit);
      return pick(merged(open, byAge, jobs));
    }

    function ownerAfter(after: string): string | undefined {
      const found = open.flatMap((queue) => table.ownerAfter(tx, accountId, queue, after) ?? []);
      return found.toSorted()[0];
    }

    function inTurn(): QueuedJob | undefined {
      // An owner whose jobs are all passed over loses its turn; there are no more of those than of what is passed over.
      for (let owners = 0; lastOwner !== undefined && owners < limit; owners++) {
        const owner = ownerAfter(lastOwner) ?? ownerAfter('');
        if (owner === undefined) break;
        lastOwner = owner;
        const found = ofOwner(owner);
        if (found !== undefined) return found;
      }
      const oldest = first('age', byAge);
      lastOwner = oldest?.ownerKey;
      return oldest;
    }

    // Mostly nothing is: one question instead of one for each queue.
    const isAny = table.highestPreference(tx, accountId) > 0;
    const preferred = isAny ? first('preference', byPreference) : undefined;
    if (preferred !== undefined) return preferred.mediaId;
    if (!smallFirst) return inTurn()?.mediaId;
    if (bySize < BY_SIZE_IN_A_ROW || isUnderWay(tx, byTurn)) {
      bySize += 1;
      return first('size', bySizeThenAge)?.mediaId;
    }
    bySize = 0;
    byTurn = inTurn()?.mediaId;
    return byTurn;
  }

  function isUnderWay(tx: StoreTransaction, mediaId: MediaId | undefined): boolean {
    const situation = mediaId && tables.media(tx, mediaId)?.facts.situation;
    return situation === 'uploading' || situation === 'attaching';
  }

  return { next };
}

type Order = (one: QueuedJob, other: QueuedJob) => number;

const byAge: Order = (one, other) =>
  one.since - other.since || (one.mediaId < other.mediaId ? -1 : 1);
const bySizeThenAge: Order = (one, other) => one.byteSize - other.byteSize || byAge(one, other);
const byPreference: Order = (one, other) => other.preferred - one.preferred;

/** Of one queue, mostly: there is nothing to sort. */
function merged(
  open: readonly QueueName[],
  order: Order,
  jobs: (queue: QueueName) => readonly QueuedJob[],
): readonly QueuedJob[] {
  const [one = [], ...others] = open.map(jobs);
  return others.every(({ length }) => length === 0) ? one : [one, ...others].flat().toSorted(order);
}
