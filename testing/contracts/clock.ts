import { expect } from 'vitest';
import type { Clock } from '../../ports/clock.ts';
import { type ContractCase, type ContractSetup, describeContract } from './contract.ts';

export interface ClockSetup extends ContractSetup {
  readonly clock: Clock;
  /** Lets that much time pass and whatever falls due in it run: by fake timers or virtual time, never by waiting. */
  readonly pass: (ms: number) => Promise<void>;
}

/** What every {@link Clock} keeps: see {@link clockCases}. */
export function describeClock(name: string, setup: () => Promise<ClockSetup>): void {
  describeContract(`clock contract: ${name}`, clockCases, setup);
}

/** One by one; {@link describeClock} makes tests of them. */
export const clockCases: readonly ContractCase<ClockSetup>[] = [
  {
    title: 'says milliseconds since 1970, which move as time passes',
    async run({ clock, pass }) {
      const before = clock.now();
      expect(before).toBeGreaterThan(Date.UTC(2020, 0));
      expect(before).toBeLessThan(Date.UTC(2100, 0));
      await pass(1_500);
      expect(clock.now() - before).toBeGreaterThanOrEqual(1_500);
    },
  },
  {
    title: 'calls after the delay, and not before',
    async run({ clock, pass }) {
      const calls = counter();
      clock.schedule(1_000, calls.call);
      await pass(990);
      expect(calls.count).toBe(0);
      await pass(20);
      expect(calls.count).toBe(1);
    },
  },
  {
    title: 'calls once only',
    async run({ clock, pass }) {
      const calls = counter();
      clock.schedule(10, calls.call);
      await pass(10_000);
      expect(calls.count).toBe(1);
    },
  },
  {
    title: 'never calls within schedule itself, without a delay neither',
    async run({ clock, pass }) {
      const calls = counter();
      for (const delayMs of [0, -5]) clock.schedule(delayMs, calls.call);
      expect(calls.count).toBe(0);
      await pass(1);
      expect(calls.count).toBe(2);
    },
  },
  {
    title: 'lets promises settle before it calls, without a delay neither',
    async run({ clock, pass }) {
      const order: string[] = [];
      clock.schedule(0, () => order.push('scheduled'));
      void Promise.resolve().then(() => order.push('promise'));
      await pass(1);
      expect(order).toEqual(['promise', 'scheduled']);
    },
  },
  {
    title: 'calls in the order in which things fall due',
    async run({ clock, pass }) {
      const order: number[] = [];
      for (const delayMs of [300, 100, 200]) clock.schedule(delayMs, () => order.push(delayMs));
      await pass(400);
      expect(order).toEqual([100, 200, 300]);
    },
  },
  {
    title: 'does not call what was cancelled, and takes a second cancel without harm',
    async run({ clock, pass }) {
      const [stopped, other] = [counter(), counter()];
      const cancels = [0, 50].map((delayMs) => clock.schedule(delayMs, stopped.call));
      clock.schedule(50, other.call);
      for (const cancel of [...cancels, ...cancels]) cancel();
      await pass(100);
      expect([stopped.count, other.count]).toEqual([0, 1]);
    },
  },
  {
    title: 'takes a cancel after the call without harm to others',
    async run({ clock, pass }) {
      const [first, second] = [counter(), counter()];
      const cancel = clock.schedule(10, first.call);
      await pass(20);
      clock.schedule(10, second.call);
      cancel();
      await pass(20);
      expect([first.count, second.count]).toEqual([1, 1]);
    },
  },
  {
    title: 'lets a call schedule the next one',
    async run({ clock, pass }) {
      const calls = counter();
      clock.schedule(10, () => clock.schedule(10, calls.call));
      await pass(15);
      expect(calls.count).toBe(0);
      await pass(10);
      expect(calls.count).toBe(1);
    },
  },
  {
    title: 'does not call at once for a delay that is longer than timers take',
    async run({ clock, pass }) {
      const calls = counter();
      const cancel = clock.schedule(40 * 86_400_000, calls.call);
      await pass(60_000);
      expect(calls.count).toBe(0);
      cancel();
    },
  },
];

function counter() {
  const calls = { count: 0, call: (): void => {} };
  calls.call = () => {
    calls.count += 1;
  };
  return calls;
}
