import { bytesSource, type CaptureSource, type ImportRow, type Lading, LadingError } from 'lading';
import { sampleJpeg } from 'lading/testing';
import { describe, expect, it } from 'vitest';
import { importedId } from '../../engine/importing/old-urls.ts';
import type { ObjectKey } from '../../ports/remote.ts';
import { codeOf, FIELDS, ME, owner, shows, type World, world } from '../support/lading-world.ts';

const URL_A = 'https://files.example.com/a.jpg';
const URL_B = 'https://files.example.com/b.jpg';

async function opened(
  options: Parameters<typeof world>[0] = {},
): Promise<{ readonly phone: World; readonly lading: Lading }> {
  const phone = world({ online: false, ...options });
  return { phone, lading: await phone.open() };
}

const urls = (lading: Lading, of = owner()): readonly string[] =>
  lading.list(of).map(({ ref }) => ref.url);
const item = (n: number) => owner('item.images', `item-${n}`);
const jpeg = (body: string): CaptureSource => bytesSource(sampleJpeg({ body }));

describe('ids of older apps', () => {
  it('that are no UUIDs say nothing: files that share one stay two files', async () => {
    const { phone, lading } = await opened();
    const first = { mediaId: '1', url: URL_A, kind: 'image' };
    const second = { mediaId: '1', url: URL_B, kind: 'image' };
    const rows = [
      { owner: item(1), value: [first] },
      { owner: item(2), value: [second] },
      { owner: item(3), value: [first, second] },
    ];
    const report = await phone.until(lading.importRefs(rows));
    expect(report.refs).toMatchObject({ linked: 4, repeated: 0 });
    expect([1, 2, 3].map((n) => urls(lading, item(n)))).toEqual([[URL_A], [URL_B], [URL_A, URL_B]]);
  });

  it('that are UUIDs of two files are a problem, in one column and across columns; neither is lost', async () => {
    const { phone, lading } = await opened();
    const mediaId = '3f2b8a52-6f0e-4a53-9a4e-1f2ab3c4d5e6';
    const ref = (url: string) => ({ mediaId, url, kind: 'image' });
    const inOne = await phone.until(
      lading.importRefs([{ owner: item(1), value: [ref(URL_A), ref(URL_B)] }]),
    );
    expect(inOne.problems.map(({ code, index }) => [code, index])).toEqual([['id_taken', 1]]);
    await phone.until(lading.importRefs([{ owner: item(2), value: [ref(URL_A)] }]));
    const across = await phone.until(lading.importRefs([{ owner: item(3), value: [ref(URL_B)] }]));
    expect(across.problems.map(({ code }) => code)).toEqual(['id_taken']);
    expect([1, 2, 3].map((n) => urls(lading, item(n)))).toEqual([[], [URL_A], []]);
  });
});

describe('the name of bytes that were not found yet', () => {
  it('is remembered, although the column holds a new one by now: a later call finds them by it', async () => {
    const phone = world({
      online: false,
      fields: {
        ...FIELDS,
        'note.photo': {
          kinds: ['image'],
          single: true,
          project: (tx, of, refs) =>
            void tx.run('UPDATE note SET url = ? WHERE id = ?', refs[0]?.url ?? null, of.entityId),
        },
      },
    });
    phone.handle.exec(
      "CREATE TABLE note (id TEXT, url TEXT); INSERT INTO note VALUES ('n', 'offline://media_1700')",
    );
    const of = owner('note.photo', 'n');
    const column = () => phone.rows('SELECT url FROM note')[0]?.['url'];
    const lading = await phone.open();
    await phone.until(lading.importRefs([{ owner: of, value: column() }]));
    expect(column()).toBe(`offline://${importedId(ME, 'media_1700')}`);
    const asked: string[] = [];
    const report = await phone.until(
      lading.importRefs([{ owner: of, value: column() }], {
        bytesOf({ localName }) {
          asked.push(localName);
          return jpeg('found');
        },
      }),
    );
    expect(asked).toEqual(['media_1700']);
    expect(report.refs.captured).toBe(1);
    expect((await phone.until(lading.verify())).differences).toEqual([]);
  });

  it('that is a place on this device is an id of this device alone', async () => {
    const value = ['content://media/external/images/media/33'];
    const ids: string[] = [];
    for (const seed of ['one', 'two']) {
      const { phone, lading } = await opened({ seed });
      const rows = [{ owner: owner(), value, kind: 'image' as const }];
      await phone.until(lading.importRefs(rows, { bytesOf: () => jpeg(seed) }));
      const again = await phone.until(lading.importRefs(rows, { bytesOf: () => jpeg(seed) }));
      expect(again.refs).toMatchObject({ captured: 0, unchanged: 1 });
      ids.push(lading.list(owner())[0]?.ref.mediaId ?? '');
    }
    expect(ids[0]).not.toBe(ids[1]);
  });
});

