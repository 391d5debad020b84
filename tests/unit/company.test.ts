import type { Clock } from 'lading';
import { virtualClock } from 'lading/testing';
import { describe, expect, it } from 'vitest';
import { createCompany } from '../../engine/scheduling/company.ts';

/** Who went on, in order, with the time. @param heldBackMs timers take as long at least, as in a hidden tab. */
function gathering(most = 3, heldBackMs = 0) {
  const clock = virtualClock();
  const began = clock.now();
  const around = { isAlone: false, heldBackMs };
  const timers: Clock = {
    now: () => clock.now(),
    schedule: (ms, run) => clock.schedule(Math.max(ms, around.heldBackMs), run),
  };
  const company = createCompany(
    timers,
    () => most,
    () => !around.isAlone,
  );
  const gone: string[] = [];
  const join = (name: string, isAlone = false): void => {
    around.isAlone = isAlone;
    void company.join().then(() => gone.push(`${name} after ${clock.now() - began} ms`));
  };
  return { clock, company, gone, join, around };
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

  it('go on as soon as the one for whom they wait does not come, without a timer', async () => {
    const { around, clock, company, gone, join } = gathering(3, 60_000);
    join('one');
    await clock.advanceBy(2);
    company.look();
    await clock.advanceBy(1);
    expect(gone).toEqual([]);
    around.isAlone = true;
    company.look();
    await clock.advanceBy(0);
    expect(gone).toEqual(['one after 3 ms']);
    expect(clock.pending).toBe(0);
  });

  it('wait for no timer that is held back, once that is known, until one comes in time again', async () => {
    const { around, clock, gone, join } = gathering(3, 1_000);
    join('one');
    await clock.advanceBy(1_000);
    join('two');
    await clock.advanceBy(10);
    join('three');
    await clock.advanceBy(0);
    const held = ['one after 1000 ms', 'two after 1000 ms', 'three after 1010 ms'];
    expect(gone).toEqual(held);
    around.heldBackMs = 0;
    await clock.advanceBy(1_000); // the last one that was held back
    join('four');
    await clock.advanceBy(5);
    join('five');
    await clock.advanceBy(4);
    expect(gone).toEqual([...held, 'four after 2010 ms']);
    await clock.advanceBy(1);
    expect(gone.at(-1)).toBe('five after 2020 ms');
  });

  it('see that it is held back by whatever moves meanwhile', async () => {
    const { clock, company, gone, join } = gathering(3, 60_000);
    join('one');
    await clock.advanceBy(51);
    company.look();
    join('two');
    await clock.advanceBy(0);
    expect(gone).toEqual(['one after 51 ms', 'two after 51 ms']);
    company.close();
    expect(clock.pending).toBe(0);
  });
});
