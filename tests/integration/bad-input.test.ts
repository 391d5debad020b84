import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { isDeepStrictEqual } from 'node:util';
import {
  bytesSource,
  type CaptureOptions,
  type CaptureSource,
  type Lading,
  LadingError,
  type Owner,
  type SqlDatabase,
} from 'lading';
import { fileSource } from 'lading/blobs/directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { databaseIn, fileIn, openOffline, picture } from '../support/real-files.ts';

const FIELDS = {
  'item.images': { kinds: ['image'], maxCount: 2, maxBytes: 500_000 },
  'item.photos': { kinds: ['image'], maxBytes: 500_000 },
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

const database = (): string => databaseIn(base);
const open = (store?: SqlDatabase): Promise<Lading> => openOffline(base, FIELDS, store);
const file = (name: string, bytes: number | string): Promise<string> => fileIn(base, name, bytes);

/** Everything that exists: rows by table, and files below the blobs. */
async function everything(): Promise<unknown> {
  const handle = new DatabaseSync(database(), { readOnly: true });
  const tables = handle
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'lading_%'")
    .all()
    .map(({ name }) => String(name))
    .filter((name) => name !== 'lading_runner');
  const rows = tables.map((name) => [name, handle.prepare(`SELECT * FROM ${name}`).all()]);
  const captured = Number(handle.prepare('SELECT count(*) AS n FROM lading_media').get()?.['n']);
  handle.close();
  // Sidecars follow their commits, one for each that was never sent: here, all of them.
  for (let looks = 0; (await filesBelow('sidecars')).length < captured && looks < 10_000; looks++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { rows, files: await filesBelow('.') };
}

async function filesBelow(directory: string): Promise<readonly string[]> {
  const path = join(base, 'blobs', directory);
  const found = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => []);
  return found
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .toSorted();
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
    expect(await refusal('too_many', /Maximum 2 images/, source())).toBe(REFUSED);
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

  /** What is thrown or rejected; whatever it is. */
  async function thrownBy(run: () => unknown): Promise<unknown> {
    try {
      await run();
    } catch (error) {
      return error;
    }
    return 'nothing was thrown';
  }

  it('a source that throws when it is opened, or gives something else than bytes', async () => {
    const bad: readonly [RegExp, () => unknown][] = [
      [/Choose it again/, () => JSON.parse('{')],
      [/Choose it again/, () => undefined],
      [/must yield Uint8Array/, () => ['text', 'more text']],
      [/must yield Uint8Array/, () => [new Uint8Array(10), null]],
    ];
    for (const [sentence, give] of bad) {
      const source = { open: give } as unknown as CaptureSource;
      expect(await refusal('source_unreadable', sentence, source)).toBe(REFUSED);
    }
  });

  it.each([undefined, null, 7, 'photo.jpg', {}, { open: 'photo.jpg' }])(
    'a source that is none: %j',
    async (given) => {
      const source = given as unknown as CaptureSource;
      expect(await refusal('invalid_option', /fileSource\(path\)/, source)).toBe(REFUSED);
    },
  );

  it.each([
    undefined,
    null,
    'item-1',
    {},
    { entityType: 'item', entityId: 'item-1', field: 'images' },
  ])('an owner that is none: %j', async (given) => {
    const none = given as unknown as Owner;
    const source = fileSource(join(base, 'good.jpg'));
    expect(await refusal('invalid_id', /must be/, source, { owner: none })).toBe(REFUSED);
    const before = await everything();
    const verbs = [
      () => lading.list(none),
      () => lading.link(good.id, none),
      () => lading.remove(good.id, none),
      () => lading.ownerDeleted(none),
      () => lading.watch(none, () => {}),
    ];
    for (const verb of verbs) {
      expect(await thrownBy(verb)).toMatchObject({ name: 'LadingError', code: 'invalid_id' });
    }
    expect(await everything()).toEqual(before);
  });

  it.each([undefined, null, 7, {}, { mediaId: 7 }, { mediaId: 'x', url: null }])(
    'a ref that is none: %j',
    async (given) => {
      const none = given as unknown as string;
      const verbs = [
        () => lading.view(none),
        () => lading.resolve(none),
        () => lading.history(none),
        () => lading.watch(none, () => {}),
        () => lading.cancel(none),
        () => lading.retry(none),
      ];
      for (const verb of verbs) {
        expect(await thrownBy(verb)).toMatchObject({ name: 'LadingError', code: 'invalid_id' });
      }
    },
  );

  it('no options, and no array of files', async () => {
    const source = fileSource(join(base, 'good.jpg'));
    const none = undefined as unknown as CaptureOptions;
    const noFiles = source as unknown as [];
    const one = { source, kind: 'image' } as const;
    const calls = [
      [() => lading.capture(source, none), 'invalid_option'],
      [() => lading.captureAll([one], none), 'invalid_option'],
      [() => lading.captureAll(noFiles, { owner: owner() }), 'invalid_option'],
      [
        () => lading.captureAll([null as unknown as typeof one], { owner: owner() }),
        'invalid_option',
      ],
    ] as const;
    for (const [call, code] of calls) {
      expect(await thrownBy(call)).toMatchObject({ name: 'LadingError', code });
    }
  });

  describe('one of several files: the error says which', () => {
    const id = '01890a5d-ac96-774b-bcce-b302099a8057';
    const ok = {
      source: bytesSource(picture(200), { filename: 'ok.jpg' }),
      kind: 'image',
    } as const;
    const bytes = (size: number) => bytesSource(picture(size), { filename: 'Foto süß.jpg' });

    it.each([
      ['source_missing', { source: fileSource('/nowhere/Foto süß.jpg'), kind: 'image', id }],
      ['source_empty', { source: bytes(0), kind: 'image', id }],
      [
        'source_empty',
        { source: { async *open() {} }, filename: 'Foto süß.jpg', kind: 'image', id },
      ],
      ['file_too_large', { source: bytes(600_000), kind: 'image', id }],
      [
        'file_too_large',
        {
          source: { open: () => bytes(600_000).open(), filename: 'Foto süß.jpg' },
          kind: 'image',
          id,
        },
      ],
      ['wrong_kind', { source: bytes(10), kind: 'pdf', id }],
      ['too_many', { source: bytes(10), kind: 'image', id }],
    ] as const)('%s', async (code, second) => {
      const before = await everything();
      const of = owner({ field: code === 'too_many' ? 'images' : 'photos' });
      const error = await thrownBy(() => lading.captureAll([ok, second], { owner: of }));
      expect(error).toMatchObject({
        name: 'LadingError',
        code,
        details: { index: 1, mediaId: id, filename: 'Foto süß.jpg' },
      });
      expect(await everything()).toEqual(before);
    });

    it('the same id twice, and an id that is taken', async () => {
      const twice = [
        { ...ok, id },
        { ...ok, id },
      ];
      const details = { index: 1, mediaId: id, filename: 'ok.jpg' };
      const error = await thrownBy(() => lading.captureAll(twice, { owner: owner() }));
      expect(error).toMatchObject({ code: 'id_taken', details });
      const taken = [ok, { ...ok, id: good.id }];
      expect(await thrownBy(() => lading.captureAll(taken, { owner: owner() }))).toMatchObject({
        code: 'id_taken',
        details: { ...details, mediaId: good.id },
      });
    });

    it('never by a path', async () => {
      const second = { ...ok, filename: '/home/me/private.jpg' };
      const error = await thrownBy(() => lading.captureAll([ok, second], { owner: owner() }));
      expect(error).toMatchObject({ code: 'invalid_id', details: { index: 1, filename: null } });
      expect(JSON.stringify((error as LadingError).details)).not.toContain('private');
    });
  });
});
