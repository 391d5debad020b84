import { describe, expect, it } from 'vitest';
import type { Owner } from '../../machines/attachment/types.ts';
import { ownerKey } from '../../machines/attachment/types.ts';
import { logoOwner, receiptOwner } from '../../model-based-tests/support/cases.ts';
import { liveThrough } from '../support/attachment-life.ts';

const linked = (owner: Owner, rank = 'a0', isPrimary = false) =>
  ({ type: 'ref.linked', owner, rank, isPrimary }) as const;
const synced = (owner: Owner, rank = 'a0', isPrimary = false) =>
  ({ type: 'ref.synced', owner, rank, isPrimary }) as const;
const removed = (owner: Owner) => ({ type: 'ref.unlinked', owner, reason: 'removed' }) as const;

describe('the references of an attachment', () => {
  it('keep it until the last one goes (contract 5.3)', () => {
    const life = liveThrough();
    life.send(linked(receiptOwner));
    life.send(linked(logoOwner));
    life.send(removed(receiptOwner));
    expect(life.facts.situation).toBe('queued');
    life.send(removed(logoOwner));
    expect(life.facts.situation).toBe('released');
  });

  it('are one per owner: the same owner, spelled differently, is the same', () => {
    const life = liveThrough();
    life.send(linked({ ...logoOwner, scope: { accountId: 'account-1', projectId: null } }));
    const { projectId: _none, ...scope } = logoOwner.scope;
    expect(life.send(linked({ ...logoOwner, scope }))).toBe(false);
    expect(life.context.refs.map(({ key }) => key)).toEqual([ownerKey(logoOwner)]);
  });

  it('log nothing when a delta says what is known (contract 5.3)', () => {
    const life = liveThrough();
    life.send(linked(receiptOwner, 'a1', true));
    expect(life.send(synced(receiptOwner, 'a1', true))).toBe(false);
    expect(life.send({ type: 'ref.moved', owner: receiptOwner, rank: 'a1' })).toBe(false);
    expect(life.send({ type: 'ref.primary', owner: receiptOwner, isPrimary: true })).toBe(false);
    expect(life.send({ type: 'ref.moved', owner: logoOwner, rank: 'a9' })).toBe(false);
    expect(life.send(removed(logoOwner))).toBe(false);
    expect(life.send(synced(receiptOwner, 'a2', true))).toBe(true);
    expect(life.context.refs[0]).toMatchObject({ rank: 'a2', isPrimary: true });
  });

  it('come back by undo where they stood, rank and primary mark included (contract 5.2)', () => {
    const life = liveThrough();
    life.send(linked(receiptOwner, 'a3', true));
    life.send(removed(receiptOwner));
    life.pass(30_000);
    expect(life.send({ type: 'ref.undone', owner: receiptOwner })).toBe(true);
    expect(life.context.refs).toEqual([
      { owner: receiptOwner, key: ownerKey(receiptOwner), rank: 'a3', isPrimary: true },
    ]);
    expect(life.context.undoable).toEqual([]);
  });

  it('cannot be undone after the undo time, though another ref keeps the attachment', () => {
    const life = liveThrough();
    life.send(linked(receiptOwner));
    life.send(linked(logoOwner));
    life.send(removed(receiptOwner));
    life.pass(30_001);
    expect(life.send({ type: 'ref.undone', owner: receiptOwner })).toBe(false);
  });

  it('forget what can no longer be undone, so that the context stays small', () => {
    const life = liveThrough();
    life.send(linked(logoOwner));
    for (let n = 0; n < 20; n += 1) {
      const owner = { ...receiptOwner, entityId: `transaction-${n}` };
      life.send(linked(owner));
      life.send(removed(owner));
      life.pass(31_000);
    }
    expect(life.context.undoable).toHaveLength(1);
  });

  it('deleted elsewhere leave nothing to undo; an echo of an own removal leaves its undo alone', () => {
    const life = liveThrough();
    life.send(linked(receiptOwner));
    life.send(linked(logoOwner));
    life.send({ type: 'ref.tombstoned', owner: receiptOwner });
    expect(life.send({ type: 'ref.undone', owner: receiptOwner })).toBe(false);
    life.send(removed(logoOwner));
    expect(life.send({ type: 'ref.tombstoned', owner: logoOwner })).toBe(false);
    expect(life.send({ type: 'ref.undone', owner: logoOwner })).toBe(true);
  });

  it('that a delta brings back link it again, within the undo time', () => {
    const life = liveThrough();
    life.send(linked(receiptOwner));
    life.send({ type: 'ref.tombstoned', owner: receiptOwner });
    expect(life.facts.situation).toBe('released');
    life.send(synced(receiptOwner));
    expect(life.facts.situation).toBe('queued');
  });

  it('never come back after cancel, which has no undo (contract 5.2)', () => {
    const life = liveThrough();
    life.send(linked(receiptOwner));
    life.send({ type: 'cancelled' });
    expect(life.send({ type: 'ref.undone', owner: receiptOwner })).toBe(false);
    expect(life.send(linked(receiptOwner))).toBe(false);
    expect(life.facts.gone).toBe(true);
  });

  it('that never came end a draft after its grace (contract 3.3)', () => {
    const life = liveThrough();
    expect(life.facts).toMatchObject({ situation: 'draft', until: life.now + 24 * 3_600_000 });
    expect(life.elapse()).toBe('draftGrace');
    life.answer('purge', { ok: true });
    expect(life.done).toBe(true);
  });
});
