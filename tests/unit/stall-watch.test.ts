import { describe, expect, it } from 'vitest';
import { watchStall } from '../../adapters/remotes/transport/stall.ts';
import { virtualClock } from '../../testing/world/virtual-clock.ts';

const STALL_MS = 30_000;

function watched(answerMs?: number) {
  const clock = virtualClock();
  const stalls: number[] = [];
  const watch = watchStall(clock, STALL_MS, () => stalls.push(clock.elapsedMs), answerMs);
  watch.alive();
  /** So many bytes at the end of each so many seconds. */
  const answer = async (bytes: number, everyMs: number, forMs: number): Promise<void> => {
    for (let ms = 0; ms < forMs; ms += everyMs) {
      await clock.advanceBy(everyMs);
      watch.answering(bytes);
    }
  };
  return { clock, watch, stalls, answer };
}

describe('the watch for stalls (field case 34)', () => {
  it('lets a body go on for as long as its bytes move', async () => {
    const { clock, watch, stalls } = watched();
    for (let times = 0; times < 100; times++) {
      await clock.advanceBy(STALL_MS - 1);
      watch.alive();
    }
    expect(stalls).toEqual([]);
    await clock.advanceBy(STALL_MS);
    expect(stalls).toEqual([100 * (STALL_MS - 1) + STALL_MS]);
    expect(clock.pending).toBe(0);
  });

  it('lets a slow answer go on that brings a byte a millisecond, and ends one that brings less', async () => {
    const slow = watched();
    await slow.answer(20_000, 20_000, 600_000);
    expect(slow.stalls).toEqual([]);
    slow.watch.stop();
    expect(slow.clock.pending).toBe(0);

    const slower = watched();
    await slower.answer(10_000, 20_000, 600_000);
    expect(slower.stalls).toHaveLength(1);
    // 30 s from its first byte on, and a millisecond for each byte that came till then, again and again.
    expect(slower.stalls[0]).toBeLessThan(100_000);
    expect(slower.clock.pending).toBe(0);
  });

  it('bears no silence within an answer, however much it has brought, and however long it may take', async () => {
    const { clock, watch, stalls } = watched(900_000);
    watch.answering(1_000_000);
    await clock.advanceBy(STALL_MS);
    expect(stalls).toEqual([STALL_MS]);
    expect(clock.pending).toBe(0);
  });

  it('counts the time of an answer from its first byte, not from that of one before', async () => {
    const { clock, watch, stalls, answer } = watched();
    for (let request = 0; request < 5; request++) {
      await answer(1, 10_000, 20_000);
      watch.alive(); // the next one
    }
    expect([clock.elapsedMs, stalls]).toEqual([100_000, []]);
  });
});
