import { expect, it, vi } from 'vitest';
import { day, type Failure } from './support/failing-day.ts';

/** One turn in so many is lived through. All: `LADING_TURNS=1 npx vitest run model-based-tests/failing-turns.test.ts`. */
const asked = process.env['LADING_TURNS'];
const EVERY = Number(asked ?? 211);

vi.setConfig({ testTimeout: asked === undefined ? 600_000 : 36_000_000 });

it.each([
  ['once', 1, 'io'],
  ['once, since another connection writes', 1, 'busy'],
  ['for a while', 60, 'io'],
  ['for ever', Number.POSITIVE_INFINITY, 'io'],
] as const)(
  'a database that fails %s, at whatever turn, ends no process and loses nothing',
  async (_how, times, error) => {
    const never: Failure = { from: Number.POSITIVE_INFINITY, times, error };
    const sound = await day(never);
    expect(sound.complaints).toEqual([]);
    const found: unknown[] = [];
    for (let from = 1; from <= sound.asked; from += EVERY) {
      const { complaints } = await day({ from, times, error });
      if (complaints.length > 0) found.push({ from, complaints });
    }
    expect(found).toEqual([]);
  },
);
