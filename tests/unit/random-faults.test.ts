import {
  anyFault,
  describeFaults,
  type ProxyFault,
  passingAnswers,
  randomFaults,
} from 'lading/testing/proxy';
import { describe, expect, it } from 'vitest';

type Request = Parameters<ReturnType<typeof randomFaults>>[0];

function asked(key: string, method = 'PATCH', length = 10_000): Request {
  return { method, path: key, key, headers: { 'content-length': String(length) } };
}

describe('faults by chance', () => {
  it('are the same for the same seed, whatever else is under way', () => {
    const [one, other] = [randomFaults({ seed: 7 }), randomFaults({ seed: 7 })];
    const alone = Array.from({ length: 50 }, () => one(asked('a')));
    const among = Array.from({ length: 50 }, () => {
      other(asked('b'));
      other(asked('a', 'HEAD'));
      return other(asked('a'));
    });
    expect(among).toEqual(alone);
    const elsewhere = randomFaults({ seed: 8 });
    expect(Array.from({ length: 50 }, () => elsewhere(asked('a')))).not.toEqual(alone);
  });

  it('come as often as was asked for, and of every kind', () => {
    const all = drawn({ seed: 1, chance: 0.25 }, 4_000);
    const hit = all.filter((fault) => fault !== undefined);
    expect(hit.length / all.length).toBeCloseTo(0.25, 1);
    expect(new Set(hit.map(({ act }) => act))).toEqual(new Set(Object.keys(anyFault)));
    expect(drawn({ seed: 1, chance: 0 }, 100).filter((fault) => fault !== undefined)).toEqual([]);
    const only = drawn({ seed: 1, chance: 1, weights: { 'lose reply': 1 } }, 100);
    expect(only.every((fault) => fault?.act === 'lose reply')).toBe(true);
  });

  it('end within the body, or before the head where there is none', () => {
    const ends = (fault: ProxyFault | undefined): number | undefined =>
      fault !== undefined && 'afterBytes' in fault && fault.side === 'request'
        ? fault.afterBytes
        : undefined;
    const within = drawn({ seed: 2, chance: 1, weights: { cut: 1, reset: 1, stall: 1 } }, 500);
    const bytes = within.flatMap((fault) => ends(fault) ?? []);
    expect(Math.max(...bytes)).toBeLessThan(10_000);
    expect(new Set(bytes).size).toBeGreaterThan(100);
    const random = randomFaults({ seed: 2, chance: 1, weights: { cut: 1 } });
    const empty = Array.from({ length: 100 }, () => random(asked('a', 'HEAD', 0)));
    expect(empty.filter((fault) => ends(fault) !== undefined)).toEqual([]);
  });

  it('give no answer by default that only a person can do something about (contract 4.4)', () => {
    const statuses = new Set(passingAnswers.map(({ status }) => status));
    const passing = new Set([408, 425, 429, 500, 502, 503, 504]);
    expect([...statuses].filter((status) => !passing.has(status))).toEqual([]);
    const wanted = [{ weight: 1, status: 413 }];
    const refused = drawn({ seed: 3, chance: 1, weights: { answer: 1 }, answers: wanted }, 10);
    expect(refused.every((fault) => fault?.act === 'answer' && fault.status === 413)).toBe(true);
  });

  it('can be told in words', () => {
    expect(describeFaults({ cut: 37, 'lose reply': 1 })).toBe(
      '37 connections cut, 1 reply dropped',
    );
    expect(describeFaults({})).toBe('nothing went wrong');
  });
});

function drawn(options: Parameters<typeof randomFaults>[0], count: number) {
  const random = randomFaults(options);
  return Array.from({ length: count }, () => random(asked('a')));
}
