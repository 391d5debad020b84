import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
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

/** Expects a typed error with a sentence that says what to do, and the world as it was. */
async function refuses(
  code: string,
  sentence: RegExp,
  source: CaptureSource,
  options: Partial<CaptureOptions> = {},
): Promise<void> {
  const before = await everything();
  const capturing = lading.capture(source, { owner: owner(), kind: 'image', ...options });
  const error: unknown = await capturing.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(LadingError);
  expect(error).toMatchObject({ code });
  const { message } = error as LadingError;
  expect(message).toMatch(/^["A-Z].*[.]$/);
  expect(message).toMatch(sentence);
  expect(message.length).toBeLessThan(300);
  expect(message).not.toMatch(/\p{Cc}/u);
  expect(await everything()).toEqual(before);
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
    expect(lading.list(owner()).map(({ ref }) => ref)).toMatchObject([
      { mediaId: good.id, sha256: good.sha256 },
    ]);
    expect((await lading.resolve(good.id)).byteSize).toBe(1_000);
    expect(await lading.verify()).toMatchObject({ ok: true });
    await lading.close();
  });

  it('a missing file', () =>
    refuses('source_missing', /Choose it again/, fileSource(join(base, 'nothing.jpg'))));

  it('a directory', async () => {
    await mkdir(join(base, 'folder'));
    await refuses('source_not_a_file', /Choose a file/, fileSource(join(base, 'folder')));
  });

  it.skipIf(process.platform === 'win32')('a pipe', async () => {
    execFileSync('mkfifo', [join(base, 'pipe')]);
    await refuses('source_not_a_file', /Choose a file/, fileSource(join(base, 'pipe')));
  });

  // Root may read every file: one that opens, and whose first page is an I/O error, stands for it.
  it.skipIf(process.platform !== 'linux')('an unreadable file', () =>
    refuses('source_unreadable', /permissions/, {
      open: (signal) => fileSource('/proc/self/mem').open(signal),
    }),
  );

  it('a source that throws something of its own', () =>
    refuses('source_unreadable', /Choose it again/, {
      async *open() {
        yield new Uint8Array(10);
        throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
      },
    }));

  it('zero bytes, unless the field allows it', async () => {
    const empty = await file('empty.jpg', 0);
    await refuses('source_empty', /choose another/, fileSource(empty));
    await refuses('source_empty', /choose another/, { async *open() {} });
    const notes = owner({ field: 'notes' });
    const { ref } = await lading.capture(fileSource(empty), { owner: notes, kind: 'file' });
    expect(ref.byteSize).toBe(0);
    expect((await lading.resolve(ref)).byteSize).toBe(0);
  });

  it('a file that changes while it is read (field case 13)', async () => {
    const path = await file('growing.jpg', 400_000);
    const inner = fileSource(path);
    await refuses('source_changed', /when it is at rest/, {
      async *open(signal) {
        let count = 0;
        for await (const chunk of inner.open(signal)) {
          yield chunk;
          if (count++ === 0) await appendFile(path, 'more');
        }
      },
    });
  });

  it('a file that is too large, whether or not it says so', async () => {
    const source = fileSource(await file('large.jpg', 600_000));
    const sentence = /Maximum size is 488\.2KB\.$/;
    await refuses('file_too_large', sentence, source);
    await refuses('file_too_large', sentence, { open: (signal) => source.open(signal) });
  });

  it('an unknown field, a wrong kind, another account, too many', async () => {
    const source = (): CaptureSource => fileSource(join(base, 'good.jpg'));
    await refuses('unknown_field', /Known fields: item\.images/, source(), {
      owner: owner({ field: 'videos' }),
    });
    await refuses('wrong_kind', /takes image, not video/, source(), { kind: 'video' });
    await refuses('wrong_account', /open Lading for it/, source(), {
      owner: owner({ scope: { accountId: 'you' } }),
    });
    const { id } = await lading.capture(source(), { owner: owner(), kind: 'image' });
    await refuses('too_many', /Maximum 2 files/, source());
    await refuses('id_taken', /newMediaId/, source(), { id });
    await lading.cancel(id);
  });

  const BAD = ['../../../etc/passwd', 'a/../b', 'nul\0byte', 'line\r\nbreak', 'x'.repeat(5_000)];
  const WORSE = ['', '.', '..', 'right\u202Eto left', 'lone \ud800 surrogate'];

  it.each([...BAD, ...WORSE])('an id or owner part %j (contract 10.1)', async (text) => {
    const source = fileSource(join(base, 'good.jpg'));
    await refuses('invalid_id', /it must be/, source, { id: text });
    await refuses('invalid_id', /it must be/, source, { owner: owner({ entityId: text }) });
    await refuses('invalid_id', /it must be/, source, {
      owner: owner({ scope: { accountId: 'me', projectId: text } }),
    });
  });

  it.each(BAD)('a name %j (contract 10.1)', async (filename) => {
    const source = { open: () => fileSource(join(base, 'good.jpg')).open(), filename };
    await refuses('invalid_id', /it must be/, source);
    await refuses('invalid_id', /it must be/, fileSource(join(base, 'good.jpg')), { filename });
  });
});

describe('opening a database that cannot be used', () => {
  async function failureOf(opening: () => Promise<unknown>): Promise<LadingError> {
    try {
      await opening();
    } catch (error) {
      expect(error).toBeInstanceOf(LadingError);
      return error as LadingError;
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
