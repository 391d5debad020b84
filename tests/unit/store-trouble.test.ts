import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { nodeSqlite, openNodeSqlite, openSqliteEventStore } from 'lading/sqlite/node';
import { describe, expect, it } from 'vitest';
import { virtualClock } from '../../testing/world/virtual-clock.ts';
import { asStream, counted, event, inFolder } from '../support/store-world.ts';

const head = { machine: 'm', status: 'active' } as const;

describe('a store in trouble', () => {
  it('waits while another connection writes, and goes on when it is done', () =>
    inFolder(async (folder) => {
      const clock = virtualClock();
      const file = join(folder, 'a.db');
      const store = openSqliteEventStore(openNodeSqlite(file), clock);
      const other = new DatabaseSync(file, { timeout: 0 });
      other.exec('BEGIN IMMEDIATE');
      let done = false;
      const waiting = store.transact((tx) => tx.log.append(asStream('a'), 0, [event()], head));
      void waiting.finally(() => (done = true));
      await clock.advanceBy(1_000);
      expect(done).toBe(false);
      other.exec('COMMIT');
      await clock.advanceBy(10);
      await waiting;
      expect(store.read((tx) => tx.log.head(asStream('a')))?.version).toBe(1);
      other.close();
      await store.close();
    }));

  it('gives up after 30 s of another writer, however the clock jumps meanwhile', () =>
    inFolder(async (folder) => {
      const clock = virtualClock();
      const file = join(folder, 'a.db');
      const store = openSqliteEventStore(openNodeSqlite(file), clock);
      const other = new DatabaseSync(file, { timeout: 0 });
      other.exec('BEGIN IMMEDIATE');
      const waiting = store.transact(() => 1);
      const refused = waiting.catch((error: unknown) => error);
      await clock.advanceBy(10_000);
      clock.jump(-3_600_000);
      await clock.advanceBy(21_000);
      expect(await refused).toMatchObject({ code: 'database_busy' });
      other.close();
      await store.close();
    }));

  it('waits for a transaction that the app has open on the shared handle', async () => {
    const { store, clock, handle, close } = counted();
    handle.exec('CREATE TABLE app (id INTEGER)');
    handle.exec('BEGIN; INSERT INTO app VALUES (1)');
    let done = false;
    const waiting = store.transact((tx) => tx.log.append(asStream('a'), 0, [event()], head));
    void waiting.finally(() => (done = true));
    await clock.advanceBy(1_000);
    expect(done).toBe(false);
    handle.exec('ROLLBACK'); // the app takes back its own, nothing of ours
    await clock.advanceBy(10);
    await waiting;
    expect(store.read((tx) => tx.log.streams('', 9))).toEqual(['a']);
    expect(handle.prepare('SELECT count(*) AS n FROM app').get()).toEqual({ n: 0 });
    await close();
  });

  it('a disk that fills in the middle of a group leaves nothing of it, also of a decision that hides the error', async () => {
    const { store, clock, handle, close } = counted();
    const pages = Number(handle.prepare('PRAGMA page_count').get()?.['page_count']);
    handle.exec(`PRAGMA max_page_count = ${pages + 4}`);
    const big = { ...event(), payload: { bytes: 'x'.repeat(100_000) } };
    const results = Promise.allSettled([
      store.transact((tx) => tx.log.append(asStream('a'), 0, [event()], head)),
      store.transact((tx) => {
        try {
          tx.log.append(asStream('b'), 0, [big], head);
        } catch {
          // as an app's callback might
        }
        tx.sql.run("UPDATE lading_stream SET machine = 'halfway' WHERE stream = 'b'");
      }),
      store.transact((tx) => tx.log.append(asStream('c'), 0, [event()], head)),
    ]);
    await clock.advanceBy(0);
    expect((await results).some(({ status }) => status === 'rejected')).toBe(true);
    const reasons = (await results).flatMap((one) => (one.status === 'rejected' ? [one] : []));
    expect(reasons.map(({ reason }) => reason as unknown)).toEqual(
      reasons.map(() => expect.objectContaining({ code: 'disk_full' })),
    );
    const kept = store.read((tx) => tx.log.streams('', 9));
    const acknowledged = (await results).flatMap((result, index) =>
      result.status === 'fulfilled' ? ['abc'[index]] : [],
    );
    expect(kept).toEqual(acknowledged);
    for (const stream of kept) {
      expect(store.read((tx) => tx.log.read(stream)).length).toBe(1);
    }
    handle.exec(`PRAGMA max_page_count = ${pages + 1_000}`);
    const later = store.transact((tx) => tx.log.append(asStream('d'), 0, [big], head));
    await clock.advanceBy(0);
    await later;
    await close();
  });

  it('a transaction that SQLite ended by itself can not be continued statement by statement', () => {
    const handle = new DatabaseSync(':memory:');
    const database = nodeSqlite(handle);
    database.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
    expect(() =>
      database.transaction(() => {
        database.run('INSERT INTO t VALUES (1)');
        try {
          database.run('INSERT OR ROLLBACK INTO t VALUES (1)');
        } catch {
          // the caller goes on as if nothing had happened
        }
        database.transaction(() => database.run('INSERT INTO t VALUES (2)'));
      }),
    ).toThrow('UNIQUE');
    expect(database.inTransaction).toBe(false);
    expect(database.all('SELECT id FROM t')).toEqual([]);
    database.transaction(() => database.run('INSERT INTO t VALUES (3)'));
    expect(database.all('SELECT id FROM t')).toEqual([{ id: 3 }]);
    database.close();
  });

  it('reads one state while another connection commits', () =>
    inFolder((folder) => {
      const clock = virtualClock();
      const file = join(folder, 'a.db');
      const store = openSqliteEventStore(openNodeSqlite(file), clock);
      const other = new DatabaseSync(file, { timeout: 0 });
      const count = "SELECT count(*) AS n FROM lading_meta WHERE key LIKE 'x%'";
      const seen = store.read((tx) => {
        const before = tx.sql.get(count);
        other.exec("INSERT INTO lading_meta VALUES ('x1', '1')");
        return [before, tx.sql.get(count)];
      });
      expect(seen).toEqual([{ n: 0 }, { n: 0 }]);
      expect(store.read((tx) => tx.sql.get(count))).toEqual({ n: 1 });
      other.close();
      return store.close();
    }));
});

