import { describe, expect, it, vi } from 'vitest';
import { FAILING, failingLife } from './support/failing-lives.ts';

/** More of each kind: `LADING_LIVES=200 npx vitest run model-based-tests/failing-lives.test.ts`. */
const many = process.env['LADING_LIVES'];
const LIVES =
  many === undefined ? [1, 5, 13] : Array.from({ length: Number(many) }, (_, n) => n + 1);

// A life is a second of work; a machine that does much else takes many times as long.
vi.setConfig({ testTimeout: many === undefined ? 600_000 : 36_000_000 });

describe.each(Object.keys(FAILING) as (keyof typeof FAILING)[])('%s', (what) => {
  it('fails once, for a while or for ever: no process ends, and all is well when it is', async () => {
    let failed = 0;
    for (const seed of LIVES) {
      const life = await failingLife(what, seed);
      const { complaints, unheard } = life;
      expect({ complaints, unheard }, `life ${seed}`).toEqual({ complaints: [], unheard: [] });
      failed += life.failed;
    }
    // A life in which nothing fails proves nothing.
    expect(failed).toBeGreaterThan(LIVES.length);
  });
});
