import { expect } from 'vitest';
import type { Disk } from '../../ports/disk.ts';
import { pattern } from './bytes.ts';
import { type ContractCase, type ContractSetup, describeContract } from './contract.ts';

export interface DiskSetup extends ContractSetup {
  /** Empty when the case begins. */
  readonly disk: Disk;
}

/** What every {@link Disk} keeps: see {@link diskCases}. What a power cut leaves is for tests of your own. */
export function describeDisk(name: string, setup: () => Promise<DiskSetup>): void {
  describeContract(`disk contract: ${name}`, diskCases, setup);
}

/** One by one; {@link describeDisk} makes tests of them. */
export const diskCases: readonly ContractCase<DiskSetup>[] = [
  {
    title: 'reads what was appended, piece by piece and from any position',
    async run({ disk }) {
      await create(disk, 'file', pattern(100), pattern(50, 9));
      const file = await disk.open('file', 'read');
      expect(await file.size()).toBe(150);
      expect(await file.read(0, 100)).toEqual(pattern(100));
      expect(await file.read(100, 50)).toEqual(pattern(50, 9));
      expect(await file.read(99, 1)).toEqual(pattern(100).slice(99));
      await file.close();
    },
  },
  {
    title: 'reads fewer bytes at the end, and none past it',
    async run({ disk }) {
      await create(disk, 'file', pattern(10));
      const file = await disk.open('file', 'read');
      expect(await file.read(8, 100)).toEqual(pattern(10).slice(8));
      expect(await file.read(10, 1)).toHaveLength(0);
      expect(await file.read(1_000, 10)).toHaveLength(0);
      await file.close();
    },
  },
  {
    title: 'creates a file once only',
    async run({ disk }) {
      await create(disk, 'file', pattern(10));
      await expect(disk.open('file', 'create')).rejects.toMatchObject({ code: 'EEXIST' });
      expect(await content(disk, 'file')).toEqual(pattern(10));
    },
  },
  {
    title: 'opens for reading only what is there',
    async run({ disk }) {
      await expect(disk.open('none', 'read')).rejects.toMatchObject({ code: 'ENOENT' });
    },
  },
  {
    title: 'creates no file in a directory that is not there',
    async run({ disk }) {
      await expect(disk.open('none/file', 'create')).rejects.toMatchObject({ code: 'ENOENT' });
    },
  },
  {
    title: 'makes a directory with its parents, also a second time',
    async run({ disk }) {
      await disk.makeDirectory('a/b/c');
      await disk.makeDirectory('a/b/c');
      await create(disk, 'a/b/c/file', pattern(3));
      await disk.syncDirectory('a/b/c');
      expect(await content(disk, 'a/b/c/file')).toEqual(pattern(3));
    },
  },
  {
    title: 'renames a file, and replaces what had the name',
    async run({ disk }) {
      await disk.makeDirectory('a');
      await create(disk, 'new', pattern(20, 1));
      await create(disk, 'a/old', pattern(30, 2));
      await disk.rename('new', 'a/old');
      expect(await content(disk, 'a/old')).toEqual(pattern(20, 1));
      await expect(disk.open('new', 'read')).rejects.toMatchObject({ code: 'ENOENT' });
    },
  },
  {
    title: 'refuses to rename what is not there',
    async run({ disk }) {
      await expect(disk.rename('none', 'other')).rejects.toMatchObject({ code: 'ENOENT' });
    },
  },
  {
    title: 'removes a file, and has no objection to removing it again',
    async run({ disk }) {
      await disk.makeDirectory('a');
      await create(disk, 'a/file', pattern(1));
      await disk.remove('a/file');
      await disk.remove('a/file');
      expect(await disk.list('a')).toEqual([]);
    },
  },
  {
    title:
      'says the size of a file without opening it, where it can, and knows of none that is not there',
    async run({ disk }) {
      if (disk.sizeOf === undefined) return;
      const file = await disk.open('a', 'create');
      await file.append(new Uint8Array(150));
      await file.close();
      expect(await disk.sizeOf('a')).toBe(150);
      expect(await disk.sizeOf('b')).toBeUndefined();
      expect(await disk.sizeOf('no/such/folder')).toBeUndefined();
    },
  },
  {
    title: 'lists files and directories with their sizes, and nothing deeper',
    async run({ disk }) {
      await disk.makeDirectory('a/b');
      await create(disk, 'a/file', pattern(7));
      await create(disk, 'a/b/deeper', pattern(9));
      const entries = await disk.list('a');
      const named = entries.map(({ name, directory }) => `${name}${directory ? '/' : ''}`);
      expect(named.toSorted()).toEqual(['b/', 'file']);
      const file = entries.find(({ name }) => name === 'file');
      expect(file?.sizeBytes).toBe(7);
      expect(file?.modifiedAt).toBeGreaterThan(0);
    },
  },
  {
    title: 'lists nothing where there is no directory',
    async run({ disk }) {
      expect(await disk.list('nowhere')).toEqual([]);
    },
  },
];

async function create(disk: Disk, path: string, ...parts: readonly Uint8Array[]): Promise<void> {
  const file = await disk.open(path, 'create');
  for (const part of parts) await file.append(part);
  await file.sync();
  await file.close();
}

async function content(disk: Disk, path: string): Promise<Uint8Array> {
  const file = await disk.open(path, 'read');
  try {
    return await file.read(0, await file.size());
  } finally {
    await file.close();
  }
}
