import { describe, expect, it } from 'vitest';
import type { RefDelta } from '../../ports/backend.ts';
import {
  applied,
  delta,
  media,
  never,
  owner,
  pagesOf,
  pushes,
  scope,
  syncParts,
} from '../support/sync-parts.ts';

const signal = never;

describe('puller', () => {
  it('learns of attachments from elsewhere, in order, and tells the backend nothing of them', async () => {
    const parts = await syncParts();
    const rows = [
      delta(1, 10, { rank: 'a1', isPrimary: true }),
      delta(2, 11, { rank: 'a0', url: `offline://${media(2)}` }),
    ];
    const puller = parts.puller({ backend: pagesOf(() => rows) });
    expect(await parts.until(puller.pull(scope, { signal }))).toEqual({ applied: 2, held: false });
    expect(parts.refs().map(({ ref }) => [ref.mediaId, ref.url, ref.isPrimary])).toEqual([
      [media(2), `offline://${media(2)}`, false],
      [media(1), 'https://objects.example/1', true],
    ]);
    expect(parts.state(1)?.context).toMatchObject({
      origin: 'elsewhere',
      capturedAt: 10,
      blobKey: null,
      media: { kind: 'image', contentType: 'image/jpeg', byteSize: 3, sha256: '', filename: null },
    });
    expect(parts.pending()).toBe(0);
    expect(parts.place().cursor).toEqual({ updatedAt: 11, id: rows[1]?.id });
  });

  it('applies a page again without a trace', async () => {
    const parts = await syncParts();
    const rows = [delta(1, 10, { isPrimary: true }), delta(2, 11)];
    const puller = parts.puller({ backend: { pull: async () => ({ rows, more: false }) } });
    await parts.until(puller.pull(scope, { signal }));
    const log = [parts.log(1), parts.log(2)];
    expect(await parts.until(puller.pull(scope, { signal }))).toEqual({ applied: 0, held: false });
    expect([parts.log(1), parts.log(2)]).toEqual(log);
  });

  it('misses no row of those with equal times, whatever the page holds', async () => {
    const parts = await syncParts();
    const rows = [1, 2, 3, 4, 5].map((n) => delta(n, 10));
    const backend = pagesOf(() => rows);
    const puller = parts.puller({ backend, pageSize: 2 });
    await parts.until(puller.pull(scope, { signal }));
    expect(parts.refs()).toHaveLength(5);
    expect(backend.asked).toEqual([null, place(rows[1]), place(rows[3])]);
  });

  it('applies 1,000 rows page by page, each page in one commit and in the streams’ id order (design 2)', async () => {
    const parts = await syncParts();
    const numbers = Array.from({ length: 1_000 }, (_, index) => (index * 617) % 1_000);
    const rows = numbers.map((n, index) => delta(n, index + 1, { owner: owner(`i${n % 50}`) }));
    const commits: string[][] = [];
    parts.host.subscribe((changes) => {
      commits.push(changes.map(({ stream }) => stream));
    });
    const puller = parts.puller({ backend: pagesOf(() => rows) });
    expect(await parts.until(puller.pull(scope, { signal }))).toEqual({
      applied: 1_000,
      held: false,
    });
    expect(commits).toHaveLength(10);
    for (const streams of commits) expect(streams).toEqual(streams.toSorted());
    expect(parts.refs(owner('i7'))).toHaveLength(20);
  }, 30_000);

  it('takes what a newer backend adds to rows, and what may be absent', async () => {
    const parts = await syncParts();
    const row = { ...delta(1, 10), colour: 'red' };
    const { contentType: _type, byteSize: _size, isPrimary: _mark, ...ref } = row.ref;
    const puller = parts.puller({
      backend: pagesOf(() => [{ ...row, ref: { ...ref, shape: 1 } }]),
    });
    expect(await parts.until(puller.pull(scope, { signal }))).toMatchObject({ applied: 1 });
    expect(parts.state(1)?.context['media']).toMatchObject({
      contentType: 'application/octet-stream',
      byteSize: 0,
    });
  });

  const { id, ref } = delta(2, 20);
  it.each<[string, Record<string, unknown>]>([
    ['no time', { updatedAt: '20' }],
    ['a time beyond all times', { updatedAt: 9e15 }],
    ['another id than its ref', { id: `${media(3)}|x` }],
    ['no ref', { ref: null }],
    ['an id that is no id', { ref: { ...ref, mediaId: '../../etc' } }],
    ['a url that is none', { ref: { ...ref, url: 'x' } }],
    ['the offline url of another one', { ref: { ...ref, url: `offline://${media(9)}` } }],
    ['a hash that is none', { ref: { ...ref, sha256: 'abc' } }],
    ['a size below zero', { ref: { ...ref, byteSize: -1 } }],
    ['a rank that nothing can be put beside', { rank: '~' }],
    [
      'another account',
      delta(2, 20, { owner: { ...owner(), scope: { accountId: 'bob' } } }) as never,
    ],
    [
      'another project',
      delta(2, 20, { owner: { ...owner(), scope: { accountId: 'ann' } } }) as never,
    ],
  ])('leaves out a row with %s, and nothing else', async (_what, wrong) => {
    const parts = await syncParts();
    const rows = [delta(1, 10), { ...delta(2, 20), ...wrong }, delta(3, 30)];
    const puller = parts.puller({
      backend: { pull: async () => ({ rows, more: false }) },
    });
    expect(await parts.until(puller.pull(scope, { signal }))).toEqual({ applied: 2, held: false });
    expect(parts.refs().map(({ mediaId }) => mediaId)).toEqual([media(1), media(3)]);
    expect(parts.place().cursor).toEqual(place(delta(3, 30)));
    expect(parts.logged).toMatchObject([
      {
        level: 'warn',
        message: 'a row of a delta is left out',
        details: { id: wrong['id'] ?? id },
      },
    ]);
  });

  it('does not go by the time that a bad last row names', async () => {
    const parts = await syncParts();
    const bad = { ...delta(2, 8e15), rank: '~' };
    const puller = parts.puller({ backend: pagesOf(() => [delta(1, 10), bad]) });
    await parts.until(puller.pull(scope, { signal }));
    expect(parts.place().cursor).toEqual(place(delta(1, 10)));
  });

  it('passes a whole page of bad rows', async () => {
    const parts = await syncParts();
    const rows = [1, 2, 3].map((n) => ({ ...delta(n, n), rank: '~' }));
    const puller = parts.puller({ backend: pagesOf(() => [...rows, delta(4, 10)]), pageSize: 2 });
    expect(await parts.until(puller.pull(scope, { signal }))).toMatchObject({ applied: 1 });
    expect(parts.refs().map(({ mediaId }) => mediaId)).toEqual([media(4)]);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a page of a captive portal', '<html>'],
    ['rows that are none', { rows: 'x', more: false }],
    ['a page that does not say whether there is more', { rows: [] }],
    ['an empty page that says there is more', { rows: [], more: true }],
    ['a page with too many rows', { rows: Array.from({ length: 1_001 }, () => null), more: false }],
  ])('takes %s for no answer', async (_what, answer) => {
    const parts = await syncParts();
    const puller = parts.puller({ backend: { pull: async () => answer as never } });
    await expect(parts.until(puller.pull(scope, { signal }))).rejects.toThrow(/a page of deltas/);
    expect(parts.place().cursor).toBe(null);
  });

  it('does not turn in a circle when a backend gives the same page for ever', async () => {
    const parts = await syncParts();
    const puller = parts.puller({
      backend: { pull: async () => ({ rows: [delta(1, 10)], more: true }) },
    });
    await expect(parts.until(puller.pull(scope, { signal }))).rejects.toThrow(
      /does not get further/,
    );
  });

  it('removes what is deleted elsewhere, and makes nothing of the deletion of what it never had', async () => {
    const parts = await syncParts();
    const rows = [delta(1, 10)];
    const puller = parts.puller({ backend: pagesOf(() => rows) });
    await parts.until(puller.pull(scope, { signal }));
    rows.splice(0, 1, delta(1, 20, { deletedAt: 20 }), delta(2, 21, { deletedAt: 21, rank: '~' }));
    expect(await parts.until(puller.pull(scope, { signal }))).toMatchObject({ applied: 1 });
    expect([parts.refs(), parts.state(2)]).toEqual([[], undefined]);
    expect(parts.log(1).at(-1)).toBe('ref.tombstoned');
  });

  it('learns the locator when its author has uploaded, and a new one when it was sent again', async () => {
    const parts = await syncParts();
    let rows = [delta(1, 10, { url: `offline://${media(1)}` })];
    const puller = parts.puller({ backend: pagesOf(() => rows) });
    const urls: unknown[] = [];
    for (const next of [
      rows,
      [delta(1, 20)],
      [delta(1, 30, { url: 'https://b.example/1' })],
      [delta(1, 40, { url: `offline://${media(1)}` })],
    ]) {
      rows = next;
      await parts.until(puller.pull(scope, { signal }));
      urls.push(parts.state(1)?.context['url']);
    }
    expect(urls).toEqual([
      null,
      'https://objects.example/1',
      'https://b.example/1',
      'https://b.example/1',
    ]);
  });

  it('keeps at most one primary: a new one from elsewhere takes the mark from the one here, without an op', async () => {
    const parts = await syncParts();
    await parts.captured(1, true);
    await parts.until(parts.pusher({ backend: pushes(applied) }).push());
    const puller = parts.puller({ backend: pagesOf(() => [delta(2, 10, { isPrimary: true })]) });
    await parts.until(puller.pull(scope, { signal }));
    expect(
      parts
        .refs()
        .filter(({ isPrimary }) => isPrimary)
        .map(({ mediaId }) => mediaId),
    ).toEqual([media(2)]);
    expect(parts.pending()).toBe(0);
  });

  it('keeps what is here while its op waits, and looks again when that was answered', async () => {
    const parts = await syncParts();
    await parts.captured(1);
    await parts.moved(1, 'a5');
    const rows = [delta(1, 10, { rank: 'a1' }), delta(2, 11)];
    const puller = parts.puller({ backend: pagesOf(() => rows) });
    expect(await parts.until(puller.pull(scope, { signal }))).toEqual({ applied: 1, held: true });
    expect(parts.refs().map(({ mediaId, rank }) => [mediaId, rank])).toEqual([
      [media(2), 'a0'],
      [media(1), 'a5'],
    ]);
    expect(parts.place().cursor).toBe(null);
    // The backend had seen these ops already, and another device has moved the ref since.
    const dropped = pushes((ops) => ops.map(({ opId }) => ({ opId, status: 'duplicate' })));
    await parts.until(parts.pusher({ backend: dropped }).push());
    expect(await parts.until(puller.pull(scope, { signal }))).toEqual({ applied: 1, held: false });
    expect(parts.refs().find(({ mediaId }) => mediaId === media(1))?.rank).toBe('a1');
    expect(parts.place().cursor).toEqual(place(rows[1]));
  });

  it('never shows two primaries while one that was made here is on its way', async () => {
    const parts = await syncParts();
    await parts.captured(1, true);
    const rows = [delta(2, 10, { isPrimary: true })];
    const puller = parts.puller({ backend: pagesOf(() => rows) });
    expect(await parts.until(puller.pull(scope, { signal }))).toEqual({ applied: 1, held: true });
    const primaries = () =>
      parts
        .refs()
        .filter(({ isPrimary }) => isPrimary)
        .map(({ mediaId }) => mediaId);
    expect(primaries()).toEqual([media(1)]);
    await parts.until(parts.pusher({ backend: pushes(applied) }).push());
    await parts.until(puller.pull(scope, { signal }));
    expect(primaries()).toEqual([media(2)]);
  });

  it('throws a page away that was asked for before an op was acknowledged by another runner', async () => {
    const parts = await syncParts();
    await parts.captured(1);
    const other = parts.pusher({ backend: pushes(applied) });
    let asked = 0;
    const puller = parts.puller({
      backend: {
        async pull() {
          asked += 1;
          if (asked > 1) return { rows: [delta(1, 20)], more: false };
          // Read at the backend before the op arrived there, delivered after it was acknowledged.
          await other.push();
          return { rows: [delta(1, 10, { deletedAt: 10 })], more: false };
        },
      },
    });
    await parts.until(puller.pull(scope, { signal }));
    expect(asked).toBe(2);
    expect(parts.log(1)).not.toContain('ref.tombstoned');
  });

  it('gives up when others change the scope during each attempt', async () => {
    const parts = await syncParts();
    const other = parts.pusher({ backend: pushes(applied) });
    let n = 0;
    const puller = parts.puller({
      backend: {
        async pull() {
          await parts.captured(++n);
          await other.push();
          return { rows: [delta(100, 10)], more: false };
        },
      },
    });
    await expect(parts.until(puller.pull(scope, { signal }))).rejects.toThrow(/others changed/);
    expect(parts.state(100)).toBe(undefined);
  });

  it('does not let a row that cannot be applied hold up the others, and tries it again', async () => {
    let isBroken = true;
    const parts = await syncParts({
      project(_tx, of) {
        if (isBroken && of.entityId === 'i2') throw new Error('app bug');
      },
    });
    const rows = [delta(1, 10), delta(2, 11, { owner: owner('i2') }), delta(3, 12)];
    const puller = parts.puller({ backend: pagesOf(() => rows) });
    expect(await parts.until(puller.pull(scope, { signal }))).toEqual({ applied: 2, held: true });
    expect(parts.refs()).toHaveLength(2);
    isBroken = false;
    expect(await parts.until(puller.pull(scope, { signal }))).toEqual({ applied: 1, held: false });
    expect(parts.refs(owner('i2'))).toHaveLength(1);
  });

  it('does not touch another account’s attachment in the same database (contract 10.7)', async () => {
    const parts = await syncParts();
    await parts.captured(1);
    const bobs = { accountId: 'bob', projectId: 'p' };
    const row = delta(1, 10, { owner: { ...owner(), scope: bobs } });
    const puller = parts.puller({
      accountId: 'bob',
      backend: pagesOf(() => [row, delta(2, 11, { owner: { ...owner(), scope: bobs } })]),
    });
    expect(await parts.until(puller.pull(bobs, { signal }))).toMatchObject({ applied: 1 });
    expect(parts.log(1)).toEqual(['attachment.created', 'ref.linked']);
    expect(parts.logged).toMatchObject([{ details: { why: 'known here in another account' } }]);
    await expect(puller.pull(scope, { signal })).rejects.toThrow(/another account/);
  });

  it('remembers which change-signal it answered, and stops when it is told to', async () => {
    const parts = await syncParts();
    const backend = pagesOf(() => [delta(1, 10), delta(2, 11)]);
    const puller = parts.puller({ backend, pageSize: 1 });
    await parts.until(puller.pull(scope, { signal, seenSeq: 7 }));
    expect(puller.seenSeq(scope)).toBe(7);
    await expect(
      puller.pull(scope, { signal: AbortSignal.abort(new Error('stop')) }),
    ).rejects.toThrow('stop');
    expect(backend.asked).toHaveLength(2);
  });
});

function place(row: RefDelta | undefined): unknown {
  return { updatedAt: row?.updatedAt, id: row?.id };
}
