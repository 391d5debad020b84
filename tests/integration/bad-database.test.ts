import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import {
  type CaptureSource,
  type Lading,
  LadingError,
  type Owner,
  openLading,
  type SqlDatabase,
} from 'lading';
import { directoryBlobs, fileSource } from 'lading/blobs/directory';
import { manualConnectivity } from 'lading/connectivity';
import { nodeSqlite, openNodeSqlite } from 'lading/sqlite/node';
import { memoryRemote } from 'lading/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { databaseIn, fileIn, openOffline } from '../support/real-files.ts';

const FIELDS = {
  'item.images': { kinds: ['image'], maxCount: 2, maxBytes: 500_000 },
  'item.notes': { kinds: ['file'], allowEmpty: true },
} as const;

let base: string;
let lading: Lading;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'lading-bad-'));
});
afterEach(async () => {
  await rm(base, { recursive: true, force: true });
});

const OWNER: Owner = {
  scope: { accountId: 'me' },
  entityType: 'item',
  entityId: 'item-1',
  field: 'images',
};

const database = (): string => databaseIn(base);
const open = (store?: SqlDatabase): Promise<Lading> => openOffline(base, FIELDS, store);
const file = (name: string, bytes: number | string): Promise<string> => fileIn(base, name, bytes);

describe('opening a database that cannot be used', () => {
  async function failureOf(opening: () => Promise<unknown>): Promise<LadingError> {
    try {
      await opening();
    } catch (error) {
      if (error instanceof LadingError) return error;
      throw error;
    }
    throw new Error('it opened');
  }

  it('a file that is no database, or a damaged one: left as it is', async () => {
    for (const bytes of [
      'This is a shopping list. '.repeat(500),
      'SQLite format 3\0'.repeat(600),
    ]) {
      await file('app.db', bytes);
      const error = await failureOf(() => open());
      expect(error.code).toBe('database_corrupt');
      expect(error.message).toMatch(/set it aside/);
      expect(await readFile(database(), 'latin1')).toBe(bytes);
    }
  });

  it('one of a newer version: left as it is (contract 9.4)', async () => {
    lading = await open();
    await lading.close();
    const handle = new DatabaseSync(database());
    handle.exec(`UPDATE lading_meta SET value = '99' WHERE key = 'schema_version'`);
    handle.exec('PRAGMA journal_mode = DELETE');
    handle.close();
    const before = await readFile(database());
    const error = await failureOf(() => open());
    expect(error).toMatchObject({ code: 'database_newer', details: { found: 99 } });
    expect(error.message).toMatch(/Update the app; nothing was changed/);
    expect(await readFile(database())).toEqual(before);
  });

  // Root may write every file: a handle that was opened for reading only stands for it.
  it.each(['new', 'used'])('one without write permission, %s', async (state) => {
    if (state === 'used') {
      lading = await open();
      await lading.close();
    } else {
      new DatabaseSync(database()).close();
    }
    const before = await readFile(database());
    const error = await failureOf(async () =>
      open(nodeSqlite(new DatabaseSync(database(), { readOnly: true }))),
    );
    expect(error.code).toBe('database_read_only');
    expect(error.message).toMatch(/check the permissions/);
    expect(await readFile(database())).toEqual(before);
  });

  it('a folder that is not there, or a folder instead of a file', async () => {
    const missing = await failureOf(async () => openNodeSqlite(join(base, 'no', 'app.db')));
    expect(missing).toMatchObject({ code: 'database_unopenable' });
    const folder = await failureOf(async () => openNodeSqlite(base));
    expect(folder).toMatchObject({ code: 'database_unopenable' });
  });

  it.each(['', '  '])(
    'a path %j: SQLite would take it for a database that vanishes',
    async (path) => {
      const error = await failureOf(async () => openNodeSqlite(path));
      expect(error).toMatchObject({ code: 'invalid_option' });
      expect(error.message).toMatch(/needs the path of a file/);
    },
  );

  it('a handle on which the app has a transaction open, or one that is closed', async () => {
    const handle = new DatabaseSync(database());
    handle.exec('BEGIN');
    const busy = await failureOf(async () => nodeSqlite(handle));
    expect(busy).toMatchObject({ code: 'database_busy' });
    expect(busy.message).toMatch(/end it, then try again\.$/);
    handle.exec('COMMIT');
    const store = nodeSqlite(handle);
    handle.exec('BEGIN');
    expect(await failureOf(() => open(store))).toMatchObject({ code: 'database_busy' });
    handle.close();
    expect(await failureOf(() => open(store))).toMatchObject({ code: 'database_unopenable' });
    const closed = await failureOf(async () => nodeSqlite(handle));
    expect(closed).toMatchObject({ code: 'database_unopenable' });
    expect(closed.message).toMatch(/handle is closed/);
  });

  it.each(['zeros', 'ones', 'noise'])(
    'one page of %s where a table or index begins',
    async (damage) => {
      lading = await open();
      const source = fileSource(await file('good.jpg', 1_000));
      await lading.capture(source, { owner: OWNER, kind: 'image' });
      await lading.close();
      const handle = new DatabaseSync(database());
      handle.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      const pageSize = Number(handle.prepare('PRAGMA page_size').get()?.['page_size']);
      const roots = handle
        .prepare('SELECT name, rootpage FROM sqlite_master WHERE rootpage > 0 ORDER BY rootpage')
        .all()
        .map(({ name, rootpage }) => ({ name: String(name), page: Number(rootpage) }));
      handle.close();
      const sound = await readFile(database());
      const page = Buffer.alloc(pageSize, damage === 'ones' ? 0xff : 0);
      if (damage === 'noise')
        for (const index of page.keys()) page[index] = (index * 167 + 13) & 0xff;
      const found: string[] = [];
      for (const root of [{ name: 'sqlite_master', page: 1 }, ...roots]) {
        const bytes = Buffer.from(sound);
        page.copy(bytes, (root.page - 1) * pageSize);
        await writeFile(database(), bytes);
        await rm(`${database()}-wal`, { force: true });
        await rm(`${database()}-shm`, { force: true });
        for (const step of ['open', 'list', 'capture', 'verify']) {
          const outcome = await outcomeOf(step, source);
          if (outcome !== 'works') found.push(outcome);
          if (outcome !== 'works' && outcome !== 'database_corrupt') {
            throw new Error(`${root.name}, ${step}: ${outcome}`);
          }
        }
      }
      expect(new Set(found)).toEqual(new Set(['database_corrupt']));
      expect(found.length).toBeGreaterThan(roots.length);
    },
  );

  /** Opens the database, does one thing with it, and closes it; tells the code of what was refused. */
  async function outcomeOf(step: string, source: CaptureSource): Promise<string> {
    let opened: Lading | undefined;
    try {
      opened = await open();
      if (step === 'list') opened.list(OWNER);
      if (step === 'capture') await opened.capture(source, { owner: OWNER, kind: 'image' });
      if (step === 'verify') await opened.verify();
      return 'works';
    } catch (error) {
      return error instanceof LadingError ? error.code : String(error);
    } finally {
      await opened?.close().catch(() => {});
    }
  }

  const openFor = (account: string, store = openNodeSqlite(database())) =>
    openLading({
      store,
      blobs: directoryBlobs({ directory: join(base, 'blobs') }),
      remote: memoryRemote(),
      connectivity: manualConnectivity({ online: false }),
      fields: FIELDS,
      account,
    });

  it.each(['A'.repeat(66), 'ü'.repeat(33), 'a'.repeat(200)])(
    'the longest account that files can be named after captures: %s',
    async (account) => {
      lading = await openFor(account);
      const source = fileSource(await file('good.jpg', 1_000));
      const of = { ...OWNER, scope: { accountId: account } };
      await lading.capture(source, { owner: of, kind: 'image' });
      expect(lading.list(of)).toHaveLength(1);
      await lading.close();
    },
  );

  it.each(['A'.repeat(67), 'A'.repeat(70), 'ü'.repeat(60), 'ü'.repeat(199)])(
    'a longer one is told at once, with the limit that it is over: %s',
    async (account) => {
      const store = openNodeSqlite(database());
      const error = await failureOf(() => openFor(account, store));
      store.close();
      expect(error).toMatchObject({ code: 'invalid_id' });
      const [, takes, most] = /takes (\d+) .* the most is (\d+):/.exec(error.message) ?? [];
      expect(Number(takes)).toBeGreaterThan(Number(most));
    },
  );

  it('gives the database back when options are wrong, and can be opened right after', async () => {
    const store = openNodeSqlite(database());
    const parts = {
      store,
      blobs: directoryBlobs({ directory: join(base, 'blobs') }),
      remote: memoryRemote(),
      fields: FIELDS,
      account: 'me',
    };
    const wrong = [
      [{ account: '../you' }, 'invalid_id'],
      [{ concurrency: 0 }, 'invalid_option'],
      [{ fields: { item: { kinds: ['image'] } } }, 'invalid_option'],
      [{ fields: { 'item.images': { kinds: [] } } }, 'invalid_option'],
    ] as const;
    for (const [option, code] of wrong) {
      const error = await failureOf(() => openLading({ ...parts, ...option }));
      expect(error.code).toBe(code);
    }
    lading = await openLading(parts);
    await lading.close();
  });
});
