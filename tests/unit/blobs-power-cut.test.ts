import { createHash } from 'node:crypto';
import { directoryBlobs } from 'lading/blobs/directory';
import { describe, expect, it } from 'vitest';
import { type BlobKey, type BlobStore, blobKey } from '../../ports/blob-store.ts';
import type { Disk } from '../../ports/disk.ts';
import { type SeededRandom, seededRandom } from '../../testing/world/seeded-random.ts';
import { SimDisk } from '../../testing/world/sim-disk.ts';
import { diskPort } from '../../testing/world/sim-disk-port.ts';
import { virtualClock } from '../../testing/world/virtual-clock.ts';

interface Toll {
  readonly acknowledged: number;
  /** Blobs that were acknowledged and are not there, or differ. */
  readonly lost: number;
  /** Names in place whose bytes are not what was written. */
  readonly torn: number;
  readonly leftovers: number;
}

describe('blobs in a directory, when the power is cut', () => {
  it('are there, whole, once their write resolved, and never half under their name (contract 3.2, field case 10)', async () => {
    const toll = await cutPower(400, (disk) => disk);
    expect(toll.acknowledged).toBeGreaterThan(500);
    expect(toll).toMatchObject({ lost: 0, torn: 0 });
    expect(toll.leftovers).toBeGreaterThan(0);
  });

  it('would be lost without the sync of the directory, and torn without the sync of the file', async () => {
    const noNames = await cutPower(100, (disk) => ({ ...disk, syncDirectory: async () => {} }));
    expect(noNames.lost).toBeGreaterThan(20);
    const noBytes = await cutPower(100, (disk) => ({
      ...disk,
      open: async (path, mode) => ({ ...(await disk.open(path, mode)), sync: async () => {} }),
    }));
    expect(noBytes.torn).toBeGreaterThan(20);
  });
});

async function cutPower(cuts: number, spoil: (disk: Disk) => Disk): Promise<Toll> {
  const toll = { acknowledged: 0, lost: 0, torn: 0, leftovers: 0 };
  for (let seed = 0; seed < cuts; seed++) {
    const random = seededRandom(seed);
    const disk = new SimDisk({ random: random.fork('disk') });
    let dark = false;
    disk.cutAtOp(random.int(1, 60), () => {
      dark = true;
    });
    const acknowledged = new Set<BlobKey>();
    void writeAll(directoryBlobs({ disk: spoil(diskPort(disk)), random }), random, acknowledged);
    while (!dark) await virtualClock().settle();
    toll.acknowledged += acknowledged.size;

    const left = directoryBlobs({ disk: diskPort(disk.powerCut()) });
    const whole = new Set<BlobKey>();
    for await (const { key, temporary } of left.list()) {
      if (temporary) toll.leftovers += 1;
      else if (hashOf(await collect(left, key)) === hashOf(contentOf(key))) whole.add(key);
      else toll.torn += 1;
    }
    for (const key of acknowledged) if (!whole.has(key)) toll.lost += 1;
  }
  return toll;
}

/** Writes one blob after the other for ever: the power ends it, and then nothing resolves any more. */
async function writeAll(
  store: BlobStore,
  random: SeededRandom,
  acknowledged: Set<BlobKey>,
): Promise<void> {
  for (let count = 0; ; count++) {
    const key = blobKey('ann', `m${random.int(0, 3)}-${count}`);
    await store.write(key, pieces(contentOf(key)));
    acknowledged.add(key);
  }
}

/** 0 to about 5,000 bytes that depend on the key. */
function contentOf(key: BlobKey): Uint8Array {
  const random = seededRandom(key);
  return random.bytes(random.int(0, 5_000));
}

async function* pieces(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 1_000) yield bytes.subarray(at, at + 1_000);
}

async function collect(store: BlobStore, key: BlobKey): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.open(key)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
