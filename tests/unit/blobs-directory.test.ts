import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { directoryBlobs, nodeDisk } from 'lading/blobs/directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BlobStore, blobKey } from '../../ports/blob-store.ts';
import type { Disk, DiskFile } from '../../ports/disk.ts';
import { decodeIdPart, encodeIdPart } from '../../ports/id-part.ts';
import { sidecarName } from '../../ports/sidecar-name.ts';
import { describeBlobStore } from '../../testing/contracts/blob-store.ts';

describeBlobStore('a directory of this machine', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'lading-blobs-'));
  return {
    store: directoryBlobs({ directory }),
    reopen: () => directoryBlobs({ directory }),
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
});

describe('directoryBlobs', () => {
  let directory: string;
  const key = blobKey('account-1', 'media-1');
  const beside = sidecarName('account-1', 'media-1');

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lading-blobs-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('syncs bytes before the name, and the name before it resolves (contract 3.2, field case 9)', async () => {
    const steps: string[] = [];
    await directoryBlobs({ disk: recorded(nodeDisk(directory), steps) }).write(key, one());
    expect(steps).toEqual([
      'makeDirectory tmp',
      'create tmp/*',
      'append',
      'sync',
      'close',
      'makeDirectory blobs/a-account-1/-1',
      'rename tmp/* blobs/a-account-1/-1/m-media-1',
      'syncDirectory blobs/a-account-1/-1',
    ]);
  });

  it.each(['append', 'sync', 'makeDirectory blobs', 'rename', 'syncDirectory'])(
    'says disk_full and leaves nothing when the disk fills up in %s (contract 7.5, field case 6)',
    async (step) => {
      const disk = recorded(nodeDisk(directory), [], step);
      const store = directoryBlobs({ disk });
      await expect(store.write(key, one())).rejects.toMatchObject({ code: 'disk_full' });
      const files = await readdir(directory, { recursive: true, withFileTypes: true });
      expect(files.filter((entry) => entry.isFile())).toEqual([]);
    },
  );

  it.each(['EACCES', 'EROFS', 'EIO'])(
    'says blobs_unwritable and leaves nothing when the disk answers %s',
    async (code) => {
      const disk = recorded(nodeDisk(directory), [], 'rename', code);
      const written = directoryBlobs({ disk }).write(key, one());
      await expect(written).rejects.toMatchObject({ code: 'blobs_unwritable', details: { code } });
      const files = await readdir(directory, { recursive: true, withFileTypes: true });
      expect(files.filter((entry) => entry.isFile())).toEqual([]);
    },
  );

  it.each([
    ['read ', (store: BlobStore) => all(store.open(key))],
    ['piece', (store: BlobStore) => all(store.open(key))],
    ['piece', (store: BlobStore) => store.hash?.(key)],
    ['size', (store: BlobStore) => store.stat(key)],
    ['list', (store: BlobStore) => all(store.list())],
    ['remove', (store: BlobStore) => store.remove(key)],
    ['read ', (store: BlobStore) => store.sidecars?.read(beside)],
    ['list', (store: BlobStore) => all(store.sidecars?.list() ?? [])],
    ['remove', (store: BlobStore) => store.sidecars?.remove(beside)],
  ])(
    'says blobs_unreadable when the disk fails in %s, and has it all when it is well',
    async (step, use) => {
      await directoryBlobs({ directory }).write(key, one());
      const store = directoryBlobs({ disk: recorded(nodeDisk(directory), [], step, 'EIO') });
      await expect(use(store)).rejects.toMatchObject({
        code: 'blobs_unreadable',
        details: { code: 'EIO' },
      });
      expect(await all(directoryBlobs({ directory }).open(key))).toHaveLength(1);
    },
  );

  it('lists what a killed write left, and removes it by that name (field case 11)', async () => {
    await mkdir(join(directory, 'tmp'));
    await writeFile(join(directory, 'tmp', 'abc'), 'half');
    const store = directoryBlobs({ directory });
    await store.write(key, one());
    const found = [];
    for await (const blob of store.list()) found.push(blob);
    expect(found).toMatchObject([
      { key: 'tmp/abc', temporary: true, sizeBytes: 4 },
      { key, temporary: false, sizeBytes: 3 },
    ]);
    for (const blob of found) if (blob.temporary) await store.remove(blob.key);
    expect(await readdir(join(directory, 'tmp'))).toEqual([]);
    expect(await store.stat(key)).toEqual({ sizeBytes: 3 });
  });
});

