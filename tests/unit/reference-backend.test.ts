import { describe, expect, it } from 'vitest';
import type { AttachmentRef, MediaId, Owner } from '../../machines/attachment/types.ts';
import type { BackendOp, ChangeSignal, RefDelta, SyncCursor } from '../../ports/backend.ts';
import { objectKey } from '../../ports/remote.ts';
import { createReferenceBackend, type ReferenceBackend } from '../../sync/reference-backend.ts';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { type VirtualClock, virtualClock } from '../../testing/world/virtual-clock.ts';

const scope = { accountId: 'ann', projectId: 'p' };
const HASH = 'a'.repeat(64);
const DAY = 86_400_000;

describe('reference backend: ops', () => {
  it('applies an op once, however often it arrives (contract 1, lastMutationId)', () => {
    const { backend } = setup();
    const pushed = { opId: 'op1', op: putOp('m1') };
    expect(backend.push('ann', [pushed])).toEqual([{ opId: 'op1', status: 'applied' }]);
    const { seq } = backend.signal('ann', scope);
    expect(backend.push('ann', [pushed, pushed]).map(({ status }) => status)).toEqual([
      'duplicate',
      'duplicate',
    ]);
    expect(backend.rows('ann')).toMatchObject([{ lastMutationId: 'op1', deletedAt: null }]);
    expect(backend.signal('ann', scope).seq).toBe(seq);
  });

  it('refuses the same op id with another content (contract 10.8)', () => {
    const { backend } = setup();
    backend.push('ann', [{ opId: 'op1', op: putOp('m1') }]);
    expect(backend.push('ann', [{ opId: 'op1', op: putOp('m2') }])).toMatchObject([
      { status: 'refused', code: 'op_id_reused' },
    ]);
    expect(backend.push('bob', [{ opId: 'op1', op: putOp('m2', {}, 'bob') }])).toMatchObject([
      { status: 'applied' },
    ]);
  });

  it('does not let a late put bring a removed ref back, unless it restores it (contract 5.2, field case 47)', () => {
    const { send } = setup();
    expect(send(putOp('m1'))).toBe('applied');
    expect(send(deleteOp('m1'))).toBe('applied');
    expect(send(putOp('m1', { url: remote('m1') }))).toBe('ref_deleted');
    expect(send({ ...putOp('m1'), restore: true })).toBe('applied');
    expect(send(putOp('m1', { url: remote('m1') }))).toBe('applied');
  });

  it('refuses a refused op again, also when it lands after the ref was restored', () => {
    const { backend, send } = setup();
    send(putOp('m1'));
    send(deleteOp('m1'));
    const late = { opId: 'late', op: putOp('m1', { url: remote('m1') }) };
    expect(backend.push('ann', [late])).toMatchObject([{ code: 'ref_deleted' }]);
    expect(send({ ...putOp('m1'), restore: true })).toBe('applied');
    const { updatedAt } = backend.rows('ann')[0] as RefDelta;
    expect(backend.push('ann', [late])).toMatchObject([{ code: 'ref_deleted' }]);
    expect(backend.rows('ann')[0]?.updatedAt).toBe(updatedAt);
  });

  it('keeps the tombstone of a ref whose put never came', () => {
    const { backend, send } = setup();
    expect(send(deleteOp('m1'))).toBe('applied');
    expect(send(putOp('m1'))).toBe('ref_deleted');
    expect(backend.rows('ann')[0]?.deletedAt).not.toBeNull();
  });

  it('has one primary per owner and field: setting one clears and bumps the other', () => {
    const { backend, clock, send } = setup();
    send(putOp('m1', { isPrimary: true }));
    const before = backend.rows('ann')[0]?.updatedAt ?? 0;
    clock.jump(1_000);
    send(putOp('m2', { isPrimary: true }));
    const [first, second] = rowsOf(backend);
    expect([first?.ref.isPrimary, second?.ref.isPrimary]).toEqual([false, true]);
    expect(first?.updatedAt).toBeGreaterThan(before);
    expect(first?.updatedAt).toBe(second?.updatedAt);
    const elsewhere = { ...putOp('m3', { isPrimary: true }), owner: owner({ field: 'logo' }) };
    send(elsewhere);
    expect(rowsOf(backend).filter(({ ref }) => ref.isPrimary)).toHaveLength(2);
  });

  it('never takes a locator back for a device that has not heard of the upload', () => {
    const { backend, send } = setup();
    send(putOp('m1', { url: remote('m1') }));
    send(putOp('m1', { isPrimary: true }));
    expect(backend.rows('ann')[0]?.ref).toMatchObject({ url: remote('m1'), isPrimary: true });
  });

  it('refuses to change what was fixed at capture', () => {
    const { send } = setup();
    send(putOp('m1', { sha256: HASH, byteSize: 3 }));
    expect(send(putOp('m1', { sha256: 'b'.repeat(64) }))).toBe('ref_conflict');
    expect(send(putOp('m1', { byteSize: 4 }))).toBe('ref_conflict');
    expect(send(putOp('m1'))).toBe('applied');
  });

  it.each([
    ['no op at all', undefined],
    ['an unknown type', { ...deleteOp('m1'), type: 'ref.destroy' }],
    ['a missing owner', { ...putOp('m1'), owner: undefined }],
    ['an empty id', putOp('')],
    ['an id that is too long', putOp('m'.repeat(5_000))],
    ['a NUL in an id', putOp('m\u0000')],
    ['half a surrogate pair', putOp('m\ud800')],
    ['an unknown kind', putOp('m1', { kind: 'exe' as 'file' })],
    ['an offline url of another attachment', putOp('m1', { url: 'offline://m2' })],
    ['a url that is none', putOp('m1', { url: 'javascript:alert(1)' })],
    ['a negative size', putOp('m1', { byteSize: -1 })],
    ['a hash that is none', putOp('m1', { sha256: 'A' })],
    ['a field that nobody knows', { ...putOp('m1'), localPath: '/tmp/x' }],
  ])('refuses rubbish with a code and changes nothing: %s', (_what, op) => {
    const { backend, send } = setup();
    expect(send(op as BackendOp)).toBe('invalid_op');
    expect(backend.rows('ann')).toEqual([]);
    expect(backend.signal('ann', scope).seq).toBe(0);
  });

  it('goes on with the next op after a refused one, and does not touch what it was given (contract 4.6)', () => {
    const { backend } = setup();
    const op = putOp('m2');
    const results = backend.push('ann', [
      { opId: 'a', op: putOp('') },
      { opId: 'b', op },
    ]);
    expect(results.map(({ status }) => status)).toEqual(['refused', 'applied']);
    expect(Object.isFrozen(op.owner)).toBe(false);
  });
});

