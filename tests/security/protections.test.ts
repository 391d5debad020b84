import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { openWorkshop, ROOT, weakened } from './mutate.ts';
import { LINES, PROTECTIONS } from './protections.ts';

const DAY_MS = 86_400_000;
/** Other protections every day; `LADING_SEED` chooses a day again. `npm run protections` takes all. */
const SEED = process.env['LADING_SEED'] ?? String(Math.floor(Date.now() / DAY_MS));
const RUN = 2;

describe('contract 10: protections', () => {
  it('has one for every line of every clause', () => {
    const guarded = new Set(PROTECTIONS.map(({ clause, line }) => `${clause} ${line}`));
    const lines = Object.entries(LINES).flatMap(([clause, all]) =>
      all.map((line) => `${clause} ${line}`),
    );
    expect(lines.filter((line) => !guarded.has(line))).toEqual([]);
    expect([...guarded].filter((line) => !lines.includes(line))).toEqual([]);
  });

  it.each(PROTECTIONS)('can be taken out of $file: $find', (protection) => {
    const source = readFileSync(join(ROOT, protection.file), 'utf8');
    expect(weakened(source, protection)).not.toBe(source);
    expect(existsSync(join(ROOT, protection.test))).toBe(true);
  });

  it(`is missed by its test when it is gone (seed ${SEED})`, { timeout: 120_000 }, async () => {
    const random = seededRandom(`protections ${SEED}`);
    const workshop = openWorkshop();
    try {
      for (let run = 0; run < RUN; run++) {
        const protection = PROTECTIONS[Math.floor(random.next() * PROTECTIONS.length)];
        if (protection === undefined) throw new Error('there are no protections');
        const { failed, said } = await workshop.run(protection.test, protection);
        expect({ protection, failed, said }).toMatchObject({
          failed: expect.toSatisfy((n) => n > 0),
        });
      }
    } finally {
      workshop.dispose();
    }
  });
});
