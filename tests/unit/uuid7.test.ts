import { seededRandom } from 'lading/testing';
import { v7 } from 'uuid';
import { expect, it } from 'vitest';
import { uuid7 } from '../../ports/uuid7.ts';

it('makes the ids that the uuid library makes of the same time and bytes (RFC 9562 5.7)', () => {
  const [mine, theirs] = [seededRandom('ids'), seededRandom('ids')];
  const times = [0, 1, 2 ** 32 - 1, 2 ** 32, 1_767_225_600_000, 2 ** 48 - 1];
  for (const msecs of times) {
    for (let round = 0; round < 50; round++) {
      expect(uuid7(msecs, mine)).toBe(v7({ msecs, random: theirs.bytes(16) }));
    }
  }
});
