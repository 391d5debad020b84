import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { isDeepStrictEqual } from 'node:util';
import {
  type CaptureOptions,
  type CaptureSource,
  type Lading,
  LadingError,
  type Owner,
  openLading,
} from 'lading';
import { directoryBlobs, fileSource } from 'lading/blobs/directory';
import { manualConnectivity } from 'lading/connectivity';
import { nodeSqlite, openNodeSqlite } from 'lading/sqlite/node';
import { memoryRemote } from 'lading/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

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

function owner(more: Partial<Owner> = {}): Owner {
  const scope = { accountId: 'me' };
  return { scope, entityType: 'item', entityId: 'item-1', field: 'images', ...more };
}

const database = (): string => join(base, 'app.db');

async function open(store = openNodeSqlite(database())): Promise<Lading> {
  try {
    return await openLading({
      store,
      blobs: directoryBlobs({ directory: join(base, 'blobs') }),
      remote: memoryRemote(),
      connectivity: manualConnectivity({ online: false }),
      fields: FIELDS,
      account: 'me',
    });
  } catch (error) {
    store.close();
    throw error;
  }
}

async function file(name: string, bytes: number | string): Promise<string> {
  const path = join(base, name);
  await writeFile(path, typeof bytes === 'string' ? bytes : new Uint8Array(bytes).fill(7));
  return path;
}

/** Everything that exists: rows by table, and files below the blobs. */
async function everything(): Promise<unknown> {
  const handle = new DatabaseSync(database(), { readOnly: true });
  const tables = handle
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'lading_%'")
    .all()
    .map(({ name }) => String(name))
    .filter((name) => name !== 'lading_runner');
  const rows = tables.map((name) => [name, handle.prepare(`SELECT * FROM ${name}`).all()]);
  handle.close();
  const found = await readdir(join(base, 'blobs'), { recursive: true, withFileTypes: true });
  const files = found.filter((entry) => entry.isFile()).map(({ name }) => name);
  return { rows, files: files.toSorted() };
}

const REFUSED = 'refused with a sentence, and nothing else happened';

