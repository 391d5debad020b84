import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSqliteEventStore } from '../../persistence/sqlite-event-store.ts';
import { virtualClock } from '../../testing/world/virtual-clock.ts';
import { drivers, memoryDrivers } from '../support/drivers.ts';
import { useMemoryDriver, world } from '../support/lading-world.ts';
import { asStream, event } from '../support/store-world.ts';

/** What the engine promises, whole files of it: each is in the tests once for node:sqlite, and here for the others. */
const SUITES = [
  'lifecycle-backend',
  'lifecycle-capture',
  'lifecycle-commit',
  'lifecycle-lists',
  'lifecycle-resolve',
  'lifecycle-runners',
  'lifecycle-transfer',
  'lifecycle-verify',
];

describe.each(drivers.filter(({ name }) => name !== 'node:sqlite'))(
  'the engine on $name',
  ({ name }) => {
    describe('keeps what the unit tests say', async () => {
      beforeAll(() => useMemoryDriver(memoryDrivers[name]));
      afterAll(() => useMemoryDriver(undefined));
      it('is on that driver and no other', () => {
        expect(world().handle).not.toBeInstanceOf(DatabaseSync);
      });
      for (const suite of SUITES) await import(/* @vite-ignore */ copyOf(suite, name));
    });
  },
);

describe.each(drivers)('the event store on $name', ({ name }) => {
  const head = { machine: 'm', status: 'active' } as const;

  it('commits decisions that are ready together at once, and takes back only the one that throws', async () => {
    let commits = 0;
    const clock = virtualClock();
    const database = memoryDrivers[name]({
      beforeCommit() {
        commits += 1;
      },
    });
    const store = openSqliteEventStore(database, clock);
    commits = 0;
    const results = Promise.allSettled(
      ['a', 'b', 'c', 'd'].map((id) =>
        store.transact((tx) => {
          tx.log.append(asStream(id), 0, [event()], head);
          if (id === 'b') throw new Error('not this one');
        }),
      ),
    );
    await clock.advanceBy(0);
    expect((await results).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(commits).toBe(1);
    expect(store.read((tx) => tx.log.streams('', 9))).toEqual(['a', 'c', 'd']);
    const closing = store.close();
    await clock.advanceBy(0);
    await closing;
  });
});

/** A suite's file as a module of its own for each driver: a module runs once. */
function copyOf(suite: string, driver: string): string {
  return `${fileURLToPath(new URL(`../unit/${suite}.test.ts`, import.meta.url))}?on=${driver}&as=.ts`; // Vite takes the type from the end
}
