import { describe, expect, it, vi } from 'vitest';
import { FAILING, failingLife } from './support/failing-lives.ts';

// A life is a second of work; a machine that does much else takes many times as long.
vi.setConfig({ testTimeout: 240_000 });

/** Lives of each kind. With many: `LADING_LIVES=200 npx vitest run model-based-tests/failing-lives.test.ts`. */
const LIVES = Number(process.env['LADING_LIVES'] ?? 4);
const FIRST = Number(process.env['LADING_FIRST_LIFE'] ?? 1);

describe.each(Object.keys(FAILING) as (keyof typeof FAILING)[])('%s', (what) => {
  it('fails once, for a while or for ever: no process ends, and all is well when it is', async () => {
    let failed = 0;
    for (let seed = FIRST; seed < FIRST + LIVES; seed++) {
      const life = await failingLife(what, seed);
      const { complaints, unheard } = life;
      expect({ complaints, unheard }, `life ${seed}`).toEqual({ complaints: [], unheard: [] });
      failed += life.failed;
    }
    // A life in which nothing fails proves nothing.
    expect(failed).toBeGreaterThan(LIVES);
  });
});