describe('reference backend: deltas and signal', () => {
  it('gives every change exactly in order, through pages of any size, though the clock goes back', () => {
    const { backend, clock, send } = setup();
    const random = seededRandom(1);
    for (let change = 0; change < 60; change++) {
      clock.jump(random.int(-5_000, 5_000));
      const id = `m${random.int(0, 9)}`;
      send(random.chance(0.2) ? deleteOp(id) : putOp(id, { isPrimary: random.chance(0.5) }));
    }
    const whole = backend.pull('ann', scope, null, 1_000);
    expect(whole.more).toBe(false);
    expect(new Set(whole.rows.map(({ id }) => id)).size).toBe(whole.rows.length);
    for (const limit of [1, 2, 3, 7]) expect(pullAll(backend, limit)).toEqual(whole.rows);
    const last = whole.rows.at(-1) as RefDelta;
    expect(backend.pull('ann', scope, last, 10)).toEqual({ rows: [], more: false });
    send({ ...putOp('m0'), restore: true });
    expect(backend.pull('ann', scope, last, 10).rows.map(({ ref }) => ref.mediaId)).toContain('m0');
  });

  it('moves the signal with each applied op, and says which collection changed', () => {
    const { backend, send } = setup();
    send(putOp('m1'));
    send({ ...putOp('m2'), owner: owner({ entityType: 'item' }) });
    send(putOp('m3'));
    expect(backend.signal('ann', scope)).toMatchObject({
      seq: 3,
      byCollection: { transaction: 3, item: 2 },
    });
  });

  it('tells a listener the present signal and each change until it is cancelled', async () => {
    const { backend, clock, send } = setup();
    const heard: ChangeSignal[] = [];
    const cancel = backend.client('ann').listen(scope, (signal) => heard.push(signal));
    expect(heard).toEqual([]);
    await clock.advanceBy(0);
    expect(heard.map(({ seq }) => seq)).toEqual([0]);
    send(putOp('m1'));
    send(putOp('m2'));
    send({ ...putOp('m9'), owner: owner({ scope: { accountId: 'ann' } }) });
    await clock.advanceBy(0);
    expect(heard.map(({ seq }) => seq)).toEqual([0, 2]);
    send(putOp('m3'));
    cancel();
    await clock.advanceBy(0);
    expect(heard).toHaveLength(2);
  });

  it('keeps accounts and projects apart (contract 10.7)', async () => {
    const { backend, send } = setup();
    send(putOp('m1'));
    const { signal } = new AbortController();
    const bob = backend.client('bob');
    await expect(bob.pull(scope, null, { limit: 1, signal })).rejects.toMatchObject({
      code: 'wrong_account',
    });
    expect(() => bob.listen(scope, () => {})).toThrow('another account');
    expect(await bob.push([{ opId: 'x', op: putOp('m1') }], { signal })).toMatchObject([
      { code: 'wrong_account' },
    ]);
    expect(backend.pull('ann', { accountId: 'ann' }, null, 10).rows).toEqual([]);
    expect(backend.rows('bob')).toEqual([]);
  });

  it('rejects a call whose signal is aborted', async () => {
    const { backend } = setup();
    const signal = AbortSignal.abort(new Error('stop'));
    await expect(backend.client('ann').push([], { signal })).rejects.toThrow('stop');
  });
});

