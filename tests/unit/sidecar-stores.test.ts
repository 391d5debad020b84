import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { directoryBlobs } from 'lading/blobs/directory';
import { encryptingBlobs } from 'lading/blobs/encrypting';
import { memoryBlobs } from 'lading/testing';
import {
  brokenCases,
  describeSidecarStore,
  type SidecarStoreSetup,
  sidecarStoreCases,
} from 'lading/testing/contracts';
import { describe, expect, it } from 'vitest';
import type { BlobStore } from '../../ports/blob-store.ts';
import type { Disk } from '../../ports/disk.ts';
import { sidecarIds, sidecarName } from '../../ports/sidecar-name.ts';
import type { SidecarStore } from '../../ports/sidecars.ts';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { SimDisk } from '../../testing/world/sim-disk.ts';
import { diskPort } from '../../testing/world/sim-disk-port.ts';
import { type Breakages, sound, spoilt } from '../support/contract-teeth.ts';

const KEY = new Uint8Array(32).fill(7);
const NAME = sidecarName('account-1', '01890a5d-ac96-774b-bcce-b302099a8057');

function sidecarsOf({ sidecars }: BlobStore): SidecarStore {
  if (sidecars === undefined) throw new Error('this store has no sidecars');
  return sidecars;
}

function onDisk(disk: SimDisk): SidecarStore {
  return sidecarsOf(directoryBlobs({ disk: diskPort(disk) }));
}

describeSidecarStore('a directory of this machine', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'lading-sidecars-'));
  return {
    store: sidecarsOf(directoryBlobs({ directory })),
    reopen: () => sidecarsOf(directoryBlobs({ directory })),
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
});

describeSidecarStore('a simulated disk', async () => {
  const disk = new SimDisk({ random: seededRandom(1) });
  return { store: onDisk(disk), reopen: () => onDisk(disk) };
});

describeSidecarStore('in memory', async () => {
  const store = sidecarsOf(memoryBlobs());
  return { store, reopen: () => store };
});

describeSidecarStore('encrypted, over a simulated disk', async () => {
  const disk = new SimDisk({ random: seededRandom(1) });
  const open = (): SidecarStore =>
    sidecarsOf(encryptingBlobs(directoryBlobs({ disk: diskPort(disk) }), { key: KEY }));
  return { store: open(), reopen: open };
});

describe('the suite of sidecar stores', () => {
  const setup =
    (spoil: (store: SidecarStore) => Partial<SidecarStore>) =>
    async (): Promise<SidecarStoreSetup> => {
      const disk = new SimDisk({ random: seededRandom(1) });
      const open = (): SidecarStore => spoilt<SidecarStore>(onDisk(disk), spoil);
      return { store: open(), reopen: open };
    };
  const all: Breakages<SidecarStore> = [
    [
      'appends instead of replacing',
      'written again',
      (store) => ({
        write: async (name, text) => store.write(name, ((await store.read(name)) ?? '') + text),
      }),
    ],
    [
      'complains of a second removal',
      'removing it again',
      (store) => ({
        async remove(name) {
          if ((await store.read(name)) === undefined) throw new Error('not there');
          await store.remove(name);
        },
      }),
    ],
    ['lists every account', 'of one account alone', (store) => ({ list: () => store.list() })],
    [
      'throws where there is none',
      'undefined where there is none',
      (store) => ({
        async read(name) {
          const text = await store.read(name);
          if (text === undefined) throw new Error('ENOENT');
          return text;
        },
      }),
    ],
    [
      'takes any name',
      'not made of ids',
      (store) => ({
        write: async (name, text) => {
          if (sidecarIds(name) !== undefined) await store.write(name, text);
        },
      }),
    ],
  ];

  it('is content with a sound one', async () => {
    expect(await brokenCases(sidecarStoreCases, setup(sound))).toEqual([]);
  });
  it.each(all)('finds one that %s', async (_what, found, spoil) => {
    expect(await brokenCases(sidecarStoreCases, setup(spoil))).toContainEqual(
      expect.stringContaining(found),
    );
  });
});

