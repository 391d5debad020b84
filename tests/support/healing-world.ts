import { DatabaseSync } from 'node:sqlite';
import type { Lading, LadingOptions } from 'lading';
import { directoryBlobs } from 'lading/blobs/directory';
import { nodeSqlite } from 'lading/sqlite/node';
import type { StartReport } from '../../engine/healing/healing.ts';
import type { BlobStore } from '../../ports/blob-store.ts';
import type { Disk } from '../../ports/disk.ts';
import type { SidecarStore } from '../../ports/sidecars.ts';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { SimDisk } from '../../testing/world/sim-disk.ts';
import { diskPort } from '../../testing/world/sim-disk-port.ts';
import { type World, type WorldOptions, world } from './lading-world.ts';

/** One device whose bytes lie in a directory of a simulated disk, with sidecars beside them. */
export interface HealingWorld extends World {
  readonly disk: SimDisk;
  readonly store: BlobStore;
  readonly sidecars: SidecarStore;
  /** What the starts so far reported. */
  readonly reports: StartReport[];
  /** Opens, and waits for the look at start and its report. */
  start(options?: Partial<LadingOptions>): Promise<Lading>;
  /** As {@link HealingWorld.start}, on a database that knows nothing. */
  startAnew(options?: Partial<LadingOptions>): Promise<Lading>;
  /** Parsed, by mediaId. */
  texts(): Promise<Readonly<Record<string, Record<string, unknown>>>>;
  /** Files of blobs, as the disk has them. */
  files(): readonly string[];
}

export function healingWorld(
  options: WorldOptions & {
    readonly wrap?: (disk: Disk) => Disk;
    readonly wrapStore?: (store: BlobStore) => BlobStore;
  } = {},
): HealingWorld {
  const phone = world(options);
  const disk = new SimDisk({ random: seededRandom(1), now: () => phone.clock.now() });
  const plain = directoryBlobs({ disk: (options.wrap ?? ((one) => one))(diskPort(disk)) });
  const store = options.wrapStore?.(plain) ?? plain;
  const { sidecars } = store;
  if (sidecars === undefined) throw new Error('this store has no sidecars');
  const reports: StartReport[] = [];

  async function start(more: Partial<LadingOptions> = {}): Promise<Lading> {
    const count = reports.length;
    const lading = await phone.open({
      blobs: store,
      onStartReport: (report) => void reports.push(report),
      ...more,
    });
    await phone.clock.runUntil(() => reports.length > count);
    return lading;
  }

  return {
    ...phone,
    disk,
    store,
    sidecars,
    reports,
    start,
    startAnew(more = {}) {
      const handle = new DatabaseSync(':memory:', { timeout: 0 });
      return start({ store: nodeSqlite(handle), ...more });
    },
    async texts() {
      const found: Record<string, Record<string, unknown>> = {};
      for await (const name of sidecars.list()) {
        const text = JSON.parse((await sidecars.read(name)) ?? 'null') as Record<string, unknown>;
        found[String(text['mediaId'])] = text;
      }
      return found;
    },
    files: () => [...disk.contents().keys()].filter((path) => path.startsWith('blobs/')),
  };
}
