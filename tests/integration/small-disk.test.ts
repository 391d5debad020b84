import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import type { DiskState, FullReport, GuardedReport } from '../support/small-disk/child.ts';

const CHILD = fileURLToPath(new URL('../support/small-disk/child.ts', import.meta.url));
const place = mkdtempSync(join(tmpdir(), 'lading-small-disk-'));

/** A file system of a few megabytes in a namespace of its own: gone with the process, and nobody else sees it. */
function onDisk(size: string, ...command: readonly string[]): readonly string[] {
  const script = `mount -t tmpfs -o size=${size} none "$0" && exec "$@"`;
  return ['-rm', 'sh', '-c', script, place, ...command];
}

const probe = spawnSync('unshare', onDisk('1m', 'true'), { encoding: 'utf8' });
const whyNot =
  probe.status === 0 ? '' : ` [skipped: no file system of its own here: ${reasonOf(probe)}]`;

afterAll(() => rmSync(place, { recursive: true, force: true }));

describe('a real file system that fills up (contract 7.5, field case 6)', () => {
  it.skipIf(whyNot !== '')(
    `of 2 MB with bytes and database on it: every failure is disk_full and leaves nothing, and all goes on when there is room${whyNot}`,
    async () => {
      const report = await live<FullReport>('2m', 'full');
      expect(new Set(report.refused)).toEqual(new Set(['disk_full']));
      expect(report.captured).toBeGreaterThan(2);
      expectSound(report.whileFull);
      expect(report.afterwards).toBe(3);
      expectSound(report.restarted);
    },
  );

  it.skipIf(whyNot !== '')(
    `of 16 MB with an estimate: it is refused while there is room left for the database${whyNot}`,
    async () => {
      const report = await live<GuardedReport>('16m', 'guarded');
      expect(report.code).toBe('storage_nearly_full');
      expect(report.captured).toBeGreaterThan(20);
      expect(report.freeBytes).toBeGreaterThan(512 * 1024);
      expectSound(report.state);
    },
  );
});

/** What the log says is what is on the disk, and the database is whole. */
function expectSound(state: DiskState): void {
  expect(state).toEqual({
    differences: [],
    temporary: 0,
    blobBytes: state.usedBytes,
    usedBytes: state.usedBytes,
    spoilt: 0,
    integrity: 'ok',
  });
}

async function live<Report>(size: string, how: string): Promise<Report> {
  const command = onDisk(size, process.execPath, CHILD, place, how);
  const { stdout } = await promisify(execFile)('unshare', command, { timeout: 25_000 });
  return JSON.parse(stdout) as Report;
}

function reasonOf({ error, stderr }: typeof probe): string {
  return (error?.message ?? stderr).trim().split('\n')[0] ?? 'unknown';
}
