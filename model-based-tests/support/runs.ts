/**
 * How a property is run: `LADING_RUNS` multiplies the number of runs (1 is what CI does), `LADING_SEED` sets the seed,
 * or `random` draws one. The seed stands in the test's title; a failure prints seed and path for a replay.
 */
export function runParameters(numRuns: number): {
  readonly numRuns: number;
  readonly seed: number;
} {
  const wanted = process.env['LADING_SEED'] ?? '20260101';
  const seed = wanted === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(wanted);
  const factor = Number(process.env['LADING_RUNS'] ?? '1');
  if (!Number.isSafeInteger(seed) || !(factor > 0)) {
    throw new TypeError('LADING_SEED must be a whole number or "random", LADING_RUNS a number');
  }
  return { numRuns: Math.max(1, Math.round(numRuns * factor)), seed };
}
