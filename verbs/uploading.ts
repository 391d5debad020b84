import {
  createScheduler,
  type Scheduler,
  type SchedulerParts,
} from '../engine/lifecycle/scheduler.ts';
import { createQueue } from '../engine/scheduling/queue.ts';
import { queueTable } from '../persistence/attachment/queue-table.ts';

export * from '../engine/lifecycle/uploading.ts';

/** The scheduler on this database. */
export function scheduling(
  parts: Omit<SchedulerParts, 'queue' | 'queueTable'> & { readonly smallFirst?: boolean },
): Scheduler {
  const { smallFirst = false } = parts;
  const queue = createQueue({ ...parts, queueTable, smallFirst });
  return createScheduler({ ...parts, queue, queueTable });
}
