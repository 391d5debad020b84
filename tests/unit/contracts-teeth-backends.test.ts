import { createReferenceBackend } from 'lading/sync';
import { virtualClock } from 'lading/testing';
import { type BackendSetup, backendCases, brokenCases } from 'lading/testing/contracts';
import { describe, expect, it } from 'vitest';
import type { Backend, PushResult } from '../../ports/backend.ts';
import { type Breakages, sound, spoilt } from '../support/contract-teeth.ts';

describe('the suite of backends', () => {
  const setup =
    (spoil: (backend: Backend) => Partial<Backend>) => async (): Promise<BackendSetup> => {
      const clock = virtualClock();
      const reference = createReferenceBackend({ clock });
      const one = (): Backend => spoilt(reference.client('ann'), spoil);
      return { accountId: 'ann', backend: one(), other: one(), arrived: () => clock.advanceBy(1) };
    };
  let fresh = 0;
  const all: Breakages<Backend> = [
    [
      'applies an op twice',
      'applies an op once',
      (backend) => ({
        push: (ops, options) =>
          backend.push(
            ops.map(({ op }) => ({ opId: `fresh-${fresh++}`, op })),
            options,
          ),
      }),
    ],
    [
      'stops at the first refused op',
      'goes on after one that it refuses',
      (backend) => ({
        async push(ops, options) {
          const results: PushResult[] = [];
          for (const op of ops) {
            results.push(...(await backend.push([op], options)));
            if (results.at(-1)?.status === 'refused') break;
          }
          return results;
        },
      }),
    ],
    [
      'throws for an op that it refuses',
      'goes on after one that it refuses',
      (backend) => ({
        async push(ops, options) {
          const results = await backend.push(ops, options);
          if (results.some(({ status }) => status === 'refused')) throw new Error('400');
          return results;
        },
      }),
    ],
    [
      'takes the end of an undo time for a removal',
      'lets the end of its undo time pass by',
      (backend) => ({
        push: (ops, options) =>
          backend.push(
            ops.map(({ opId, op }) => {
              if (op.type === 'ref.put') return { opId, op };
              const { undo: _undo, ...plain } = op;
              return { opId, op: plain };
            }),
            options,
          ),
      }),
    ],
    [
      'ignores the cursor',
      'after a cursor',
      (backend) => ({
        pull: (scope, _after, options) => backend.pull(scope, null, options),
      }),
    ],
    [
      'gives only the first page',
      'pages of any size',
      (backend) => ({
        pull: async (...call) => ({ ...(await backend.pull(...call)), more: false }),
      }),
    ],
    [
      'gives rows in no order',
      'pages of any size',
      (backend) => ({
        async pull(...call) {
          const page = await backend.pull(...call);
          return { ...page, rows: page.rows.toReversed() };
        },
      }),
    ],
    [
      'drops tombstones',
      'as a tombstone',
      (backend) => ({
        async pull(...call) {
          const page = await backend.pull(...call);
          return { ...page, rows: page.rows.filter(({ deletedAt }) => deletedAt === null) };
        },
      }),
    ],
    [
      'restores whatever is put',
      'no late put',
      (backend) => ({
        push: (ops, options) =>
          backend.push(
            ops.map(({ opId, op }) => ({
              opId,
              op: op.type === 'ref.put' ? { ...op, restore: true } : op,
            })),
            options,
          ),
      }),
    ],
    [
      'shows rows of every account',
      'rows of another one',
      (backend) => ({
        pull: (scope, ...rest) => backend.pull({ ...scope, accountId: 'ann' }, ...rest),
      }),
    ],
    [
      'never tells the present signal',
      'the present signal',
      (backend) => ({
        listen(scope, listener) {
          let calls = 0;
          return backend.listen(scope, (signal) => {
            if (calls++ > 0) listener(signal);
          });
        },
      }),
    ],
    [
      'cannot stop telling',
      'stopped listening',
      (backend) => ({
        listen(scope, listener) {
          backend.listen(scope, listener);
          return () => {};
        },
      }),
    ],
    [
      'knows no projects',
      'projects apart',
      (backend) => ({
        pull: (scope, ...rest) => backend.pull({ ...scope, projectId: null }, ...rest),
      }),
    ],
  ];

  it('is content with a sound one', async () => {
    expect(await brokenCases(backendCases, setup(sound))).toEqual([]);
  });
  it.each(all)('finds one that %s', async (_what, found, spoil) => {
    expect(await brokenCases(backendCases, setup(spoil))).toContainEqual(
      expect.stringContaining(found),
    );
  });
});
