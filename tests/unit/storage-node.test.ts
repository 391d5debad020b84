import { statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeStorage } from 'lading/storage/node';
import { describe, expect, it } from 'vitest';

describe('the estimate of a Node file system (contract 7.1)', () => {
  it('is what this process may still write, and says nothing of what others fill', async () => {
    const { freeBytes, ...rest } = await nodeStorage({ directory: tmpdir() }).estimate();
    const { bavail, blocks, bsize } = statfsSync(tmpdir());
    expect(rest).toEqual({});
    // Others write meanwhile: near enough is right.
    expect(Math.abs((freeBytes ?? Number.NaN) - bavail * bsize)).toBeLessThan(
      (blocks * bsize) / 10,
    );
  });

  it('is that of the nearest directory that is there', async () => {
    const directory = join(tmpdir(), 'not', 'made', 'yet');
    expect((await nodeStorage({ directory }).estimate()).freeBytes).toBeGreaterThan(0);
  });

  it.runIf(process.platform === 'linux')(
    'of a file system without sizes is nothing known (only Linux has such a one everywhere: /proc)',
    async () => {
      expect(await nodeStorage({ directory: '/proc' }).estimate()).toEqual({});
    },
  );
});
