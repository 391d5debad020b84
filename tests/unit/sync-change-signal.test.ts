import { describe, expect, it } from 'vitest';
import type { OwnerScope } from '../../machines/attachment/types.ts';
import type { ChangeSignal } from '../../ports/backend.ts';
import { silentLogger } from '../../ports/logger.ts';
import { createSyncLoop } from '../../sync/change-signal.ts';
import type { PullReport } from '../../sync/puller.ts';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { virtualClock } from '../../testing/world/virtual-clock.ts';
import { SQLITE } from '../support/failing-database.ts';

const p = { accountId: 'ann', projectId: 'p' };
const q = { accountId: 'ann', projectId: 'q' };

describe('sync loop', () => {
  it('makes one pass and only then listens, with one listener for each scope (contract 8)', async () => {
    const { loop, story, clock } = setup({ scopes: [p, q] });
    loop.start();
    loop.resume();
    await clock.advanceBy(10);
    expect(story.toSorted()).toEqual(['listen p', 'listen q', 'pull p', 'pull q']);
    expect(story.indexOf('listen p')).toBeGreaterThan(story.indexOf('pull p'));
    expect(loop.isIdle()).toBe(true);
  });

  it('pulls when the signal has moved, and not when it was answered already', async () => {
    const { loop, story, clock, tell } = setup({ seen: 3 });
    loop.start();
    await clock.advanceBy(10);
    for (const seq of [3, 4, 4, 4, 2]) {
      tell({ seq, changedAt: 0 });
      await clock.advanceBy(10);
    }
    expect(story).toEqual(['pull p', 'listen p', 'pull p for 4', 'pull p for 2']);
  });

  it('makes one more pass of all signals that are seen while it pulls', async () => {
    const { loop, story, clock, tell } = setup({ pullMs: 1_000 });
    loop.start();
    await clock.advanceBy(1_000);
    tell({ seq: 1, changedAt: 0 });
    await clock.advanceBy(100);
    for (const seq of [2, 3, 4]) tell({ seq, changedAt: 0 });
    expect(loop.isIdle()).toBe(false);
    await clock.advanceBy(10_000);
    expect(story).toEqual(['pull p', 'listen p', 'pull p for 1', 'pull p for 4']);
    expect(loop.isIdle()).toBe(true);
  });

  it('hears nothing in the background, and makes one pass before it listens again', async () => {
    const { loop, story, clock, tell, listeners } = setup();
    loop.start();
    await clock.advanceBy(10);
    loop.suspend();
    expect(listeners()).toBe(0);
    tell({ seq: 9, changedAt: 0 });
    await clock.advanceBy(3_600_000);
    expect(story).toEqual(['pull p', 'listen p', 'cancel p']);
    loop.resume();
    await clock.advanceBy(10);
    expect(story.slice(3)).toEqual(['pull p', 'listen p']);
    expect(listeners()).toBe(1);
  });

  it('ends a pass that the background interrupts, and begins it anew on return', async () => {
    const { loop, story, clock, listeners } = setup({ pullMs: 1_000 });
    loop.start();
    await clock.advanceBy(500);
    loop.suspend();
    loop.resume();
    await clock.advanceBy(10_000);
    expect(story).toEqual(['pull p', 'aborted p', 'pull p', 'listen p']);
    expect(listeners()).toBe(1);
  });

  it('tries a failed pass again with backoff, and listens when one has succeeded', async () => {
    const { loop, story, clock } = setup({ failures: 3 });
    loop.start();
    await clock.advanceBy(60_000);
    expect(story).toEqual(['pull p', 'pull p', 'pull p', 'pull p', 'listen p']);
  });

  it('asks nobody while offline, and makes one pass when the network is back (contract 4.7)', async () => {
    const { loop, story, clock, setOnline } = setup({ online: false });
    loop.start();
    await clock.advanceBy(3_600_000);
    expect([story, loop.isIdle()]).toEqual([[], true]);
    setOnline(true);
    setOnline(true);
    await clock.advanceBy(10);
    expect(story).toEqual(['wake', 'pull p', 'listen p']);
  });

  it('looks again at what was held back, once ops of that scope were acknowledged', async () => {
    const { loop, story, clock, reports } = setup({ scopes: [p, q] });
    reports.push({ applied: 0, held: true });
    loop.start();
    await clock.advanceBy(10);
    story.length = 0;
    loop.settled({ scopes: [p, q], reset: [] });
    await clock.advanceBy(10);
    expect(story).toEqual(['pull p']);
    loop.settled({ scopes: [p, q], reset: [] });
    loop.settled({ scopes: [q], reset: [q] });
    await clock.advanceBy(10);
    expect(story).toEqual(['pull p', 'pull q']);
  });

  it('syncs on demand, also in the background, and says what it did', async () => {
    const { loop, story, clock, reports, listeners } = setup({ scopes: [p, q] });
    reports.push({ applied: 2, held: false }, { applied: 3, held: false });
    expect(await loop.now()).toEqual({ pushed: 1, refused: 0, pulled: 5, complete: true });
    await clock.advanceBy(10);
    expect(story).toEqual(['push', 'pull p', 'pull q']);
    expect(listeners()).toBe(0);
  });

  it('says when a sync on demand was not complete', async () => {
    const failing = setup({ failures: 1 });
    expect(await failing.loop.now()).toMatchObject({ pulled: 0, complete: false });
    const offline = setup({ online: false });
    expect(await offline.loop.now()).toMatchObject({ pulled: 0, complete: false });
  });

  it('looks again at held rows when what they wait for has ended, and at no other commit', async () => {
    const { loop, story, clock, commit } = setup();
    loop.start();
    await clock.advanceBy(10);
    story.length = 0;
    commit(false);
    await clock.advanceBy(10);
    expect(story).toEqual([]);
    commit(true);
    await clock.advanceBy(10);
    expect(story).toEqual(['pull p']);
    await loop.close();
    commit(true);
    await clock.advanceBy(10);
    expect(story).toEqual(['pull p', 'cancel p']);
  });

  it('does not go by a signal that cannot be read', async () => {
    const { loop, story, clock, tell } = setup();
    loop.start();
    await clock.advanceBy(10);
    for (const seq of [Number.NaN, -1, 'x']) tell({ seq: seq as number, changedAt: 0 });
    await clock.advanceBy(10);
    expect(story).toEqual(['pull p', 'listen p']);
  });

  it('makes a pass of a signal, and of a commit, that comes when the database cannot be read', async () => {
    const { loop, story, clock, tell, commit, fail } = setup({ scopes: [p, q], seen: 3 });
    loop.start();
    await clock.advanceBy(10);
    for (const news of [() => tell({ seq: 3, changedAt: 0 }), () => commit(false)]) {
      story.length = 0;
      fail(SQLITE.busy());
      expect(news).not.toThrow();
      await clock.advanceBy(10);
      fail(undefined);
      await clock.advanceBy(60_000);
      const pulled = new Set(story.map((line) => line.slice(0, 'pull p'.length)));
      expect(pulled).toEqual(new Set(['pull p', 'pull q']));
      expect(loop.isIdle()).toBe(true);
    }
    await loop.close();
  });

  it('is silent after close', async () => {
    const { loop, story, clock, tell, setOnline, listeners } = setup({ pullMs: 1_000 });
    loop.start();
    await clock.advanceBy(1_000);
    tell({ seq: 1, changedAt: 0 });
    await clock.advanceBy(10);
    await loop.close();
    story.length = 0;
    tell({ seq: 2, changedAt: 0 });
    setOnline(false);
    setOnline(true);
    loop.resume();
    expect(await loop.now()).toMatchObject({ complete: false });
    await clock.advanceBy(3_600_000);
    expect([story, listeners()]).toEqual([['push'], 0]);
  });
});

