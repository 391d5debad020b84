import { seededRandom, virtualClock } from 'lading/testing';
import { describe, expect, it } from 'vitest';
import { createBreaker, type RequestEnd } from '../../engine/scheduling/breaker.ts';

const FAILED: RequestEnd = { verdict: 'failed', restMs: 0 };
const ANSWERED: RequestEnd = { verdict: 'answered', restMs: 0 };
const NOTHING: RequestEnd = { verdict: 'nothing', restMs: 0 };

function one(jitter?: number) {
  const clock = virtualClock();
  let changes = 0;
  const random = seededRandom('breaker');
  const breaker = createBreaker({
    clock,
    random: jitter === undefined ? random : { ...random, next: () => jitter },
    onChange: () => {
      changes += 1;
    },
  });
  /** A request that ends at once. */
  const request = (end: RequestEnd, subject = 'a'): boolean => {
    const leave = breaker.enter(subject);
    leave?.(end);
    return leave !== undefined;
  };
  const fail = (count: number): void => {
    for (let n = 0; n < count; n++) request(FAILED, `file-${n % 2}`);
  };
  return { clock, breaker, request, fail, changes: () => changes };
}

describe('the circuit breaker of a host (contract 4.5, field case 28)', () => {
  it('opens after five failures in a row, and lets nothing through', () => {
    const { breaker, fail, request } = one();
    fail(4);
    expect(breaker.state).toBe('closed');
    fail(1);
    expect(breaker.state).toBe('open');
    expect(request(ANSWERED)).toBe(false);
  });

  it('counts failures in a row only: an answer between them begins anew', () => {
    const { breaker, fail, request } = one();
    fail(4);
    request(ANSWERED);
    fail(4);
    expect(breaker.state).toBe('closed');
  });

  it('does not open for one file that always fails: others must not wait for it (contract 4.6)', () => {
    const { breaker, request } = one();
    for (let n = 0; n < 50; n++) request(FAILED, 'poison');
    expect(breaker.state).toBe('closed');
  });

  it('is not impressed by requests that say nothing of the host', () => {
    const { breaker, request } = one();
    for (let n = 0; n < 50; n++) request(NOTHING, `file-${n}`);
    expect(breaker.state).toBe('closed');
  });

  it('rests 2.5 to 5 seconds at first, twice as long each time, and a minute at most', async () => {
    for (const jitter of [0, 0.999]) {
      const { clock, breaker, fail, request } = one(jitter);
      fail(5);
      const rests: number[] = [];
      for (let n = 0; n < 7; n++) {
        rests.push((breaker.until ?? 0) - clock.now());
        await clock.advanceBy(rests.at(-1) ?? 0);
        expect(breaker.state).toBe('half_open');
        request(FAILED);
      }
      const longest = [5, 10, 20, 40, 60, 60, 60].map((seconds) => seconds * 1_000);
      expect(rests).toEqual(longest.map((ms) => Math.ceil(ms * (0.5 + jitter / 2))));
    }
  });

  it('lets one request through when it has rested, and no second one beside it', async () => {
    const { clock, breaker, fail } = one();
    fail(5);
    await clock.advanceBy(5_000);
    const probe = breaker.enter('a');
    expect(probe).toBeDefined();
    expect(breaker.enter('b')).toBeUndefined();
    probe?.(ANSWERED);
    expect(breaker.state).toBe('closed');
    expect(breaker.enter('b')).toBeDefined();
  });

  it('lets another one through when the first said nothing', async () => {
    const { clock, breaker, fail, request } = one();
    fail(5);
    await clock.advanceBy(5_000);
    request(NOTHING);
    expect(breaker.state).toBe('half_open');
    expect(request(ANSWERED)).toBe(true);
    expect(breaker.state).toBe('closed');
  });

  it('is closed by the answer to a request that was under way when it opened', () => {
    const { breaker, fail } = one();
    const slow = breaker.enter('slow');
    fail(5);
    slow?.(ANSWERED);
    expect(breaker.state).toBe('closed');
  });

  it('rests as long as the host asks, at once, and a day at most (field case 29)', () => {
    const { clock, breaker, request } = one();
    request({ verdict: 'failed', restMs: 600_000 });
    expect(breaker.state).toBe('open');
    expect((breaker.until ?? 0) - clock.now()).toBe(600_000);
    const other = one();
    other.request({ verdict: 'failed', restMs: 1e15 });
    expect((other.breaker.until ?? 0) - other.clock.now()).toBe(86_400_000);
  });

  it('is not woken before that by a request that was under way, nor asked to rest shorter by one', () => {
    const { clock, breaker, request } = one();
    const [slow, other] = [breaker.enter('slow'), breaker.enter('other')];
    request({ verdict: 'failed', restMs: 600_000 });
    slow?.(ANSWERED);
    other?.({ verdict: 'failed', restMs: 1_000 });
    expect(breaker.state).toBe('open');
    expect((breaker.until ?? 0) - clock.now()).toBe(600_000);
  });

  it('lets one through at once when the network is back, unless the host asked to be left alone', () => {
    const failing = one();
    failing.fail(5);
    failing.breaker.letOneThrough(false);
    expect(failing.breaker.state).toBe('half_open');
    const asked = one();
    asked.request({ verdict: 'failed', restMs: 600_000 });
    asked.breaker.letOneThrough(false);
    expect(asked.breaker.state).toBe('open');
  });

  it('lets one through at once when somebody asks, whatever the host said', () => {
    const { breaker, request } = one();
    request({ verdict: 'failed', restMs: 600_000 });
    breaker.letOneThrough(true);
    expect(breaker.state).toBe('half_open');
    expect(request(ANSWERED)).toBe(true);
    expect(breaker.state).toBe('closed');
  });

  it('neither sleeps through a clock that jumps ahead, nor longer when it goes back (field case 44)', async () => {
    const ahead = one();
    ahead.request({ verdict: 'failed', restMs: 600_000 });
    ahead.clock.jump(3_600_000);
    expect(ahead.breaker.state).toBe('half_open');
    // It also notices by itself, within half a minute: nobody may ask for hours.
    const asleep = one();
    asleep.request({ verdict: 'failed', restMs: 36_000_000 });
    asleep.clock.jump(40_000_000);
    const before = asleep.changes();
    await asleep.clock.advanceBy(30_000);
    expect(asleep.changes()).toBe(before + 1);
    const back = one();
    back.request({ verdict: 'failed', restMs: 600_000 });
    back.clock.jump(-3_600_000);
    await back.clock.advanceBy(600_000);
    expect(back.breaker.state).toBe('half_open');
  });

  it('names the end of its rest by the clock as it is, also when that went back', async () => {
    const { clock, breaker, request } = one();
    request({ verdict: 'failed', restMs: 600_000 });
    await clock.advanceBy(200_000);
    clock.jump(-5 * 86_400_000);
    const leftMs = (breaker.until ?? 0) - clock.now();
    expect(leftMs).toBeGreaterThan(400_000 - 1);
    expect(leftMs).toBeLessThanOrEqual(430_000); // it looked half a minute ago at most
    await clock.advanceBy(leftMs);
    expect(breaker.state).toBe('half_open');
  });

  it('asked to rest shorter when the clock was set back, rests no longer than before (field case 44)', () => {
    const { clock, breaker, request } = one();
    const other = breaker.enter('other');
    request({ verdict: 'failed', restMs: 600_000 });
    clock.jump(-365 * 86_400_000);
    other?.({ verdict: 'failed', restMs: 1_000 });
    expect((breaker.until ?? 0) - clock.now()).toBe(600_000);
  });

  it('tells that its rest is over within a minute after the clock jumped past its end', async () => {
    const { clock, request, changes } = one();
    request({ verdict: 'failed', restMs: 86_400_000 });
    clock.jump(86_400_000);
    await clock.advanceBy(60_000);
    expect(changes()).toBe(2);
  });

  it('is closed by the one that goes through when that goes on and on, and by nothing else that does', async () => {
    const { clock, breaker, fail } = one();
    breaker.enter('slow');
    fail(5);
    breaker.lasts();
    expect(breaker.state).toBe('open');
    await clock.advanceBy(5_000);
    breaker.enter('a');
    breaker.lasts();
    expect(breaker.state).toBe('closed');
  });

  it('is reset by a transfer that gets on, whatever becomes of it, and closed by the one that goes through to see', async () => {
    const { clock, breaker, fail } = one();
    fail(4);
    breaker.gotOn();
    fail(4);
    expect(breaker.state).toBe('closed');
    fail(1);
    expect(breaker.state).toBe('open');
    await clock.advanceBy(5_000);
    const leave = breaker.enter('a');
    breaker.gotOn();
    expect(breaker.state).toBe('closed');
    leave?.(NOTHING);
    expect(breaker.state).toBe('closed');
  });

  it('that rests since the host asked for it is not woken by a transfer that gets on', () => {
    const { breaker, request } = one();
    request({ verdict: 'failed', restMs: 600_000 });
    breaker.gotOn();
    expect(breaker.state).toBe('open');
  });

  it('tells each change once', async () => {
    const { clock, fail, request, changes } = one();
    fail(5);
    expect(changes()).toBe(1);
    await clock.advanceBy(5_000);
    expect(changes()).toBe(2);
    request(ANSWERED);
    expect(changes()).toBe(4); // a request is under way, and it was answered
  });
});