describe('a path', () => {
  const row: ImportRow = { owner: owner(), value: ['/uploads/2019/b.jpg'], kind: 'image' };

  it('may be an address of a server: locatorOf is asked first', async () => {
    const { phone, lading } = await opened();
    const locatorOf = (url: string): string => `https://files.example.com${url}`;
    await phone.until(lading.importRefs([row], { locatorOf }));
    expect(urls(lading)).toEqual(['https://files.example.com/uploads/2019/b.jpg']);
  });

  it('that nobody explains is a problem, and the column stays', async () => {
    const { phone, lading } = await opened();
    const report = await phone.until(lading.importRefs([row]));
    expect(report.problems.map(({ code }) => code)).toEqual(['invalid_url']);
    expect(urls(lading)).toEqual([]);
  });
});

describe('what goes wrong for one owner', () => {
  it('in the projection, bytesOf or locatorOf is its own problem: all others come over', async () => {
    const { phone, lading } = await opened({
      fields: {
        'item.images': {
          kinds: ['image'],
          project(_tx, { entityId }) {
            if (entityId === 'item-3') throw new Error('no such row');
          },
        },
      },
    });
    const rows = Array.from({ length: 45 }, (_, n) => ({
      owner: item(n),
      value: [n === 5 ? 'offline://m5' : n === 7 ? 'x:seven' : `${URL_A}?n=${n}`],
    }));
    const report = await phone.until(
      lading.importRefs(rows, {
        bytesOf() {
          throw new Error('ENOENT');
        },
        locatorOf(url) {
          if (url === 'x:seven') throw new Error('seven');
          return undefined;
        },
      }),
    );
    expect(report.owners).toEqual({ imported: 42, unchanged: 0, refused: 3 });
    expect(report.problems.map(({ owner: of, code }) => `${of.entityId} ${code}`)).toEqual([
      'item-3 import_failed',
      'item-5 import_failed',
      'item-7 import_failed',
    ]);
  });

  it('a url that is no well-formed text is a problem like any other, and nothing raw is thrown', async () => {
    const { phone, lading } = await opened();
    const report = await phone.until(
      lading.importRefs([{ owner: owner(), value: [`${URL_A}\ud800`], kind: 'image' }]),
    );
    expect(report.problems.map(({ code }) => code)).toEqual(['invalid_url']);
  });

  it('an old file that is gone leaves its ref waiting; the others of its column come over', async () => {
    const { phone, lading } = await opened();
    const missing = new LadingError('source_missing', 'The file is not there.');
    const gone: CaptureSource = {
      open: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(missing) }) }),
    };
    const report = await phone.until(
      lading.importRefs(
        [{ owner: owner(), value: [URL_A, 'offline://m1', 'offline://m2'], kind: 'image' }],
        { bytesOf: ({ localName }) => (localName === 'm1' ? gone : jpeg('m2')) },
      ),
    );
    expect(report.refs).toMatchObject({ linked: 1, waiting: 1, captured: 1 });
    expect(lading.list(owner()).map(({ view }) => shows(view))).toEqual([
      'uploaded',
      'local_only, waiting for author',
      'local_only, waiting for network',
    ]);
    expect(phone.blobs.keys.length).toBe(1);
  });

  it('a store that fails ends the call with its error', async () => {
    const { phone, lading } = await opened();
    await phone.until(lading.close());
    expect(await codeOf(lading.importRefs([{ owner: owner(), value: [URL_A] }]))).toBe('closed');
  });
});

it('a logo that was replaced since is no second file of its field', async () => {
  const { phone, lading } = await opened();
  const of = owner('profile.logo', 'profile-1');
  const rows = [{ owner: of, value: URL_A }];
  await phone.until(lading.importRefs(rows));
  const old = lading.list(of)[0]?.ref.mediaId ?? '';
  await phone.until(lading.replace(old, jpeg('new'), of, { kind: 'image' }));
  const report = await phone.until(lading.importRefs(rows));
  expect(report).toMatchObject({ refs: { removedSince: 1 }, problems: [] });
});

it('bytes that nobody wants any more at the commit are not left behind', async () => {
  const { phone, lading } = await opened();
  const rows = [{ owner: owner(), value: ['offline://m1'], kind: 'image' as const }];
  await phone.until(lading.importRefs(rows));
  const ref = lading.list(owner())[0]?.ref.mediaId ?? '';
  const report = await phone.until(
    lading.importRefs(rows, {
      async bytesOf() {
        await lading.remove(ref, owner());
        return jpeg('too late');
      },
    }),
  );
  expect(report.refs).toMatchObject({ captured: 0, removedSince: 1 });
  expect(phone.blobs.keys).toEqual([]);
});

it('the size that an older app told without a hash is a hint, and refuses no download', async () => {
  const { phone, lading } = await opened();
  const bytes = new TextEncoder().encode('longer than what it said');
  phone.remote.objects.set('old/a' as ObjectKey, { bytes, media: null });
  const value = [{ url: 'https://objects.example/old/a', kind: 'image', byteSize: 12 }];
  await phone.until(lading.importRefs([{ owner: owner(), value }]));
  phone.net.set({ online: true, metered: false });
  const file = await phone.until(lading.resolve(lading.list(owner())[0]?.ref.mediaId ?? ''));
  expect(file.byteSize).toBe(bytes.length);
});