/** Tries to capture; says whether it was refused by this typed error, and what is wrong with the refusal otherwise. */
async function refusal(
  code: string,
  sentence: RegExp,
  source: CaptureSource,
  options: Partial<CaptureOptions> = {},
): Promise<string> {
  const before = await everything();
  const error: unknown = await lading
    .capture(source, { owner: owner(), kind: 'image', ...options })
    .then(
      () => 'captured',
      (thrown: unknown) => thrown,
    );
  if (!(error instanceof LadingError) || error.code !== code) return String(error);
  const { message } = error;
  const isSound = /^["A-Z].*[.]$/.test(message) && !/\p{Cc}/u.test(message);
  if (!isSound || message.length > 300 || !sentence.test(message)) return message;
  const after = await everything();
  return isDeepStrictEqual(after, before) ? REFUSED : 'something was left behind';
}

describe('capture of bad input: a typed error, nothing half done, the others unharmed', () => {
  let good: { readonly id: string; readonly sha256: string | undefined };

  beforeEach(async () => {
    lading = await open();
    const source = fileSource(await file('good.jpg', 1_000));
    const { id, ref } = await lading.capture(source, { owner: owner(), kind: 'image' });
    good = { id, sha256: ref.sha256 };
  });
  afterEach(async () => {
    const [only, ...more] = lading.list(owner());
    const { ok } = await lading.verify();
    const { byteSize } = await lading.resolve(good.id);
    await lading.close();
    if (only?.ref.sha256 !== good.sha256 || more.length > 0 || !ok || byteSize !== 1_000) {
      throw new Error('the other attachment was harmed');
    }
  });

  it('a missing file', async () =>
    expect(
      await refusal('source_missing', /Choose it again/, fileSource(join(base, 'nothing.jpg'))),
    ).toBe(REFUSED));

  it('a directory', async () => {
    await mkdir(join(base, 'folder'));
    expect(
      await refusal('source_not_a_file', /Choose a file/, fileSource(join(base, 'folder'))),
    ).toBe(REFUSED);
  });

  it.skipIf(process.platform === 'win32')('a pipe', async () => {
    execFileSync('mkfifo', [join(base, 'pipe')]);
    expect(
      await refusal('source_not_a_file', /Choose a file/, fileSource(join(base, 'pipe'))),
    ).toBe(REFUSED);
  });

  // Root may read every file: one that opens, and whose first page is an I/O error, stands for it.
  it.skipIf(process.platform !== 'linux')('an unreadable file', async () =>
    expect(
      await refusal('source_unreadable', /permissions/, {
        open: (signal) => fileSource('/proc/self/mem').open(signal),
      }),
    ).toBe(REFUSED),
  );

  it('a source that throws something of its own', async () =>
    expect(
      await refusal('source_unreadable', /Choose it again/, {
        async *open() {
          yield new Uint8Array(10);
          throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
        },
      }),
    ).toBe(REFUSED));

  it('zero bytes, unless the field allows it', async () => {
    const empty = await file('empty.jpg', 0);
    expect(await refusal('source_empty', /choose another/, fileSource(empty))).toBe(REFUSED);
    expect(await refusal('source_empty', /choose another/, { async *open() {} })).toBe(REFUSED);
    const notes = owner({ field: 'notes' });
    const { ref } = await lading.capture(fileSource(empty), { owner: notes, kind: 'file' });
    expect(ref.byteSize).toBe(0);
    expect((await lading.resolve(ref)).byteSize).toBe(0);
  });

  it('a file that changes while it is read (field case 13)', async () => {
    const path = await file('growing.jpg', 400_000);
    const inner = fileSource(path);
    expect(
      await refusal('source_changed', /when it is at rest/, {
        async *open(signal) {
          let count = 0;
          for await (const chunk of inner.open(signal)) {
            yield chunk;
            if (count++ === 0) await appendFile(path, 'more');
          }
        },
      }),
    ).toBe(REFUSED);
  });

  it('a file that is too large, whether or not it says so', async () => {
    const source = fileSource(await file('large.jpg', 600_000));
    const sentence = /Maximum size is 488\.2KB\.$/;
    expect(await refusal('file_too_large', sentence, source)).toBe(REFUSED);
    expect(
      await refusal('file_too_large', sentence, { open: (signal) => source.open(signal) }),
    ).toBe(REFUSED);
  });

  it('an unknown field, a wrong kind, another account, too many', async () => {
    const source = (): CaptureSource => fileSource(join(base, 'good.jpg'));
    expect(
      await refusal('unknown_field', /Known fields: item\.images/, source(), {
        owner: owner({ field: 'videos' }),
      }),
    ).toBe(REFUSED);
    expect(await refusal('wrong_kind', /takes image, not video/, source(), { kind: 'video' })).toBe(
      REFUSED,
    );
    expect(
      await refusal('wrong_account', /open Lading for it/, source(), {
        owner: owner({ scope: { accountId: 'you' } }),
      }),
    ).toBe(REFUSED);
    const { id } = await lading.capture(source(), { owner: owner(), kind: 'image' });
    expect(await refusal('too_many', /Maximum 2 files/, source())).toBe(REFUSED);
    expect(await refusal('id_taken', /newMediaId/, source(), { id })).toBe(REFUSED);
    await lading.cancel(id);
  });

  const BAD = ['../../../etc/passwd', 'a/../b', 'nul\0byte', 'line\r\nbreak', 'x'.repeat(5_000)];
  const WORSE = ['', '.', '..', 'right\u202Eto left', 'lone \ud800 surrogate'];

  it.each([...BAD, ...WORSE])('an id or owner part %j (contract 10.1)', async (text) => {
    const source = fileSource(join(base, 'good.jpg'));
    expect(await refusal('invalid_id', /it must be/, source, { id: text })).toBe(REFUSED);
    expect(
      await refusal('invalid_id', /it must be/, source, { owner: owner({ entityId: text }) }),
    ).toBe(REFUSED);
    expect(
      await refusal('invalid_id', /it must be/, source, {
        owner: owner({ scope: { accountId: 'me', projectId: text } }),
      }),
    ).toBe(REFUSED);
  });

  it.each(BAD)('a name %j (contract 10.1)', async (filename) => {
    const source = { open: () => fileSource(join(base, 'good.jpg')).open(), filename };
    expect(await refusal('invalid_id', /it must be/, source)).toBe(REFUSED);
    expect(
      await refusal('invalid_id', /it must be/, fileSource(join(base, 'good.jpg')), { filename }),
    ).toBe(REFUSED);
  });
});

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
      await lading.capture(source, { owner: owner(), kind: 'image' });
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
      if (step === 'list') opened.list(owner());
      if (step === 'capture') await opened.capture(source, { owner: owner(), kind: 'image' });
      if (step === 'verify') await opened.verify();
      return 'works';
    } catch (error) {
      return error instanceof LadingError ? error.code : String(error);
    } finally {
      await opened?.close().catch(() => {});
    }
  }

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
