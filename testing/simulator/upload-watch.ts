import type { Remote } from '../../ports/remote.ts';

/** Watches that never two runners send the same attachment at the same time (contract 4.3), and none over a wrong link. */
export interface UploadWatch {
  /** A remote as one process uses it. */
  watched(remote: Remote, by: Sender): Remote;
  /** From here on leases may seem to have run out, since a clock was moved: overlaps are no bug any more. */
  excuse(): void;
  /** Uploads that began. */
  readonly count: number;
}

export interface Sender {
  readonly who: string;
  isAlive(): boolean;
  /**
   * The run that the log stands at. One that a verb of another runner took back goes on until its own runner looks;
   * its answer meets no fence, and the same run is never begun by two.
   */
  runOf(key: string): number | undefined;
  /** Why these bytes may not be sent now, if so: their field keeps them to unmetered links. */
  heldBack(key: string): string | undefined;
}

interface Sending {
  readonly key: string;
  readonly by: Sender;
  readonly run: number | undefined;
  readonly signal: AbortSignal;
}

/** @param fail told when it sees two. */
export function createUploadWatch(fail: (message: string, promise: string) => void): UploadWatch {
  const sending = new Set<Sending>();
  let excused = false;
  let count = 0;
  return {
    watched: (remote, by) => ({
      ...remote,
      async upload(request, context) {
        const key = request.objectKey;
        const mine: Sending = { key, by, run: by.runOf(key), signal: context.signal };
        const other = [...sending].find(
          (one) =>
            one.key === key && one.run === mine.run && one.by.isAlive() && !one.signal.aborted,
        );
        if (other !== undefined && !excused) {
          fail(`${by.who} sends ${key} while ${other.by.who} does`, 'one runner at a time');
        }
        const looked = (): void => {
          const why = context.signal.aborted || excused ? undefined : by.heldBack(key);
          if (why !== undefined) fail(why, 'a metered link carries only what may go over it');
        };
        looked();
        sending.add(mine);
        count += 1;
        try {
          return await remote.upload(request, {
            ...context,
            onProgress(...told) {
              looked();
              context.onProgress(...told);
            },
          });
        } finally {
          sending.delete(mine);
        }
      },
    }),
    excuse() {
      excused = true;
    },
    get count() {
      return count;
    },
  };
}
