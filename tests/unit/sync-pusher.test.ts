import { describe, expect, it } from 'vitest';
import type { PushedOp } from '../../ports/backend.ts';
import {
  applied,
  jsonOwner,
  media,
  pushes,
  refused,
  saying,
  syncParts,
} from '../support/sync-parts.ts';

const said = (requests: readonly (readonly PushedOp[])[]): readonly string[] =>
  requests.map((ops) => ops.map(saying).join(', '));

describe('pusher', () => {
  it('pushes what is due in the order written, a batch at a time, until nothing is left', async () => {
    const parts = await syncParts();
    for (const n of [3, 1, 2]) await parts.captured(n);
    const backend = pushes(applied);
    const pusher = parts.pusher({ backend, batch: 2 });
    expect(pusher.pending()).toBe(3);
    expect(await parts.until(pusher.push())).toEqual({ pushed: 3, refused: 0, complete: true });
    expect(said(backend.requests)).toEqual(['put 3, put 1', 'put 2']);
    expect(pusher.pending()).toBe(0);
  });

  it('is woken by a commit, and by the end of a removal’s undo time (contract 5.2)', async () => {
    const parts = await syncParts();
    const backend = pushes(applied);
    const pusher = parts.pusher({ backend });
    pusher.start();
    await parts.captured(1);
    await parts.clock.advanceBy(10);
    await parts.unlinked(1);
    await parts.clock.advanceBy(29_000);
    expect(said(backend.requests)).toEqual(['put 1']);
    expect(pusher.idle).toBe(true);
    await parts.clock.advanceBy(2_000);
    expect(said(backend.requests)).toEqual(['put 1', 'delete 1']);
    await pusher.close();
  });

  it('never tells of a removal that was undone in time', async () => {
    const parts = await syncParts();
    const backend = pushes(applied);
    const pusher = parts.pusher({ backend });
    pusher.start();
    await parts.captured(1);
    await parts.clock.advanceBy(10);
    await parts.unlinked(1);
    await parts.clock.advanceBy(10_000);
    await parts.send(1, {
      type: 'ref.undone',
      owner: jsonOwner(),
    });
    await parts.clock.advanceBy(120_000);
    expect(said(backend.requests)).toEqual(['put 1', 'put 1']);
    // The backend was never told: a tombstone that it has is another device's, and must win.
    expect(backend.requests[1]?.[0]?.op).not.toHaveProperty('restore');
    await pusher.close();
  });

  it('tells of a held-back removal when the clock that wrote it is set right', async () => {
    const parts = await syncParts();
    const backend = pushes(applied);
    const pusher = parts.pusher({ backend });
    pusher.start();
    await parts.captured(1);
    parts.clock.jump(3_600_000);
    await parts.unlinked(1);
    parts.clock.jump(-3_600_000);
    await parts.clock.advanceBy(60_000);
    expect(said(backend.requests)).toEqual(['put 1', 'delete 1']);
    await pusher.close();
  });

  it('puts off an op that the backend cannot take, so that the others go, and keeps the order of its ref (contract 4.6)', async () => {
    const parts = await syncParts();
    let broken = true;
    const backend = pushes((ops) => {
      if (broken && ops.some(({ opId }) => opId.includes(media(1)))) {
        throw new Error('500');
      }
      return applied(ops);
    });
    const pusher = parts.pusher({ backend });
    pusher.start();
    await parts.captured(1);
    await parts.captured(2);
    await parts.captured(3);
    await parts.clock.advanceBy(1_800_000);
    expect(pusher.pending()).toBe(1);
    await parts.captured(4);
    await parts.clock.advanceBy(1_800_000);
    expect(pusher.pending()).toBe(1);
    await parts.unlinked(1);

    broken = false;
    await parts.clock.advanceBy(7 * 3_600_000);
    expect(pusher.pending()).toBe(0);
    expect(said(backend.requests).slice(-2)).toEqual(['put 1', 'delete 1']);
    await pusher.close();
  });

  it('does not hammer a backend that is down, and gives it all soon after it is back', async () => {
    const parts = await syncParts();
    let down = true;
    const backend = pushes((ops) => {
      if (down) throw new Error('503');
      return applied(ops);
    });
    const pusher = parts.pusher({ backend });
    pusher.start();
    for (let n = 1; n <= 100; n++) await parts.captured(n);
    await parts.clock.advanceBy(3_600_000);
    // Backoff of 60 s with full jitter: two a minute on average, and never one at once after the other for each op.
    expect(backend.requests.length).toBeLessThan(200);
    down = false;
    await parts.clock.advanceBy(45 * 60_000);
    expect(pusher.pending()).toBe(0);
    await pusher.close();
  });

  it('settles nothing when a push fails, and tries again: 2, 4, 8 … 60 s at most (contract 4.5)', async () => {
    const parts = await syncParts();
    await parts.captured(1);
    const times: number[] = [];
    const backend = pushes(() => {
      times.push(parts.clock.elapsedMs);
      throw new Error('connection lost');
    });
    const almostOne = { ...parts.random, next: () => 1 - 2 ** -30 };
    const pusher = parts.pusher({ backend, random: almostOne });
    pusher.start();
    await parts.clock.advanceBy(200_000);
    expect(
      times.map((time, index) => Math.round((time - (times[index - 1] ?? time)) / 1_000)),
    ).toEqual([0, 2, 4, 8, 16, 32, 60, 60]);
    expect(pusher.pending()).toBe(1);
    expect(pusher.idle).toBe(true);
    await pusher.close();
  });

  it('asks nobody while offline, and at once when the network is back (field case 27)', async () => {
    const parts = await syncParts();
    await parts.captured(1);
    let online = false;
    const backend = pushes(applied);
    const pusher = parts.pusher({ backend, isOnline: () => online });
    pusher.start();
    await parts.clock.advanceBy(3_600_000);
    expect(await parts.until(pusher.push())).toEqual({ pushed: 0, refused: 0, complete: false });
    expect(backend.requests).toEqual([]);
    online = true;
    pusher.wake();
    await parts.clock.advanceBy(10);
    expect(said(backend.requests)).toEqual(['put 1']);
    await pusher.close();
  });

  it('sends an op whose reply was lost again, in front of what came later (field case 19)', async () => {
    const parts = await syncParts();
    await parts.captured(1);
    const backend = pushes((ops, call) => {
      if (call === 1) throw new Error('reply lost');
      return ops.map(({ opId }, index) => ({
        opId,
        status: index === 0 ? 'duplicate' : 'applied',
      }));
    });
    const pusher = parts.pusher({ backend });
    await parts.until(pusher.push());
    await parts.moved(1, 'a1');
    expect(await parts.until(pusher.push())).toEqual({ pushed: 2, refused: 0, complete: true });
    expect(said(backend.requests)).toEqual(['put 1', 'put 1, put 1']);
    expect(backend.requests[1]?.[0]).toEqual(backend.requests[0]?.[0]);
  });

  const opIdOf = (ops: readonly PushedOp[], index: number): string => ops[index]?.opId ?? '';
  it.each<[string, (ops: readonly PushedOp[]) => unknown]>([
    ['nothing', () => undefined],
    ['a page of a captive portal', () => '<html>'],
    ['too few results', (ops) => applied(ops).slice(1)],
    ['too many results', (ops) => [...applied(ops), ...applied(ops)]],
    ['one result twice', (ops) => [applied(ops)[0], applied(ops)[0]]],
    [
      'an op that nobody sent',
      (ops) => [...applied(ops).slice(1), { opId: 'x', status: 'applied' }],
    ],
    ['an unknown status', (ops) => ops.map(({ opId }) => ({ opId, status: 'fine' }))],
    [
      'a refusal without a reason',
      (ops) => [...applied(ops).slice(1), { opId: opIdOf(ops, 0), status: 'refused' }],
    ],
  ])('takes %s for no answer: nothing is settled (field case 36)', async (_what, answer) => {
    const parts = await syncParts();
    await parts.captured(1);
    await parts.captured(2);
    const pusher = parts.pusher({ backend: pushes(answer) });
    expect(await parts.until(pusher.push())).toEqual({ pushed: 0, refused: 0, complete: false });
    expect(pusher.pending()).toBe(2);
  });

  it('lets the tombstone win when another device deleted the ref (field case 56)', async () => {
    const parts = await syncParts();
    await parts.captured(1);
    const pusher = parts.pusher({ backend: pushes(refused('ref_deleted')) });
    expect(await parts.until(pusher.push())).toEqual({ pushed: 0, refused: 1, complete: true });
    expect(parts.log(1)).toEqual(['attachment.created', 'ref.linked', 'ref.tombstoned']);
    expect([parts.refs(), pusher.pending()]).toEqual([[], 0]);
  });

  it('brings any other refusal to the attachment, and pulls its scope from the beginning (contract 3.5)', async () => {
    const parts = await syncParts();
    await parts.captured(1);
    await parts.until(
      parts.events.transact((tx) =>
        parts.cursors.save(tx, 'ann', '["ann","p"]', { updatedAt: 5, id: 'x' }, 7),
      ),
    );
    const resets: unknown[] = [];
    const pusher = parts.pusher({
      backend: pushes(refused('ref_conflict')),
      onSettled: ({ reset }) => resets.push(...reset),
    });
    await parts.until(pusher.push());
    expect(parts.state(1)?.context).toMatchObject({
      fault: { class: 'backend', code: 'ref_conflict', message: 'because of ref_conflict' },
    });
    expect(parts.place().cursor).toBe(null);
    expect(resets).toEqual([{ accountId: 'ann', projectId: 'p' }]);
    expect(parts.logged.map(({ message }) => message)).toContain('the backend refused an op');
  });

  it('does not mind a refusal when a later op of the same ref was answered', async () => {
    const parts = await syncParts();
    await parts.captured(1);
    await parts.moved(1, 'a1');
    const pusher = parts.pusher({
      backend: pushes((ops) => [
        ...refused('ref_deleted')(ops.slice(0, 1)),
        ...applied(ops.slice(1)),
      ]),
    });
    expect(await parts.until(pusher.push())).toEqual({ pushed: 1, refused: 1, complete: true });
    expect(parts.refs()).toHaveLength(1);
  });

  it('does not mind a refusal while a later op of the same ref waits', async () => {
    const parts = await syncParts();
    await parts.captured(1);
    const backend = pushes(async (ops, call) => {
      if (call > 1) return applied(ops);
      await parts.moved(1, 'a1');
      return refused('ref_deleted')(ops);
    });
    const pusher = parts.pusher({ backend });
    expect(await parts.until(pusher.push())).toEqual({ pushed: 1, refused: 1, complete: true });
    expect(parts.refs()).toHaveLength(1);
  });

  it('tells an attachment of a refusal once though two runners hear it (contract 4.3)', async () => {
    const parts = await syncParts();
    await parts.captured(1);
    const slow = parts.pusher({
      backend: pushes(async (ops, call) => {
        await new Promise<void>((resolve) => void parts.clock.schedule(1_000, resolve));
        return call === 1 ? refused('ref_deleted')(ops) : applied(ops);
      }),
    });
    const pushing = slow.push();
    await parts.clock.advanceBy(10);
    await parts.until(parts.pusher({ backend: pushes(refused('ref_deleted')) }).push());
    await parts.send(1, {
      type: 'ref.linked',
      owner: jsonOwner(),
      rank: 'a0',
      isPrimary: false,
    });
    // The other runner has brought the new op to the backend too when the old answer comes.
    await parts.until(parts.pusher({ backend: pushes(applied) }).push());
    await parts.until(pushing);
    expect(parts.log(1).filter((type) => type === 'ref.tombstoned')).toHaveLength(1);
    expect(parts.refs()).toHaveLength(1);
  });

  it.each([1, 2, 3, 4, 5])(
    'changes nothing by an answer that is %i turns ahead of close',
    async (turns) => {
      const parts = await syncParts();
      await parts.captured(1);
      let answer = (): void => {};
      const pusher = parts.pusher({
        backend: {
          push: (ops) =>
            new Promise((resolve) => {
              answer = () => resolve(refused('ref_conflict')(ops));
            }),
        },
      });
      const pushing = pusher.push();
      await parts.clock.settle();
      answer();
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      const closing = pusher.close();
      await parts.until(closing);
      const settled = (await pushing).refused;
      // Either the answer was taken as a whole, or nothing of it.
      expect([parts.pending(), parts.log(1).length]).toEqual(settled === 1 ? [0, 3] : [1, 2]);
      await parts.clock.advanceBy(600_000);
      expect(parts.pending()).toBe(1 - settled);
    },
  );

  it('changes nothing by an answer that arrives after close', async () => {
    const parts = await syncParts();
    await parts.captured(1);
    let answer = (): void => {};
    const pusher = parts.pusher({
      backend: pushes(async (ops) => {
        await new Promise<void>((resolve) => {
          answer = resolve;
        });
        return refused('ref_conflict')(ops);
      }),
    });
    const pushing = pusher.push();
    await parts.clock.settle();
    await parts.until(pusher.close());
    answer();
    expect(await parts.until(pushing)).toEqual({ pushed: 0, refused: 0, complete: false });
    await parts.clock.advanceBy(600_000);
    expect([parts.pending(), parts.log(1)]).toEqual([1, ['attachment.created', 'ref.linked']]);
    expect(await pusher.push()).toEqual({ pushed: 0, refused: 0, complete: false });
  });

  it('gives up on a request that never ends, and asks again (field case 34)', async () => {
    const parts = await syncParts();
    await parts.captured(1);
    const backend = pushes((ops, call) => (call === 1 ? new Promise(() => {}) : applied(ops)));
    const pusher = parts.pusher({ backend });
    pusher.start();
    await parts.clock.advanceBy(59_000);
    expect(pusher.pending()).toBe(1);
    await parts.clock.advanceBy(4_000);
    expect(pusher.pending()).toBe(0);
    await pusher.close();
  });

  it('asks for less after failures, in case it is the size that fails', async () => {
    const parts = await syncParts();
    for (let n = 1; n <= 8; n++) await parts.captured(n);
    const backend = pushes((ops) => {
      if (ops.length > 2) throw new Error('413');
      return applied(ops);
    });
    const pusher = parts.pusher({ backend, batch: 8 });
    pusher.start();
    await parts.clock.advanceBy(60_000);
    expect(pusher.pending()).toBe(0);
    await pusher.close();
  });

  it('does not let one attachment hold up the answers of the others (contract 4.6)', async () => {
    let isBroken = false;
    const parts = await syncParts({
      project(_tx, _owner, refs) {
        if (isBroken && !refs.some(({ mediaId }) => mediaId === media(2)))
          throw new Error('app bug');
      },
    });
    for (const n of [1, 2, 3]) await parts.captured(n);
    isBroken = true;
    const pusher = parts.pusher({ backend: pushes(refused('ref_deleted')) });
    expect(await parts.until(pusher.push())).toEqual({ pushed: 0, refused: 3, complete: true });
    expect(pusher.pending()).toBe(0);
    expect(parts.refs().map(({ mediaId }) => mediaId)).toEqual([media(2)]);
  });
});
