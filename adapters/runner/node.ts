import { hostname } from 'node:os';
import type { LeaseOptions } from '../../ports/lease-options.ts';

/**
 * Tells runners of one machine whether the process behind a lease is gone, so that a restart after a kill goes on
 * at once instead of waiting for the lease to run out. A process id that was given away again only costs that wait.
 */
export function nodeRunner(): Pick<LeaseOptions, 'info' | 'isGone'> {
  return {
    info: { host: hostname(), pid: process.pid },
    isGone({ host, pid }) {
      if (host !== hostname() || typeof pid !== 'number') return false;
      if (pid === process.pid) return false;
      try {
        process.kill(pid, 0);
        return false;
      } catch (error) {
        return (error as NodeJS.ErrnoException).code === 'ESRCH';
      }
    },
  };
}
