import { describe, expect, it } from 'vitest';
import { requireEvent } from '../../engine/lifecycle/event-schemas.ts';

const owner = {
  scope: { accountId: 'me', projectId: null },
  entityType: 'item',
  entityId: 'i-1',
  field: 'images',
};
const linked = { type: 'ref.linked', owner, rank: 'a0', isPrimary: false };

describe('an event from outside', () => {
  it.each([
    linked,
    { ...linked, owner: { ...owner, scope: { accountId: 'me' } } },
    { type: 'ref.unlinked', owner, reason: 'replaced' },
    { type: 'cancelled' },
    { type: 'backend.refused', code: 'x', message: '' },
  ])('is taken as it should be: %j', (event) => {
    expect(() => requireEvent(event)).not.toThrow();
  });

  it.each([
    ['isPrimary', { ...linked, isPrimary: 'no' }],
    ['rank', { ...linked, rank: '' }],
    ['rank', { ...linked, rank: 'a'.repeat(501) }],
    ['rank', { type: 'ref.linked', owner, isPrimary: true }],
    ['owner', { ...linked, owner: null }],
    ['owner.field', { ...linked, owner: { ...owner, field: 7 } }],
    [
      'owner.scope.projectId',
      { ...linked, owner: { ...owner, scope: { accountId: 'me', projectId: 1 } } },
    ],
    ['owner.extra', { ...linked, owner: { ...owner, extra: 1 } }],
    ['constructor', { type: 'cancelled', constructor: 'x' }],
    ['reason', { type: 'ref.unlinked', owner, reason: 'because' }],
    ['at', { type: 'cancelled', at: 1 }],
  ])('is refused, naming %s', (path, event) => {
    expect(() => requireEvent(event)).toThrow(
      expect.objectContaining({ code: 'invalid_event', details: { type: event.type, path } }),
    );
  });

  it.each(['nonsense', 'toString', ''])('is refused when nobody knows its type: "%s"', (type) => {
    expect(() => requireEvent({ type })).toThrow(
      expect.objectContaining({ code: 'invalid_event' }),
    );
  });
});
