import { createHash } from 'node:crypto';
import { directoryBlobs } from 'lading/blobs/directory';
import { describe, expect, it } from 'vitest';
import type { BlobStore } from '../../ports/blob-store.ts';
import { blobKey } from '../../ports/blob-store.ts';
import type { Disk } from '../../ports/disk.ts';
import { describeBlobStore } from '../../testing/contracts/blob-store.ts';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { SimDisk } from '../../testing/world/sim-disk.ts';
import { diskPort } from '../../testing/world/sim-disk-port.ts';

describeBlobStore('a simulated disk', async () => {
  const disk = diskPort(new SimDisk({ random: seededRandom(1) }));
  return { store: directoryBlobs({ disk }), reopen: () => directoryBlobs({ disk }) };
});

const KEYS = ['m1', 'm2', 'm3', 'm2'].map((id) => blobKey('account-1', id));
const BYTES = new Uint8Array(20_000).map((_, index) => (index * 7 + (index >> 8)) & 0xff);
const HASH = createHash('sha256').update(BYTES).digest('hex');

describe('blobs through a power cut (contract 3.2, field cases 9 and 10)', () => {
  it('lose nothing that was acknowledged and show nothing that is torn, wherever the power goes', async () => {
    const findings: string[] = [];
    for (let seed = 1; seed <= 8; seed++) findings.push(...(await everyCut(seed, (disk) => disk)));
    expect(findings).toEqual([]);
  });

  it.each([
    ['the sync of the bytes', unsyncedFiles],
    ['the sync of the directory', unsyncedDirectories],
  ])('would be seen to lose or tear, were %s left out', async (_, broken) => {
    const findings: string[] = [];
    for (let seed = 1; seed <= 8; seed++) findings.push(...(await everyCut(seed, broken)));
    expect(findings.length).toBeGreaterThan(0);
  });

  it('says disk_full when no more fits, keeps what there was, and gives the space back', async () => {
    const disk = new SimDisk({ random: seededRandom(1), capacityBytes: 45_000 });
    const store = directoryBlobs({ disk: diskPort(disk) });
    const [first, second, third] = KEYS as [(typeof KEYS)[0], (typeof KEYS)[0], (typeof KEYS)[0]];
    await store.write(first, pieces());
    await store.write(second, pieces());
    await expect(store.write(third, pieces())).rejects.toMatchObject({ code: 'disk_full' });
    expect(disk.usedBytes).toBe(40_000);
    await store.remove(first);
    await store.write(third, pieces());
    expect(await hashOf(store, second)).toBe(HASH);
  });
});

/** Cuts the power at each operation of the same four writes; says what was wrong afterwards. */
async function everyCut(seed: number, wrap: (disk: Disk) => Disk): Promise<readonly string[]> {
  const findings: string[] = [];
  for (let operation = 1; ; operation++) {
    const before = new SimDisk({ random: seededRandom(seed * 1000 + operation) });
    const cut = new Promise<SimDisk>((resolve) => {
      before.cutAtOp(operation, resolve);
    });
    const acknowledged = new Set<string>();
    const store = directoryBlobs({ disk: wrap(diskPort(before)), random: seededRandom(seed) });
    const work = (async () => {
      for (const key of KEYS) {
        await store.write(key, pieces());
        acknowledged.add(key);
      }
    })();
    const after = await Promise.race([cut, work]);
    if (after === undefined) return findings; // the work is shorter than that
    findings.push(...(await inspect(after, acknowledged, `seed ${seed}, operation ${operation}`)));
  }
}

async function inspect(
  disk: SimDisk,
  acknowledged: ReadonlySet<string>,
  when: string,
): Promise<readonly string[]> {
  const store = directoryBlobs({ disk: diskPort(disk) });
  const findings: string[] = [];
  for (const key of new Set(KEYS)) {
    const present = (await store.stat(key)) !== undefined;
    if (acknowledged.has(key) && !present) findings.push(`${when}: ${key} is lost`);
    if (present && (await hashOf(store, key)) !== HASH) findings.push(`${when}: ${key} is torn`);
  }
  for await (const blob of store.list()) if (blob.temporary) await store.remove(blob.key);
  for (const key of KEYS) await store.write(key, pieces());
  return findings;
}

function unsyncedFiles(disk: Disk): Disk {
  return {
    ...disk,
    open: async (path, mode) => ({ ...(await disk.open(path, mode)), sync: async () => {} }),
  };
}

function unsyncedDirectories(disk: Disk): Disk {
  return { ...disk, syncDirectory: async () => {} };
}

async function* pieces(): AsyncIterable<Uint8Array> {
  for (let at = 0; at < BYTES.byteLength; at += 5_000) yield BYTES.subarray(at, at + 5_000);
}

async function hashOf(store: BlobStore, key: (typeof KEYS)[0]): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of store.open(key)) hash.update(chunk);
  return hash.digest('hex');
}
