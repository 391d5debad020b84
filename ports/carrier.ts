/** One HTTP request with the bytes of a file as its body, to be carried while the app may be dead. */
export interface CarrierTask {
  /**
   * Made from the object's key, so that whoever comes back meets it: `[a-z0-9._-]`, 240 characters at most. Two tasks
   * of one id are one.
   */
  readonly id: string;
  readonly method: string;
  /** May hold a signature: kept no longer than it takes, and shown nowhere (contract 10.4). */
  readonly url: string;
  /** May hold a token: as `url`. */
  readonly headers: Readonly<Record<string, string>>;
  /** A plain file, as `BlobStore.file` names it. Its bytes do not change while anything refers to it. */
  readonly file: string;
  readonly byteSize: number;
  /** No secret: kept with the task, and given back by {@link Carrier.attach}. */
  readonly note: string;
}

/** How a transfer ended. Headers are in lower case; of the body there are 4,096 characters at most. */
export type CarrierResult =
  | {
      readonly ended: 'answered';
      readonly status: number;
      readonly headers: readonly (readonly [name: string, value: string])[];
      readonly body: string;
    }
  | {
      readonly ended: 'failed';
      /** As of an adapter's fault: `network`, `host_not_found`, `stalled`, `source_missing` … */
      readonly code: string;
      /** Whether the remote may have all of it all the same. */
      readonly mayHaveArrived: boolean;
    };

/** What is known of a task now. */
export interface CarriedTask {
  readonly id: string;
  readonly note: string;
  /** Undefined while it is under way. */
  readonly result: CarrierResult | undefined;
}

/**
 * What carries requests for the app while the app may be dead: the operating system (background sessions on iOS,
 * WorkManager on Android), or a process of its own. It repeats nothing by itself, or only what never reached a server;
 * retries are the engine's business.
 */
export interface Carrier {
  /**
   * Durable when it resolves: from now on the request is carried, whether or not this process lives. An id that is known,
   * under way or ended, is left as it is: two processes that start one task start it once.
   */
  start(task: CarrierTask): Promise<void>;
  /**
   * Waits for the end of a task, whoever started it. The result stays, and is told as often as it is asked for, until
   * `cancel`, or for a week. Undefined: there is no such task (any more). It may also have been killed with the system.
   * @throws the signal's reason. Aborting ends the waiting, never the transfer.
   */
  attach(
    id: string,
    options: {
      readonly signal: AbortSignal;
      /** Bytes that have left, now and then; never fewer than before. */
      readonly onSent?: (sentBytes: number) => void;
    },
  ): Promise<CarriedTask | undefined>;
  /**
   * Stops it, or forgets its result: durable when it resolves. No more of the file is read then; what has left already may
   * still land (contract 5.2). Idempotent.
   */
  cancel(id: string): Promise<void>;
  /** All that are under way, or ended and not forgotten. */
  list(): Promise<readonly CarriedTask[]>;
}
