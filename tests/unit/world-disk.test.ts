import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { SimDisk } from '../../testing/world/sim-disk.ts';
import { diskPort } from '../../testing/world/sim-disk-port.ts';
import { virtualClock } from '../../testing/world/virtual-clock.ts';

const SEEDS = Array.from({ length: 200 }, (_, seed) => seed);

describe('simulated disk: what a power cut leaves', () => {
  it('keeps what was synced under every seed', () => {
    for (const seed of SEEDS) {
      const disk = newDisk(seed);
      writeSynced(disk, 'a', pattern(3_000, 1));
      disk.syncDirectory('');
      const file = disk.open('a', 'write');
      file.write(3_000, pattern(1_000, 2));
      const left = disk.powerCut().contents().get('a');
      expect(left?.subarray(0, 3_000)).toEqual(pattern(3_000, 1));
    }
  });

  it('tears an unsynced write: whole sectors are kept or not, each by itself', () => {
    const kinds = new Set<string>();
    for (const seed of SEEDS) {
      const disk = newDisk(seed);
      writeSynced(disk, 'a', pattern(2_048, 1));
      disk.syncDirectory('');
      disk.open('a', 'write').write(0, pattern(2_048, 2));
      const left = disk.powerCut().contents().get('a') ?? new Uint8Array();
      const sectors = [0, 1, 2, 3].map((sector) => {
        const values = new Set(left.subarray(sector * 512, (sector + 1) * 512));
        expect(values.size).toBe(1);
        return [...values][0];
      });
      kinds.add(sectors.join(''));
    }
    expect(kinds).toContain('1111');
    expect(kinds).toContain('2222');
    expect(kinds).toContain('1212');
    expect(kinds.size).toBe(16);
  });

  it('never mixes two unsynced versions of one sector into something that never was', () => {
    const seen = new Set<string>();
    for (const seed of SEEDS) {
      const disk = newDisk(seed);
      writeSynced(disk, 'a', pattern(8, 1));
      disk.syncDirectory('');
      const file = disk.open('a', 'write');
      file.write(0, Uint8Array.of(2, 2));
      file.write(4, Uint8Array.of(3, 3));
      seen.add((disk.powerCut().contents().get('a') ?? []).join(''));
    }
    expect([...seen].toSorted()).toEqual(['11111111', '22111111', '22113311']);
  });

  it('leaves a file that was appended without sync shorter, empty or with holes of zeros', () => {
    const sizes = new Set<number>();
    let holes = 0;
    for (const seed of SEEDS) {
      const disk = newDisk(seed);
      const file = disk.open('a', 'create');
      disk.syncDirectory('');
      for (let piece = 0; piece < 4; piece++) file.write(piece * 512, pattern(512, 7));
      const left = disk.powerCut().contents().get('a') ?? new Uint8Array();
      sizes.add(left.byteLength);
      expect([...new Set(left)].every((byte) => byte === 7 || byte === 0)).toBe(true);
      if (left.includes(0)) holes += 1;
    }
    expect([...sizes].toSorted((a, b) => a - b)).toEqual([0, 512, 1_024, 1_536, 2_048]);
    expect(holes).toBeGreaterThan(0);
  });

  it('reads zeros, never old bytes, where a kept truncation was followed by a lost write', () => {
    const seen = new Set<string>();
    for (const seed of SEEDS) {
      const disk = newDisk(seed);
      writeSynced(disk, 'a', pattern(1_024, 1));
      disk.syncDirectory('');
      const file = disk.open('a', 'write');
      file.truncate(100);
      file.write(1_000, pattern(24, 2));
      const left = disk.powerCut().contents().get('a') ?? new Uint8Array();
      expect(left.subarray(0, 100)).toEqual(pattern(100, 1));
      seen.add(
        `${left.byteLength}:${[...new Set(left.subarray(100))].toSorted((a, b) => a - b).join('')}`,
      );
    }
    expect([...seen].toSorted()).toEqual(['100:', '1024:0', '1024:02', '1024:1']);
  });

  it('forgets names until their directory is synced, in the order they were made', () => {
    const seen = new Set<string>();
    for (const seed of SEEDS) {
      const disk = newDisk(seed);
      disk.makeDirectory('d');
      for (const name of ['d/1', 'd/2', 'd/3']) disk.open(name, 'create').sync();
      seen.add([...disk.powerCut().contents().keys()].join(' '));
    }
    expect([...seen].toSorted()).toEqual(['', 'd/1', 'd/1 d/2', 'd/1 d/2 d/3']);
  });

  it('brings a removed file back when the directory was not synced', () => {
    const back = SEEDS.filter((seed) => {
      const disk = newDisk(seed);
      writeSynced(disk, 'a', pattern(10, 1));
      disk.syncDirectory('');
      disk.remove('a');
      return disk.powerCut().exists('a');
    });
    expect(back.length).toBeGreaterThan(0);
    expect(back.length).toBeLessThan(SEEDS.length);
  });

  it('moves between directories as a whole: the file is in one of them, never in both or none', () => {
    const seen = new Set<string>();
    for (const seed of SEEDS) {
      const disk = newDisk(seed);
      disk.makeDirectory('from');
      disk.makeDirectory('to');
      writeSynced(disk, 'from/a', pattern(10, 1));
      disk.syncDirectory('from');
      disk.open('from/b', 'create');
      disk.rename('from/a', 'to/a');
      const left = [...disk.powerCut().contents().keys()].filter((name) => name.endsWith('/a'));
      seen.add(left.join(' '));
    }
    expect([...seen].toSorted()).toEqual(['from/a', 'to/a']);
  });

  it('makes what a synced directory depends on durable too', () => {
    for (const seed of SEEDS) {
      const disk = newDisk(seed);
      disk.makeDirectory('from');
      disk.makeDirectory('to');
      writeSynced(disk, 'from/a', pattern(10, 1));
      disk.rename('from/a', 'to/a');
      disk.syncDirectory('to');
      expect([...disk.powerCut().contents().keys()]).toEqual(['to/a']);
    }
  });

  it('replaces a file by rename without ever showing a name without a file', () => {
    const seen = new Set<string>();
    for (const seed of SEEDS) {
      const disk = newDisk(seed);
      writeSynced(disk, 'a', pattern(4, 1));
      disk.syncDirectory('');
      writeSynced(disk, 'a.tmp', pattern(4, 2));
      disk.rename('a.tmp', 'a');
      seen.add((disk.powerCut().contents().get('a') ?? []).join(''));
    }
    expect([...seen].toSorted()).toEqual(['1111', '2222']);
  });

  it('gives the same remains for the same seed', () => {
    expect(remains(5)).toBe(remains(5));
    expect(new Set(SEEDS.slice(0, 20).map(remains)).size).toBeGreaterThan(10);
  });
});

