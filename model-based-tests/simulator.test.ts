import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { oracles, simulate } from 'lading/testing';
import { describe, expect, it, vi } from 'vitest';

const run = promisify(execFile);
const cli = fileURLToPath(new URL('../testing/cli/simulate.ts', import.meta.url));
/** Batches, so that a failure is seen early. */
const BATCH = 10;

// A life is a second of work; a machine that does much else takes many times as long.
vi.setConfig({ testTimeout: 240_000 });

describe('simulated lives', () => {
  for (const from of [1, 11, 21, 31]) {
    it(`end with every oracle content: seeds ${from} to ${from + BATCH - 1}`, async () => {
      const lived = { captures: 0, crashes: 0, powerCuts: 0, requests: 0 };
      for (let seed = from; seed < from + BATCH; seed++) {
        const result = await simulate(seed);
        const { failures } = result;
        expect({ seed, failures, replay: replayOf(seed) }).toMatchObject({ failures: [] });
        for (const name of Object.keys(lived) as (keyof typeof lived)[]) {
          lived[name] += result[name];
        }
      }
      // A life in which nothing happens proves nothing.
      expect(lived.captures).toBeGreaterThan(BATCH);
      expect(lived.crashes + lived.powerCuts).toBeGreaterThan(3);
      expect(lived.requests).toBeGreaterThan(100);
    });
  }

  it('is the same life for the same seed, in another process too', async () => {
    const { hash } = await simulate(4);
    expect((await simulate(4)).hash).toBe(hash);
    expect((await simulate(5)).hash).not.toBe(hash);
    const { stdout } = await run(process.execPath, [cli, '--seed', '4']);
    expect(stdout).toContain(hash.slice(0, 16));
  });

  it('has the promise of each oracle in words', () => {
    const names = oracles.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name.split(' ').length).toBeGreaterThan(3);
  });
});

function replayOf(seed: number): string {
  return `npm run simulate -- --seed ${seed} --verbose`;
}