interface Options {
  readonly scopes?: readonly OwnerScope[];
  readonly online?: boolean;
  readonly pullMs?: number;
  readonly seen?: number;
  readonly failures?: number;
}

/** A loop over a pusher, a puller and a backend that only note what they are asked. */
function setup(options: Options = {}) {
  const clock = virtualClock();
  const story: string[] = [];
  const reports: PullReport[] = [];
  const listeners = new Map<string, (signal: ChangeSignal) => void>();
  const onNetwork = new Set<() => void>();
  let online = options.online ?? true;
  let failures = options.failures ?? 0;
  let seen = options.seen ?? 0;
  let isClosed = false;
  let goesOn = false;
  const onCommit = new Set<() => void>();
  let trouble: Error | undefined;
  const readable = <T>(value: T): T => {
    if (trouble !== undefined) throw trouble;
    return value;
  };
  const nameOf = (scope: OwnerScope): string => String(scope.projectId);

  const loop = createSyncLoop({
    createPusher: () => ({
      start() {},
      async push() {
        story.push('push');
        return { pushed: 1, refused: 0, complete: !isClosed };
      },
      wake: () => void story.push('wake'),
      pending: () => 0,
      idle: true,
      running: false,
      failing: false,
      async close() {
        isClosed = true;
      },
    }),
    puller: {
      async pull(scope, { signal, seenSeq }) {
        story.push(`pull ${nameOf(scope)}${seenSeq === undefined ? '' : ` for ${seenSeq}`}`);
        await new Promise<void>((resolve, reject) => {
          if (options.pullMs === undefined) return resolve();
          clock.schedule(options.pullMs, resolve);
          signal.addEventListener('abort', () => {
            story.push(`aborted ${nameOf(scope)}`);
            reject(signal.reason as Error);
          });
        });
        if (failures-- > 0) throw new Error('no way');
        seen = seenSeq ?? seen;
        return reports.shift() ?? { applied: 0, held: false };
      },
      seenSeq: () => readable(seen),
      canGoOn: () => readable(goesOn),
    },
    backend: {
      listen(scope, listener) {
        story.push(`listen ${nameOf(scope)}`);
        listeners.set(nameOf(scope), listener);
        return () => {
          story.push(`cancel ${nameOf(scope)}`);
          listeners.delete(nameOf(scope));
        };
      },
    },
    scopes: options.scopes ?? [p],
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    isOnline: () => online,
    onOnline(listener) {
      onNetwork.add(listener);
      return () => void onNetwork.delete(listener);
    },
    onCommit(listener) {
      onCommit.add(listener);
      return () => void onCommit.delete(listener);
    },
  });
  return {
    loop,
    story,
    clock,
    reports,
    listeners: () => listeners.size,
    tell: (signal: ChangeSignal) => {
      for (const listener of listeners.values()) listener(signal);
    },
    /** From now on the database cannot be read. */
    fail: (error: Error | undefined): void => {
      trouble = error;
    },
    /** Something is committed; what held rows wait for has ended, or not. */
    commit: (ended: boolean): void => {
      goesOn = ended;
      for (const listener of onCommit) listener();
      goesOn = false;
    },
    setOnline: (next: boolean) => {
      online = next;
      for (const listener of onNetwork) listener();
    },
  };
}