describe('sidecars of a directory', () => {
  it('hold the old text or the new one, and the new one once it was acknowledged, wherever the power goes', async () => {
    const findings: string[] = [];
    for (let seed = 1; seed <= 6; seed++) findings.push(...(await everyCut(seed, (disk) => disk)));
    expect(findings).toEqual([]);
  });

  it('would be seen to lose or tear one, were a sync left out', async () => {
    const findings: string[] = [];
    for (let seed = 1; seed <= 6; seed++) findings.push(...(await everyCut(seed, unsynced)));
    expect(findings.length).toBeGreaterThan(0);
  });

  it('are no blobs, and leave no temporary file', async () => {
    const disk = new SimDisk({ random: seededRandom(1) });
    const blobs = directoryBlobs({ disk: diskPort(disk) });
    await sidecarsOf(blobs).write(NAME, 'text');
    const found = [];
    for await (const blob of blobs.list()) found.push(blob);
    expect(found).toEqual([]);
  });

  it('say disk_full when no more fits, and keep the text there was', async () => {
    const disk = new SimDisk({ random: seededRandom(1), capacityBytes: 1_000 });
    const store = onDisk(disk);
    await store.write(NAME, 'small');
    await expect(store.write(NAME, 'x'.repeat(2_000))).rejects.toMatchObject({ code: 'disk_full' });
    expect(await store.read(NAME)).toBe('small');
  });

  it('are passed on by an encrypting store only where the inner one has them', () => {
    const { sidecars: _none, ...bare } = memoryBlobs();
    expect(encryptingBlobs(bare, { key: KEY })).not.toHaveProperty('sidecars');
  });
});

describe('encrypted sidecars (contract 10.7)', () => {
  it('show nothing of their text on the disk, and are refused when changed, exchanged or read with another key', async () => {
    const inner = directoryBlobs({ disk: diskPort(new SimDisk({ random: seededRandom(1) })) });
    const plain = sidecarsOf(inner);
    const store = sidecarsOf(encryptingBlobs(inner, { key: KEY }));
    await store.write(NAME, 'item-1 is secret');
    const stored = (await plain.read(NAME)) ?? '';
    expect(Buffer.from(stored, 'base64').includes('secret')).toBe(false);
    const other = sidecarName('account-1', 'another');
    await plain.write(other, stored);
    await expect(store.read(other)).rejects.toMatchObject({ code: 'blob_corrupt' });
    await plain.write(other, `${stored.slice(0, -8)}AAAAAAA=`);
    await expect(store.read(other)).rejects.toMatchObject({ code: 'blob_corrupt' });
    const wrong = encryptingBlobs(inner, { key: new Uint8Array(32).fill(8) });
    await expect(sidecarsOf(wrong).read(NAME)).rejects.toMatchObject({ code: 'blob_key_wrong' });
  });
});

/** Cuts the power at each operation of three writes of one name; says what was wrong afterwards. */
async function everyCut(seed: number, wrap: (disk: Disk) => Disk): Promise<readonly string[]> {
  const texts = ['first', 'a longer second text', 'third'];
  const findings: string[] = [];
  for (let operation = 1; ; operation++) {
    const before = new SimDisk({ random: seededRandom(seed * 1000 + operation) });
    const cut = new Promise<SimDisk>((resolve) => {
      before.cutAtOp(operation, resolve);
    });
    let acknowledged = -1;
    const store = sidecarsOf(directoryBlobs({ disk: wrap(diskPort(before)) }));
    const writing = (async () => {
      for (const [index, text] of texts.entries()) {
        await store.write(NAME, text);
        acknowledged = index;
      }
    })();
    const after = await Promise.race([cut, writing]);
    if (after === undefined) return findings;
    const text = await onDisk(after).read(NAME);
    const index = text === undefined ? -1 : texts.indexOf(text);
    if (text !== undefined && index < 0) findings.push(`${seed}/${operation}: torn`);
    else if (index < acknowledged) findings.push(`${seed}/${operation}: lost ${acknowledged}`);
  }
}

function unsynced(disk: Disk): Disk {
  return {
    ...disk,
    async open(path, mode) {
      return { ...(await disk.open(path, mode)), sync: async () => {} };
    },
  };
}
