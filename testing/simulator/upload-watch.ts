import type { Remote } from '../../ports/remote.ts';

/** Watches that never two runners send the same attachment at the same time (contract 4.3). */
export interface UploadWatch {
  /** A remote as one process uses it. `isAlive` says whether the process still lives. */
  watched(remote: Remote, who: string, isAlive: () => boolean): Remote;
  /** From here on leases may seem to have run out, since a clock was moved: overlaps are no bug any more. */
  excuse(): void;
  /** Uploads that began. */
  readonly count: number;
}

interface Sending {
  readonly key: string;
  readonly who: string;
  readonly signal: AbortSignal;
  readonly isAlive: () => boolean;
}

/** @param fail told when it sees two. */
export function createUploadWatch(fail: (message: string) => void): UploadWatch {
  const sending = new Set<Sending>();
  let excused = false;
  let count = 0;
  return {
    watched: (remote, who, isAlive) => ({
      ...remote,
      async upload(request, context) {
        const mine: Sending = { key: request.objectKey, who, signal: context.signal, isAlive };
        const other = [...sending].find(
          (one) => one.key === mine.key && one.isAlive() && !one.signal.aborted,
        );
        if (other !== undefined && !excused) {
          fail(`${who} sends ${mine.key} while ${other.who} does`);
        }
        sending.add(mine);
        count += 1;
        try {
          return await remote.upload(request, context);
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
