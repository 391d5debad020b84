import type { LadingOptions } from 'lading';
import { describe, expect, it } from 'vitest';
import { captureMany, shows, world } from '../support/lading-world.ts';

const THROWS = [
  [
    'throws',
    (): never => {
      throw new Error('of the app');
    },
  ],
  ['rejects', (): Promise<never> => Promise.reject(new Error('of the app'))],
] as const;

describe.each(THROWS)('what the app gives, and %s,', (_how, fails) => {
  it('is no failure of what was logged about: a logger', async () => {
    const phone = world();
    const logger: LadingOptions['logger'] = {
      debug: fails,
      info: fails,
      warn: fails,
      error: fails,
    };
    const lading = await phone.open({ logger });
    const [id = ''] = await captureMany(phone, lading, 1);
    await phone.pass(60_000);
    expect(shows(lading.view(id))).toBe('uploaded');
    await phone.until(lading.close());
  });
});
