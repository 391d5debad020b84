import { type Scenario, type Simulation, simulate } from 'lading/testing';
import { describe, expect, it } from 'vitest';
import { type CarriedOptions, carriedDevices } from '../tests/support/carried-devices.ts';

const SEEDS = Number(process.env['LADING_RUNS'] ?? '1') * 10;

function live(seed: number, options: CarriedOptions): Promise<Simulation> {
  const { remote } = carriedDevices({ by: 's3', ...options });
  const scenario = (real: Scenario): Scenario => ({ ...real, remote });
  return simulate(seed, { scenario });
}

describe.each([
  ['that the operating system carries', true, 200],
  ['that nobody carries', false, 300],
])('uploads to S3 %s', (_, carries, from) => {
  it.each(Array.from({ length: SEEDS }, (_one, n) => n + from))(
    'keep every promise through a random life: seed %i',
    async (seed) => {
      expect((await live(seed, { carries })).failures).toEqual([]);
    },
    60_000,
  );

  it('live the same life from the same seed', async () => {
    const [one, other] = [await live(from, { carries }), await live(from, { carries })];
    expect(other.hash).toBe(one.hash);
    expect(one.requests).toBeGreaterThan(0);
  });
});
