import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { weighLives } from '../support/log-size/lives.ts';

/** `npm run log-size -- 100000` prints it at the size. */
const LIVES = 300;

describe('the log of many lives after compaction (contract 5.5)', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lading-log-size-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('keeps less than a tenth of a purged attachment, in fewer than 400 bytes', async () => {
    const size = await weighLives(folder, 'purged', LIVES);
    expect(size).toMatchObject({ lives: LIVES, differences: 0 });
    expect(size.eachAfter).toBeLessThan(400);
    expect(size.eachAfter / size.eachBefore).toBeLessThan(0.1);
  }, 120_000);

  it('keeps of the log of a settled one what its state takes, and gives the rest back', async () => {
    const size = await weighLives(folder, 'settled', LIVES);
    expect(size).toMatchObject({ lives: LIVES, differences: 0 });
    expect(size.logEachAfter / size.logEachBefore).toBeLessThan(0.65);
    expect(size.bytesAfter / size.bytesBefore).toBeLessThan(0.75);
  }, 120_000);
});
