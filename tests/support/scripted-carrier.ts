import type { CarriedTask, Carrier, CarrierResult, CarrierTask } from '../../ports/carrier.ts';

/** An end of a task: an answer with this status. */
export const answered = (status: number, more: Partial<CarrierResult> = {}): CarrierResult =>
  ({ ended: 'answered', status, headers: [], body: '', ...more }) as CarrierResult;

/** A carrier that does nothing but what it is told. */
export interface ScriptedCarrier {
  readonly carrier: Carrier;
  /** Those that it knows now. */
  readonly tasks: Map<string, CarriedTask>;
  readonly started: readonly CarrierTask[];
  /** Ids, in order. */
  readonly cancelled: readonly string[];
}

/** @param endOf how a task ends that is started; undefined: it stays under way until somebody gives it a result. */
export function scriptedCarrier(
  endOf: (task: CarrierTask, nth: number) => CarrierResult | undefined = () => undefined,
): ScriptedCarrier {
  const tasks = new Map<string, CarriedTask>();
  const started: CarrierTask[] = [];
  const cancelled: string[] = [];
  const carrier: Carrier = {
    async start(task) {
      started.push(task);
      tasks.set(task.id, { id: task.id, note: task.note, result: endOf(task, started.length) });
    },
    async attach(id, { signal }) {
      const found = tasks.get(id);
      if (found === undefined || found.result !== undefined) return found;
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    },
    async cancel(id) {
      cancelled.push(id);
      tasks.delete(id);
    },
    list: async () => [...tasks.values()],
  };
  return { carrier, tasks, started, cancelled };
}