describe('reference backend: objects without refs', () => {
  it('are due after the grace, when the last ref in any project is gone (contract 5.3)', () => {
    const { backend, clock, send } = setup();
    const other = owner({ scope: { accountId: 'ann', projectId: 'q' } });
    send(putOp('m1', { url: remote('m1') }));
    send({ ...putOp('m1', { url: remote('m1') }), owner: other });
    send(deleteOp('m1'));
    clock.jump(DAY);
    expect(backend.unreferenced(1_000)).toEqual([]);
    send({ ...deleteOp('m1'), owner: other });
    expect(backend.unreferenced(1_000)).toEqual([]);
    clock.jump(1_000);
    expect(backend.unreferenced(1_000)).toEqual([objectKey('ann', 'm1')]);
  });

  it('are not due while they were never attached, or when a field keeps them', () => {
    const { backend, clock, send } = setup();
    send(putOp('m1'));
    send(deleteOp('m1'));
    send(putOp('m2', { url: remote('m2') }));
    send({ ...deleteOp('m2'), keepObject: true });
    clock.jump(DAY);
    expect(backend.unreferenced(0)).toEqual([]);
  });

  it('are not due while the device that replaced them may take that back, however long it sleeps (contract 5.2)', () => {
    const { backend, clock, send } = setup();
    const key = objectKey('ann', 'm1');
    send(putOp('m1', { url: remote('m1') }));
    send({ ...deleteOp('m1'), undo: 'open' });
    clock.jump(DAY);
    expect(backend.unreferenced(1_000)).toEqual([]);
    send({ ...deleteOp('m1'), undo: 'over' });
    expect(backend.unreferenced(1_000)).toEqual([key]);
    send({ ...putOp('m1', { url: remote('m1') }), restore: true });
    send({ ...deleteOp('m1'), undo: 'over' });
    expect(backend.unreferenced(0)).toEqual([]);
  });

  it('are due when the attach came after the removal: somebody has to delete them (field case 49)', () => {
    const { backend, clock, send } = setup();
    send(putOp('m1'));
    send(deleteOp('m1'));
    expect(send(putOp('m1', { url: remote('m1') }))).toBe('ref_deleted');
    clock.jump(DAY);
    expect(backend.unreferenced(1_000)).toEqual([objectKey('ann', 'm1')]);
  });

  it('never come back once they were deleted, and are due again when a late upload made one', () => {
    const { backend, clock, send } = setup();
    const key = objectKey('ann', 'm1');
    send(putOp('m1', { url: remote('m1') }));
    send(deleteOp('m1'));
    clock.jump(DAY);
    backend.objectRemoved(key);
    expect(backend.unreferenced(0)).toEqual([]);
    expect(send({ ...putOp('m1'), restore: true })).toBe('object_gone');
    expect(backend.unreferenced(0)).toEqual([]);
    expect(send({ ...putOp('m1', { url: remote('m1') }), restore: true })).toBe('object_gone');
    expect(backend.unreferenced(0)).toEqual([key]);
  });
});

interface Setup {
  readonly backend: ReferenceBackend;
  readonly clock: VirtualClock;
  /** Pushes one op as ann; returns its status or, when refused, the code. */
  readonly send: (op: BackendOp) => string | undefined;
}

function setup(): Setup {
  const clock = virtualClock();
  const backend = createReferenceBackend({ clock });
  let ops = 0;
  return {
    backend,
    clock,
    send(op) {
      const [result] = backend.push('ann', [{ opId: `op-${++ops}`, op }]);
      return result?.status === 'refused' ? result.code : result?.status;
    },
  };
}

function owner(part: Partial<Owner> = {}): Owner {
  return { scope, entityType: 'transaction', entityId: 't1', field: 'receiptImages', ...part };
}

function putOp(
  id: string,
  facts: Partial<AttachmentRef> = {},
  accountId = 'ann',
): Extract<BackendOp, { type: 'ref.put' }> {
  const mediaId = id as MediaId;
  return {
    type: 'ref.put',
    owner: owner({ scope: { ...scope, accountId } }),
    ref: { mediaId, url: `offline://${id}`, kind: 'image', ...facts },
    rank: 'a0',
  };
}

function deleteOp(id: string): Extract<BackendOp, { type: 'ref.delete' }> {
  return { type: 'ref.delete', owner: owner(), mediaId: id as MediaId };
}

function remote(id: string): string {
  return `https://objects.example/ann/${id}`;
}

function rowsOf(backend: ReferenceBackend): readonly RefDelta[] {
  return backend.rows('ann').toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function pullAll(backend: ReferenceBackend, limit: number): readonly RefDelta[] {
  const rows: RefDelta[] = [];
  let cursor: SyncCursor | null = null;
  for (let more = true; more; ) {
    const page = backend.pull('ann', scope, cursor, limit);
    rows.push(...page.rows);
    cursor = rows.at(-1) ?? null;
    more = page.more;
  }
  return rows;
}
