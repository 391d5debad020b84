import type { ImportRow, Lading } from 'lading';
import { describe, expect, it } from 'vitest';
import { importedId, readOldUrl } from '../../engine/importing/old-urls.ts';
import { codeOf, owner, picture, type World, world } from '../support/lading-world.ts';

const URL_A = 'https://files.example.com/a.jpg';
const URL_B = 'https://files.example.com/b.jpg';

async function opened(): Promise<{ readonly phone: World; readonly lading: Lading }> {
  const phone = world({ online: false });
  return { phone, lading: await phone.open() };
}

function urls(lading: Lading, of = owner()): readonly string[] {
  return lading.list(of).map(({ ref }) => ref.url);
}

describe('what cannot be imported', () => {
  const bad: readonly (readonly [string, Partial<ImportRow>, string, number | null])[] = [
    ['a url with a token', { value: [`${URL_A}?alt=media&token=abc`] }, 'invalid_url', 0],
    ['a presigned url', { value: [URL_A, `${URL_A}?X-Amz-Signature=1`] }, 'invalid_url', 1],
    [
      'a url with a password',
      { value: ['https://me:secret@files.example.com/a'] },
      'invalid_url',
      0,
    ],
    ['a script', { value: ['javascript:alert(1)'] }, 'invalid_url', 0],
    ['something that is no ref', { value: [URL_A, 17] }, 'invalid_option', 1],
    ['text that is no JSON', { value: '[{"url":' }, 'invalid_option', null],
    [
      'a url whose kind nobody says',
      { kind: undefined, value: [URL_A] } as object,
      'wrong_kind',
      0,
    ],
    [
      'a kind that the field does not take',
      { value: [{ url: URL_A, kind: 'video' }] },
      'wrong_kind',
      0,
    ],
    ['a field that is unknown', { owner: owner('item.nonsense') }, 'unknown_field', null],
    [
      'two files for one place',
      { owner: owner('profile.logo'), value: [URL_A, URL_B] },
      'too_many',
      null,
    ],
  ];

  it.each(bad)(
    'leaves its owner as it is, and no other: %s',
    async (_what, change, code, index) => {
      const { phone, lading } = await opened();
      const row = { owner: owner(), value: [URL_A], kind: 'image', ...change } as ImportRow;
      const good = owner('item.images', 'item-2');
      const report = await phone.until(
        lading.importRefs([row, { owner: good, value: [{ url: URL_B, kind: 'image' }] }]),
      );
      expect(report.owners).toEqual({ imported: 1, unchanged: 0, refused: 1 });
      expect(report.problems).toEqual([
        { owner: row.owner, index, code, message: expect.stringMatching(/.{10}/) },
      ]);
      expect(JSON.stringify(report)).not.toMatch(/secret|abc|Signature/);
      expect(urls(lading, row.owner)).toEqual([]);
      expect(urls(lading, good)).toEqual([URL_B]);
    },
  );

  it('is taken when the app says its lasting address', async () => {
    const { phone, lading } = await opened();
    const old = 'https://files.example.com/o/a.jpg?alt=media&token=abc';
    const locatorOf = (url: string): string => url.split('?')[0] ?? url;
    await phone.until(
      lading.importRefs([{ owner: owner(), value: [old], kind: 'image' }], { locatorOf }),
    );
    expect(urls(lading)).toEqual(['https://files.example.com/o/a.jpg']);
    expect(JSON.stringify(phone.rows('SELECT * FROM lading_event'))).not.toContain('abc');
  });

  it('is bytes that the field refuses: the owner is left, nothing is stored, the problem names the entry', async () => {
    const { phone, lading } = await opened();
    const values = ['offline://m1', 'offline://m2'];
    const report = await phone.until(
      lading.importRefs([{ owner: owner(), value: values, kind: 'image' }], {
        bytesOf: ({ localName }) => picture('x', localName === 'm2' ? 11 * 1024 * 1024 : 10),
      }),
    );
    expect(report.problems.map(({ code, index }) => [code, index])).toEqual([
      ['file_too_large', 1],
    ]);
    expect(urls(lading)).toEqual([]);
    expect(lading.storage()).toMatchObject({ usedBytes: 0, files: 0 });
    for await (const blob of phone.blobs.list()) expect.unreachable(blob.key);
  });

  it('is refused as a whole when the rows are none, or of another account', async () => {
    const { lading } = await opened();
    const rows = (value: unknown) => lading.importRefs(value as readonly ImportRow[]);
    expect(await codeOf(rows('nonsense'))).toBe('invalid_option');
    expect(await codeOf(rows([null]))).toBe('invalid_option');
    const foreign = owner('item.images', 'item-1', 'somebody-else');
    expect(await codeOf(rows([{ owner: foreign, value: [] }]))).toBe('wrong_account');
  });
});

describe('urls of older apps', () => {
  it.each([
    ['offline://media_1', 'unsent'],
    ['file:///data/app/photo.jpg', 'place'],
    ['/var/mobile/photo.jpg', 'place'],
    ['C:\\photos\\a.jpg', 'place'],
    ['content://media/external/1', 'place'],
    ['https://x.example/a.jpg?size=2', 'remote'],
    ['https://x.example/a.jpg?X-Goog-Signature=1', 'token'],
    ['https://x.example/a.jpg?sv=1&sig=2', 'token'],
    ['//x.example/a.jpg', 'none'],
    ['gs://bucket/a.jpg', 'none'],
    ['data:image/png;base64,AAAA', 'none'],
    ['nonsense', 'none'],
  ])('%s is %s', (url, type) => {
    expect(readOldUrl(url).type).toBe(type);
  });

  it('give an id that is the same for ever, and another one in another account', () => {
    expect(importedId('a', URL_A)).toBe(importedId('a', URL_A));
    expect(importedId('a', URL_A)).not.toBe(importedId('b', URL_A));
    expect(importedId('a', 'x')).toBe('78edafee-5f42-548b-aabf-7df59e48a5de');
  });
});
