import { openNodeSqlite } from 'lading/sqlite/node';
import { expect, it } from 'vitest';
import { migrate } from '../../persistence/migrations/index.ts';
import { mendStreams } from '../../persistence/recovery/streams.ts';

const OWNER = {
  scope: { accountId: 'me', projectId: null },
  entityType: 'item',
  entityId: 'i-1',
  field: 'images',
};

/** What is left of one stream: these events from its beginning, and no row that says how long it was. */
function left(...types: readonly string[]) {
  const fresh = openNodeSqlite(':memory:');
  migrate(fresh, 0);
  for (const [index, type] of types.entries()) {
    fresh.run(
      `INSERT INTO lading_event (position, stream, version, type, schema_version, at, jitter, payload, state, key)
       VALUES (?, 's', ?, ?, 1, 0, 0.5, ?, '{}', NULL)`,
      index + 1,
      index + 1,
      type,
      JSON.stringify(type.startsWith('ref.') ? { owner: OWNER } : {}),
    );
  }
  const found = mendStreams(fresh);
  fresh.close();
  return found;
}

const BEGUN = ['attachment.created', 'ref.linked'] as const;

it('a stream that ends with the loss of its last ref, and whose length nobody knows, is left to its sidecar: an undo may have been lost', () => {
  expect(left(...BEGUN, 'ref.unlinked')).toEqual({ whole: 0, cut: [], lost: ['s'] });
});

it.each([
  ['is held', []],
  ['was brought back', ['ref.unlinked', 'ref.undone']],
  ['went by its undo time', ['ref.unlinked', 'undoGrace.elapsed']],
  ['was cancelled', ['ref.unlinked', 'cancelled']],
])('a stream that %s is whole though nobody knows its length', (_what, then) => {
  expect(left(...BEGUN, ...then)).toEqual({ whole: 1, cut: [], lost: [] });
});

it('a draft is whole though nobody knows its length', () => {
  expect(left('attachment.created')).toEqual({ whole: 1, cut: [], lost: [] });
});
