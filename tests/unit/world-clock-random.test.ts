import { describe, expect, it } from 'vitest';
import { sleep } from '../../ports/clock.ts';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { virtualClock } from '../../testing/world/virtual-clock.ts';

describe('virtual clock', () => {
  it('runs what is scheduled by due time, then by the order it was scheduled in', async () => {
    const clock = virtualClock();
    const ran: string[] = [];
    clock.schedule(20, () => ran.push('late'));
    clock.schedule(10, () => ran.push('first of two'));
    clock.schedule(10, () => ran.push('second of two'));
    clock.schedule(-5, () => ran.push('at once'));
    await clock.advanceTo(15);
    expect(ran).toEqual(['at once', 'first of two', 'second of two']);
    expect(clock.elapsedMs).toBe(15);
    expect(clock.nextDueMs()).toBe(20);
    expect(clock.pending).toBe(1);
  });

  it('never runs a cancelled call, also when it is cancelled by one due at the same moment', async () => {
    const clock = virtualClock();
    const ran: string[] = [];
    const cancels: (() => void)[] = [];
    clock.schedule(5, () => {
      ran.push('canceller');
      for (const cancel of cancels) cancel();
    });
    cancels.push(clock.schedule(5, () => ran.push('cancelled')));
    await clock.advanceBy(100);
    expect(ran).toEqual(['canceller']);
    expect(clock.pending).toBe(0);
  });

  it('drains all promise continuations of one call before the next one runs', async () => {
    const clock = virtualClock();
    const ran: string[] = [];
    const chain = async (): Promise<void> => {
      for (let turn = 0; turn < 50; turn++) await Promise.resolve();
      ran.push('continuation');
    };
    clock.schedule(1, () => void chain());
    clock.schedule(1, () => ran.push('next call'));
    await clock.advanceTo(1);
    expect(ran).toEqual(['continuation', 'next call']);
  });

  it('runs what a running call schedules in the same span, at its own moment', async () => {
    const clock = virtualClock({ startAt: 1_000 });
    const seen: number[] = [];
    const tick = (): void => {
      seen.push(clock.now());
      if (seen.length < 3) clock.schedule(10, tick);
    };
    clock.schedule(10, tick);
    await clock.advanceTo(25);
    expect(seen).toEqual([1_010, 1_020]);
    expect(clock.now()).toBe(1_025);
  });

  it('jumps the wall clock of one device without moving what is scheduled (field case 44)', async () => {
    const clock = virtualClock({ startAt: 0 });
    const phone = clock.device();
    const laptop = clock.device(3_600_000);
    let woken = false;
    const wait = async (): Promise<void> => {
      await sleep(phone, 1_000);
      woken = true;
    };
    const waiting = wait();
    phone.jump(-50_000);
    expect(phone.now()).toBe(-50_000);
    expect(laptop.now()).toBe(3_600_000);
    await clock.advanceTo(999);
    expect(woken).toBe(false);
    await clock.advanceTo(1_000);
    expect(woken).toBe(true);
    await waiting;
    expect(phone.now()).toBe(-49_000);
    expect(clock.now()).toBe(1_000);
  });

  it('says when a wait can never end, and stops a loop that reschedules itself', async () => {
    const clock = virtualClock();
    expect(await clock.runUntil(() => false)).toBe(false);
    const again = (): void => void clock.schedule(1, again);
    again();
    await expect(clock.runUntil(() => false, { maxRuns: 10 })).rejects.toThrow('10 scheduled');
  });

  it('orders simultaneous calls by chance when it is given one', async () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const clock = virtualClock({ tieBreak: seededRandom(seed) });
      const ran: string[] = [];
      for (const name of ['a', 'b', 'c']) clock.schedule(1, () => ran.push(name));
      await clock.advanceTo(1);
      orders.add(ran.join(''));
    }
    expect(orders.size).toBe(6);
  });
});

describe('seeded random', () => {
  it('gives the same draws for the same seed and others for another one', () => {
    expect(firstDraws(7)).toEqual(firstDraws(7));
    expect(firstDraws(7)).not.toEqual(firstDraws(8));
    expect(firstDraws(7)).not.toEqual(firstDraws('7'));
    expect(firstDraws(2 ** 53 - 1)).not.toEqual(firstDraws(2 ** 53 - 2));
  });

  it('forks streams that do not depend on what was drawn from the parent or a sibling', () => {
    const one = seededRandom(1);
    const other = seededRandom(1);
    one.next();
    one.fork('network').next();
    expect(one.fork('disk').next()).toBe(other.fork('disk').next());
    expect(one.fork('disk').next()).not.toBe(one.fork('network').next());
    expect(one.fork('a').fork('b').next()).not.toBe(one.fork('a/b').next());
  });

  it('is even enough to be called chance', () => {
    const random = seededRandom('even');
    const counts = Array.from({ length: 10 }, () => 0);
    for (let draw = 0; draw < 20_000; draw++) {
      const bucket = random.int(0, 9);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 2_000)).toBeLessThan(250);
    const bits = random
      .bytes(8_001)
      .reduce((sum, byte) => sum + byte.toString(2).split('1').length - 1, 0);
    expect(Math.abs(bits / (8_001 * 8) - 0.5)).toBeLessThan(0.01);
  });

  it('keeps its helpers within their bounds', () => {
    const random = seededRandom(3);
    expect(random.chance(0)).toBe(false);
    expect(random.chance(1)).toBe(true);
    expect(random.shuffle([1, 2, 3, 4]).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
    expect(new Set(Array.from({ length: 100 }, () => random.pick(['x', 'y'])))).toEqual(
      new Set(['x', 'y']),
    );
    expect(() => random.pick([])).toThrow(RangeError);
  });
});

function firstDraws(seed: number | string): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: 20 }, () => random.next());
}
