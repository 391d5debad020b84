import { expect, it } from 'vitest';
import { type WeighedChunk, weigh } from './weight.ts';

/*
 * Gzipped (-9), minified, without xstate, with all other dependencies. The goal for what `lading` loads at once is
 * 30 KB (docs/decisions/0010-weight-of-the-core.md has the breakdown, and what the rest would take); until then each limit only goes
 * down, but for what a new promise of the core itself weighs: that is told there.
 */
const AT_ONCE_BYTES = {
  'index.ts': 36_500,
  'engine/host/index.ts': 15_000,
  'sync/index.ts': 12_000,
};

it.each(Object.entries(AT_ONCE_BYTES))(
  '%s loads at most %i bytes at once, gzipped, without XState',
  async (entry, limit) => {
    const chunks = await weigh(entry);
    process.stdout.write(`${entry}\n${table(chunks)}\n`);
    expect(total(chunks.filter(({ isEager }) => isEager))).toBeLessThanOrEqual(limit);
  },
  60_000,
);

it('what lading loads on demand is not among what it loads at once', async () => {
  const chunks = await weigh('index.ts');
  const atOnce = new Set(chunks.filter(({ isEager }) => isEager).flatMap(({ modules }) => modules));
  const parts = [
    'sync/open-sync.ts',
    'engine/lifecycle/capture.ts',
    'engine/lifecycle/services.ts',
    'engine/lifecycle/commands.ts',
    'engine/lifecycle/verify.ts',
    'persistence/migrations/0001-initial.ts',
  ];
  expect(parts.filter((path) => atOnce.has(path))).toEqual([]);
  const libraries = [...atOnce].filter((path) =>
    /valibot|fractional-indexing|file-type/.test(path),
  );
  expect(libraries).toEqual([]);
  expect(atOnce).toContain('engine/lifecycle/views.ts');
}, 60_000);

function table(chunks: readonly WeighedChunk[]): string {
  const rows = chunks
    .toSorted((a, b) => Number(b.isEager) - Number(a.isEager) || b.gzippedBytes - a.gzippedBytes)
    .map(({ name, isEager, minifiedBytes, gzippedBytes }) =>
      [
        (isEager ? 'at once' : 'on demand').padEnd(9),
        name.padEnd(24),
        String(minifiedBytes).padStart(8),
        String(gzippedBytes).padStart(7),
      ].join('  '),
    );
  return ['loaded     chunk                     minified  gzipped', ...rows].join('\n');
}

function total(chunks: readonly WeighedChunk[]): number {
  return chunks.reduce((sum, { gzippedBytes }) => sum + gzippedBytes, 0);
}
