import type { Clock } from '../../ports/clock.ts';
import { sleep } from '../../ports/clock.ts';
import type { Disk, DiskFile } from '../../ports/disk.ts';
import type { SimDisk, SimFile } from './sim-disk.ts';

export interface DiskPortOptions {
  /** With it every operation takes virtual time; without, one turn of promises. */
  readonly clock?: Clock;
  /** Asked once for each operation. Default: always 0. */
  readonly latencyMs?: () => number;
}

/**
 * The asynchronous face of a simulated disk, for a directory of blobs (ports/disk.ts). When the power goes, what was
 * asked never resolves: nobody is left to hear it.
 */
export function diskPort(disk: SimDisk, options: DiskPortOptions = {}): Disk {
  const take = async <T>(work: () => T): Promise<T> => {
    if (options.clock !== undefined) await sleep(options.clock, options.latencyMs?.() ?? 0);
    else await Promise.resolve();
    if (disk.isDark) return forever();
    try {
      return work();
    } catch (error) {
      if (disk.isDark) return forever();
      throw error;
    }
  };

  const wrap = (file: SimFile): DiskFile => ({
    read: (position, length) =>
      take(() => {
        const target = new Uint8Array(length);
        return target.subarray(0, file.readInto(target, position));
      }),
    append: (bytes) => take(() => file.write(file.size(), bytes)),
    sync: () => take(() => file.sync()),
    size: () => take(() => file.size()),
    close: () => take(() => file.close()),
  });

  return {
    open: (path, mode) => take(() => wrap(disk.open(path, mode))),
    rename: (from, to) => take(() => disk.rename(from, to)),
    remove: (path) => take(() => disk.remove(path)),
    list: (path) => take(() => disk.list(path)),
    makeDirectory: (path) => take(() => disk.makeDirectory(path)),
    syncDirectory: (path) => take(() => disk.syncDirectory(path)),
    pathOf: (path) => path,
  };
}

function forever(): Promise<never> {
  return new Promise(() => {});
}
