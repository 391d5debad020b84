import { describe, expect, it } from 'vitest';
import { asStream, counted, event } from '../support/store-world.ts';

describe('group commit', () => {
  it('puts 50 decisions of one turn under one COMMIT', async () => {
    const { store, clock, statements, close } = counted();
    const all = Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        store.transact((tx) => tx.log.append(asStream(`s${index}`), 0, [event()], head)),
      ),
    );
    statements.length = 0;
    await clock.advanceBy(0);
    await all;
    expect(statements.filter((sql) => sql === 'COMMIT')).toHaveLength(1);
    expect(store.read((tx) => tx.log.streams('', 100))).toHaveLength(50);
    await close();
  });

  it('takes back only the decision that throws', async () => {
    const { store, clock, close } = counted();
    const results = Promise.allSettled([
      store.transact((tx) => tx.log.append(asStream('a'), 0, [event()], head)),
      store.transact((tx) => {
        tx.log.append(asStream('b'), 0, [event()], head);
        throw new Error('changed my mind');
      }),
      store.transact((tx) => tx.log.append(asStream('c'), 0, [event()], head)),
      store.transact((tx) => tx.log.append(asStream('a'), 0, [event()], head)),
    ]);
    await clock.advanceBy(0);
    expect((await results).map((result) => result.status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
    ]);
    expect((await results)[3]).toMatchObject({ reason: { code: 'version_conflict' } });
    expect(store.read((tx) => tx.log.streams('', 9))).toEqual(['a', 'c']);
    await close();
  });

  it('rejects the whole batch when COMMIT fails, and writes nothing of it', async () => {
    let fail = true;
    const { store, clock, close } = counted(
      {
        beforeCommit: () => {
          if (fail) throw new Error('the controller is gone');
        },
      },
      () => {
        fail = false;
      },
    );
    fail = true;
    const results = Promise.allSettled(
      ['a', 'b'].map((id) =>
        store.transact((tx) => tx.log.append(asStream(id), 0, [event()], head)),
      ),
    );
    await clock.advanceBy(0);
    expect(await results).toMatchObject([
      { status: 'rejected', reason: { code: 'commit_failed' } },
      { status: 'rejected', reason: { code: 'commit_failed' } },
    ]);
    fail = false;
    expect(store.read((tx) => tx.log.streams('', 9))).toEqual([]);
    const again = store.transact((tx) => tx.log.append(asStream('a'), 0, [event()], head));
    await clock.advanceBy(0);
    await again;
    await close();
  });

  it('refuses a decision that returns a promise, and takes back what it wrote', async () => {
    const { store, clock, close } = counted();
    const late = store.transact(async (tx) => {
      tx.log.append(asStream('a'), 0, [event()], head);
      await Promise.resolve();
    });
    const refused = late.catch((error: unknown) => error);
    await clock.advanceBy(0);
    expect(await refused).toMatchObject({ message: expect.stringContaining('synchronous') });
    expect(store.read((tx) => tx.log.streams('', 9))).toEqual([]);
    await close();
  });

  it('lets no statement of a decision end the transaction', async () => {
    const { store, clock, close } = counted();
    const rude = store.transact((tx) => {
      tx.log.append(asStream('a'), 0, [event()], head);
      tx.sql.run(' commit');
    });
    const refused = rude.catch((error: unknown) => error);
    await clock.advanceBy(0);
    expect(await refused).toBeInstanceOf(TypeError);
    expect(store.read((tx) => tx.log.streams('', 9))).toEqual([]);
    await close();
  });

  it('answers what was handed in before close, and refuses what comes after', async () => {
    const { store, clock } = counted();
    const before = store.transact((tx) => tx.log.append(asStream('a'), 0, [event()], head));
    const closing = store.close();
    expect(store.close()).toBe(closing);
    await expect(store.transact(() => 1)).rejects.toMatchObject({ code: 'closed' });
    await clock.advanceBy(0);
    await before;
    await closing;
    expect(() => store.read(() => 1)).toThrow(expect.objectContaining({ code: 'closed' }));
  });
});

const head = { machine: 'm', status: 'active' } as const;