describe('simulated disk: failing in the middle', () => {
  it('cuts at the operation asked for, tells at once, and is dark from then on', () => {
    const disk = newDisk(1);
    const file = disk.open('a', 'create');
    disk.syncDirectory('');
    let next: SimDisk | undefined;
    disk.cutAtOp(
      2,
      (left) => {
        next = left;
      },
      'before',
    );
    file.write(0, pattern(4, 1));
    expect(() => file.write(4, pattern(4, 1))).toThrow('EIO');
    expect(next).toBe(disk.powerCut());
    expect(disk.contents().get('a')?.byteLength).toBe(4);
    expect(() => file.write(8, pattern(4, 1))).toThrow('EIO');
    expect(() => disk.exists('a')).toThrow('EIO');
    expect(next?.exists('a')).toBe(true);
  });

  it('cuts before or after a sync took effect', () => {
    expect(new Set(SEEDS.map((seed) => leaves('after', seed)))).toEqual(new Set([512]));
    expect(new Set(SEEDS.map((seed) => leaves('before', seed)))).toEqual(new Set([0, 512]));
  });

  it('writes what fits when it is full, and has room again after a removal (contract 7.5)', () => {
    const disk = new SimDisk({ random: seededRandom(1), capacityBytes: 1_000 });
    const file = disk.open('a', 'create');
    expect(() => file.write(0, pattern(1_500, 1))).toThrow('ENOSPC');
    expect(disk.usedBytes).toBe(1_000);
    file.write(0, pattern(1_000, 2));
    disk.remove('a');
    disk.open('b', 'create').write(0, pattern(900, 1));
    expect(disk.usedBytes).toBe(900);
  });

  it('fails one operation with the code it is told, without effect', () => {
    const disk = newDisk(1);
    const file = disk.open('a', 'create');
    disk.fault = (operation) => (operation === 'sync' ? 'EIO' : undefined);
    file.write(0, pattern(3, 1));
    expect(() => file.sync()).toThrow(expect.objectContaining({ code: 'EIO' }));
    disk.fault = undefined;
    file.sync();
    expect(file.size()).toBe(3);
  });

  it('turns over a bit on demand, durably', () => {
    const disk = newDisk(1);
    writeSynced(disk, 'a', pattern(4, 2));
    disk.syncDirectory('');
    disk.corrupt('a', 2);
    expect([...(disk.powerCut().contents().get('a') ?? [])]).toEqual([2, 2, 3, 2]);
  });
});