describe('a file that is not as it should be', () => {
  const clock = virtualClock();
  const open = (file: string): unknown => {
    const database = openNodeSqlite(file);
    try {
      return openSqliteEventStore(database, clock);
    } catch (error) {
      database.close();
      throw error;
    }
  };

  it('that is no database is refused as corrupt, and stays as it is (field case 16)', () =>
    inFolder((folder) => {
      const file = join(folder, 'a.db');
      writeFileSync(file, 'my diary, page one. '.repeat(500));
      const before = readFileSync(file);
      expect(() => open(file)).toThrow(expect.objectContaining({ code: 'database_corrupt' }));
      expect(readFileSync(file)).toEqual(before);
    }));

  it('that a newer version wrote is refused, and stays as it is byte for byte (contract 9.4)', () =>
    inFolder((folder) => {
      for (const mode of ['DELETE', 'WAL']) {
        const file = join(folder, `${mode}.db`);
        const newer = new DatabaseSync(file);
        newer.exec(`PRAGMA journal_mode = ${mode};
          CREATE TABLE lading_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
          INSERT INTO lading_meta VALUES ('schema_version', '999')`);
        newer.close();
        const before = readFileSync(file);
        expect(() => open(file)).toThrow(expect.objectContaining({ code: 'database_newer' }));
        expect(readFileSync(file)).toEqual(before);
      }
    }));

  it('in a folder that is not there, or that is a folder itself, is refused as unopenable', () =>
    inFolder((folder) => {
      for (const file of [join(folder, 'none', 'a.db'), folder]) {
        expect(() => open(file)).toThrow(expect.objectContaining({ code: 'database_unopenable' }));
      }
    }));

  it('that can not be written is refused when it is opened, not at the first commit', () =>
    inFolder(async (folder) => {
      const file = join(folder, 'a.db');
      await openSqliteEventStore(openNodeSqlite(file), clock).close();
      const handle = new DatabaseSync(file, { readOnly: true });
      expect(() => openSqliteEventStore(nodeSqlite(handle), clock)).toThrow(
        expect.objectContaining({ code: 'database_read_only' }),
      );
      handle.close();
    }));
});
