import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { garbageFigures, garbageLine } from '../support/scale/garbage.ts';

/** The size is 200,000: `LADING_GARBAGE=200000 npx vitest run tests/integration/garbage-scale.test.ts`. */
const FILES = Number(process.env['LADING_GARBAGE'] ?? 5_000);

it(`a collection over ${FILES} files on a real disk frees what nobody knows, and lets others have their turns`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lading-garbage-'));
  try {
    const figures = await garbageFigures(folder, FILES);
    process.stdout.write(`${garbageLine(figures)}\n`);
    const { files, strays, marked, swept, filesLeft, turns } = figures;
    expect(files).toBe(FILES);
    expect(marked.counts).toEqual({ blob: { waits: strays } });
    expect(swept.counts).toEqual({ blob: { removed: strays } });
    expect(swept).toMatchObject({ bytesMissing: 0, problems: [], freed: { files: strays } });
    expect(filesLeft).toBe(FILES);
    // How long a slice takes is measured, not asserted; that there are many is not a matter of the machine.
    expect(turns).toBeGreaterThan((2 * FILES) / 256);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 1_200_000);
