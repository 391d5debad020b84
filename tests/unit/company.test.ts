import { virtualClock } from 'lading/testing';
import { describe, expect, it } from 'vitest';
import { createCompany } from '../../engine/scheduling/company.ts';

/** Who went on, in order, with the time. */
function gathering(most = 3) {
  const clock = virtualClock();
  const began = clock.now();
  const company = createCompany(clock, () => most);
  const gone: string[] = [];
  const join = (name: string, isAlone = false): void => {
    void company.join(isAlone).then(() => gone.push(`${name} after ${clock.now() - began} ms`));
  };
  return { clock, company, gone, join };
}

describe('results that wait for each other', () => {
  it('go on together as soon as as many have come as are awaited', async () => {
    const { clock, gone, join } = gathering();
    join('one');
    await clock.advanceBy(2);
    join('two');
    await clock.advanceBy(1);
    expect(gone).toEqual([]);
    join('three');
    await clock.advanceBy(0);
    expect(gone).toEqual(['one after 3 ms', 'two after 3 ms', 'three after 3 ms']);
  });

  it('wait 5 ms at most, counted from the first of them', async () => {
    const { clock, gone, join } = gathering();
    join('one');
    await clock.advanceBy(4);
    join('two');
    await clock.advanceBy(1);
    expect(gone).toEqual(['one after 5 ms', 'two after 5 ms']);
    join('three');
    await clock.advanceBy(4);
    expect(gone).toHaveLength(2);
    await clock.advanceBy(1);
    expect(gone.at(-1)).toBe('three after 10 ms');
  });

  it('wait no longer once nobody else is to come, or all is closed', async () => {
    const { clock, company, gone, join } = gathering();
    join('one');
    join('the last', true);
    await clock.advanceBy(0);
    expect(gone).toEqual(['one after 0 ms', 'the last after 0 ms']);
    join('two');
    company.close();
    join('three');
    await clock.advanceBy(0);
    expect(gone.slice(2)).toEqual(['two after 0 ms', 'three after 0 ms']);
  });
});
