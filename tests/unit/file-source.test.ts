import { execFileSync } from 'node:child_process';
import {
  appendFile,
  type FileHandle,
  mkdtemp,
  open,
  rm,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileSource } from 'lading/blobs/directory';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CaptureSource } from '../../ports/source.ts';
import { bytesSource } from '../../ports/source.ts';

describe('fileSource', () => {
  let directory: string;
  let path: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lading-source-'));
    path = join(directory, 'Übung 1.pdf');
    await writeFile(path, new Uint8Array(600_000).fill(7));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('gives the bytes, the name and the size', async () => {
    const source = fileSource(path);
    expect(source.filename).toBe('Übung 1.pdf');
    expect(source.sizeBytes).toBe(600_000);
    expect(await size(source)).toBe(600_000);
    expect(await size(source), 'a second reading starts over').toBe(600_000);
  });

  it('refuses a file that is not there, also when it went since it was chosen (field case 14)', async () => {
    const source = fileSource(path);
    await rm(path);
    expect(source.sizeBytes).toBeUndefined();
    await expect(size(source)).rejects.toMatchObject({ code: 'source_missing' });
    await expect(size(fileSource(`${path}\0`))).rejects.toMatchObject({ code: 'source_missing' });
    await expect(size(fileSource(`${path}/x`))).rejects.toMatchObject({ code: 'source_missing' });
  });

  it('refuses a directory', async () => {
    await expect(size(fileSource(directory))).rejects.toMatchObject({ code: 'source_not_a_file' });
  });

  it.skipIf(process.platform === 'win32')('refuses a device', async () => {
    await expect(size(fileSource('/dev/null'))).rejects.toMatchObject({
      code: 'source_not_a_file',
    });
  });

  it.skipIf(process.platform === 'win32')(
    'refuses a pipe without waiting for a writer',
    async () => {
      const pipe = join(directory, 'pipe');
      execFileSync('mkfifo', [pipe]);
      await expect(size(fileSource(pipe))).rejects.toMatchObject({ code: 'source_not_a_file' });
    },
  );

  it.skipIf(process.platform !== 'linux')(
    'says source_unreadable when reading fails (field case 15)',
    async () => {
      // A file of one's own memory map: it opens, and reading its first page is an I/O error, for root too.
      await expect(size(fileSource('/proc/self/mem'))).rejects.toMatchObject({
        code: 'source_unreadable',
      });
    },
  );

  it.each([
    ['grows', () => appendFile(path, 'more')],
    ['shrinks', () => truncate(path, 300_000)],
    ['is written in place', () => utimes(path, new Date(), new Date(Date.now() + 5000))],
  ])('says source_changed when the file %s while it is read (field case 13)', async (_, change) => {
    const reading = async (): Promise<void> => {
      let first = true;
      for await (const chunk of fileSource(path).open()) {
        if (first) await change();
        first = chunk.byteLength === 0;
      }
    };
    await expect(reading()).rejects.toMatchObject({ code: 'source_changed' });
  });

  it('closes what it opened when that cannot be looked at', async () => {
    const probe = await open(path);
    await probe.close();
    const opened: FileHandle[] = [];
    const broken = vi
      .spyOn(Object.getPrototypeOf(probe) as FileHandle, 'stat')
      .mockImplementation(async function (this: FileHandle) {
        opened.push(this);
        throw new Error('EIO');
      });
    try {
      await expect(size(fileSource(path))).rejects.toMatchObject({ code: 'source_unreadable' });
    } finally {
      broken.mockRestore();
    }
    expect(opened.map(({ fd }) => fd)).toEqual([-1]);
  });

  it('stops between chunks when it is aborted', async () => {
    const abort = new AbortController();
    const reading = async (): Promise<void> => {
      for await (const chunk of fileSource(path).open(abort.signal)) {
        if (chunk.byteLength > 0) abort.abort();
      }
    };
    await expect(reading()).rejects.toMatchObject({ code: 'capture_aborted' });
  });
});

describe('bytesSource', () => {
  it('gives the bytes in pieces, with what is known of them', async () => {
    const source = bytesSource(new Uint8Array(600_000), { filename: 'a.png' });
    expect(source).toMatchObject({ filename: 'a.png', sizeBytes: 600_000 });
    expect(await size(source)).toBe(600_000);
    await expect(size(source, AbortSignal.abort())).rejects.toMatchObject({
      code: 'capture_aborted',
    });
  });
});

async function size(source: CaptureSource, signal?: AbortSignal): Promise<number> {
  let total = 0;
  for await (const chunk of source.open(signal)) total += chunk.byteLength;
  return total;
}