describe('nodeDisk', () => {
  it.each(['../up', 'a/../../up', '/etc/passwd', 'a\0b', '', 'a//b', 'C:/x', 'a\\..\\b'])(
    'refuses the path %j (contract 10.1)',
    async (path) => {
      const disk = nodeDisk(join(tmpdir(), 'lading-never-made'));
      await expect(disk.open(path, 'create')).rejects.toMatchObject({ code: 'invalid_id' });
      await expect(disk.makeDirectory(path)).rejects.toMatchObject({ code: 'invalid_id' });
      await expect(disk.rename('a', path)).rejects.toMatchObject({ code: 'invalid_id' });
    },
  );

  it('creates a file once only, and fails like fs does', async () => {
    const base = await mkdtemp(join(tmpdir(), 'lading-disk-'));
    try {
      const disk = nodeDisk(join(base, 'not', 'there', 'yet'));
      await disk.makeDirectory('a/b');
      await (await disk.open('a/b/file', 'create')).close();
      await expect(disk.open('a/b/file', 'create')).rejects.toMatchObject({ code: 'EEXIST' });
      await expect(disk.open('a/none', 'read')).rejects.toMatchObject({ code: 'ENOENT' });
      expect(await disk.list('nowhere')).toEqual([]);
      await disk.remove('a/none');
    } finally {
      await rm(base, { recursive: true });
    }
  });
});

describe('ids as parts of paths (contract 10.1, field cases 62 and 63)', () => {
  it('keeps every id apart, also on a file system that ignores case', () => {
    const ids = [
      'abc',
      'ABC',
      'aBc',
      'a_bc',
      'a.bc',
      'a/bc',
      '../bc',
      'ä',
      'a',
      '日本',
      'auth0|x',
      ' ',
    ];
    const encoded = ids.map((id) => encodeIdPart(id));
    expect(new Set(encoded.map((part) => part.toLowerCase())).size).toBe(ids.length);
    expect(encoded.map((part) => decodeIdPart(part))).toEqual(ids);
    for (const part of encoded) expect(part).toMatch(/^[a-z0-9_-]+$/);
  });

  it.each(['', 'a\0', 'a\r\nb', 'x'.repeat(5000), 'Ä'.repeat(150), '\ud800'])(
    'refuses %j with invalid_id',
    (id) => {
      expect(() => blobKey('account', id)).toThrow(expect.objectContaining({ code: 'invalid_id' }));
      expect(() => blobKey(id, 'media')).toThrow(expect.objectContaining({ code: 'invalid_id' }));
    },
  );

  it('decodes only what it made', () => {
    const foreign = ['', '_6', '_zz', 'A', 'a.b', '_61', '_ff', '_00'];
    expect(foreign.filter((part) => decodeIdPart(part) !== undefined)).toEqual([]);
  });
});

async function* one(): AsyncIterable<Uint8Array> {
  yield new Uint8Array([1, 2, 3]);
}

/** A disk that writes down what is asked of it, and refuses one step. */
function recorded(disk: Disk, steps: string[], full = 'never', code = 'ENOSPC'): Disk {
  const note = (step: string): void => {
    const line = step.replace(/tmp\/[0-9a-f]{32}/, 'tmp/*');
    steps.push(line);
    refuse(line);
  };
  const refuse = (step: string): void => {
    if (step.startsWith(full)) throw Object.assign(new Error('no'), { code });
  };
  return {
    async open(path, mode) {
      note(`${mode} ${path}`);
      const file = await disk.open(path, mode);
      return recordedFile(file, note, refuse);
    },
    async rename(from, to) {
      note(`rename ${from} ${to}`);
      await disk.rename(from, to);
    },
    async remove(path) {
      refuse('remove');
      await disk.remove(path);
    },
    async list(path) {
      refuse('list');
      return disk.list(path);
    },
    async makeDirectory(path) {
      note(`makeDirectory ${path}`);
      await disk.makeDirectory(path);
    },
    async syncDirectory(path) {
      note(`syncDirectory ${path}`);
      await disk.syncDirectory(path);
    },
  };
}

function recordedFile(
  file: DiskFile,
  note: (step: string) => void,
  refuse: (step: string) => void,
): DiskFile {
  return {
    async read(position, length) {
      refuse('piece');
      return file.read(position, length);
    },
    async append(bytes) {
      note('append');
      await file.append(bytes);
    },
    async sync() {
      note('sync');
      await file.sync();
    },
    async size() {
      refuse('size');
      return file.size();
    },
    async close() {
      note('close');
      await file.close();
    },
  };
}

async function all<T>(items: AsyncIterable<T> | Iterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