describe('simulated disk: the asynchronous face', () => {
  it('speaks the error codes of Node', async () => {
    const disk = diskPort(newDisk(1));
    await expect(disk.open('none', 'read')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(disk.open('none/a', 'create')).rejects.toMatchObject({ code: 'ENOENT' });
    await disk.makeDirectory('x/y');
    await disk.open('x/y/a', 'create');
    await expect(disk.open('x/y/a', 'create')).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(disk.open('x/y', 'read')).rejects.toMatchObject({ code: 'EISDIR' });
    await disk.remove('x/y/none');
    expect(await disk.list('nowhere')).toEqual([]);
    expect((await disk.list('x')).map(({ name, directory }) => [name, directory])).toEqual([
      ['y', true],
    ]);
  });

  it('reads ranges, appends, and keeps an open file readable after its removal', async () => {
    const disk = diskPort(newDisk(1));
    const file = await disk.open('a', 'create');
    await file.append(Uint8Array.of(1, 2, 3));
    await file.append(Uint8Array.of(4));
    expect([...(await file.read(1, 10))]).toEqual([2, 3, 4]);
    expect(await file.size()).toBe(4);
    const reader = await disk.open('a', 'read');
    await disk.remove('a');
    expect([...(await reader.read(0, 2))]).toEqual([1, 2]);
    await expect(reader.append(Uint8Array.of(1))).rejects.toMatchObject({ code: 'EBADF' });
    await reader.close();
    await expect(reader.read(0, 1)).rejects.toMatchObject({ code: 'EBADF' });
  });

  it('takes virtual time, and never answers again once the power is gone', async () => {
    const clock = virtualClock();
    const sim = newDisk(1);
    const disk = diskPort(sim, { clock, latencyMs: () => 5 });
    const answers: string[] = [];
    const tell = async (name: string): Promise<void> => {
      await disk.makeDirectory(name);
      answers.push(name);
    };
    void tell('one');
    await clock.advanceTo(4);
    expect(answers).toEqual([]);
    await clock.advanceTo(5);
    expect(answers).toEqual(['one']);
    void tell('two');
    sim.powerCut();
    await clock.advanceBy(1_000);
    expect(answers).toEqual(['one']);
  });
});

function newDisk(seed: number): SimDisk {
  return new SimDisk({ random: seededRandom(seed) });
}

function pattern(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

function writeSynced(disk: SimDisk, path: string, bytes: Uint8Array): void {
  const file = disk.open(path, 'create');
  file.write(0, bytes);
  file.sync();
}

/** What a power cut leaves of two files that were written and not synced. */
function remains(seed: number): string {
  const disk = newDisk(seed);
  const files = ['a', 'b'].map((name) => disk.open(name, 'create'));
  disk.syncDirectory('');
  for (const file of files) file.write(0, pattern(5_000, 3));
  const left = [...disk.powerCut().contents()];
  return JSON.stringify(left.map(([name, bytes]) => [name, [...bytes]]));
}

/** How long a file is after a cut at its only sync. */
function leaves(when: 'before' | 'after', seed: number): number | undefined {
  const disk = newDisk(seed);
  const file = disk.open('a', 'create');
  disk.syncDirectory('');
  file.write(0, pattern(512, 1));
  disk.cutAtSync(1, () => {}, when);
  expect(() => file.sync()).toThrow('EIO');
  return disk.powerCut().contents().get('a')?.byteLength;
}
