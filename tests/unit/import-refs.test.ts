import type { AttachmentRef, CaptureSource, ImportRow, Lading } from 'lading';
import { describe, expect, it } from 'vitest';
import { importedId } from '../../engine/importing/old-urls.ts';
import type { ObjectKey } from '../../ports/remote.ts';
import {
  codeOf,
  FIELDS,
  ME,
  owner,
  picture,
  shows,
  type World,
  world,
} from '../support/lading-world.ts';

const URL_A = 'https://files.example.com/a.jpg';
const URL_B = 'https://files.example.com/b.jpg';
const LOGO = 'https://files.example.com/logo.png';

async function opened(): Promise<{ readonly phone: World; readonly lading: Lading }> {
  const phone = world({ online: false });
  return { phone, lading: await phone.open() };
}

function urls(lading: Lading, of = owner()): readonly string[] {
  return lading.list(of).map(({ ref }) => ref.url);
}

const none = { linked: 0, captured: 0, waiting: 0, unchanged: 0, repeated: 0, removedSince: 0 };

describe('refs of an older app with remote urls (contract 1)', () => {
  const rows: readonly ImportRow[] = [
    {
      owner: owner(),
      value: [
        { url: URL_A, kind: 'image', contentType: 'image/jpeg', byteSize: 12 },
        { url: URL_B, kind: 'image', isPrimary: true, localUri: '/gone' },
        { url: 'https://files.example.com/c.pdf', kind: 'pdf' },
      ],
    },
    { owner: owner('profile.logo', 'profile-1'), value: LOGO },
  ];

  it('stand in their order with derived ids, and show as uploaded', async () => {
    const { phone, lading } = await opened();
    const report = await phone.until(lading.importRefs(rows));
    expect(report).toEqual({
      owners: { imported: 2, unchanged: 0, refused: 0 },
      refs: { ...none, linked: 4 },
      problems: [],
    });
    const items = lading.list(owner());
    expect(items.map(({ ref, view }) => [ref.url, ref.isPrimary ?? false, shows(view)])).toEqual([
      [URL_A, false, 'uploaded'],
      [URL_B, true, 'uploaded'],
      ['https://files.example.com/c.pdf', false, 'uploaded'],
    ]);
    expect(items[0]?.ref).toEqual({
      mediaId: importedId(ME, URL_A),
      url: URL_A,
      kind: 'image',
      contentType: 'image/jpeg',
      byteSize: 12,
      isPrimary: false,
    } satisfies AttachmentRef);
    expect(urls(lading, owner('profile.logo', 'profile-1'))).toEqual([LOGO]);
    expect((await phone.until(lading.verify())).differences).toEqual([]);
  });

  it('change nothing when they are imported again, also after a restart, and by another device get the same ids', async () => {
    const { phone, lading } = await opened();
    await phone.until(lading.importRefs(rows));
    const before = phone.rows('SELECT count(*) AS n FROM lading_event');
    const again = await phone.until(lading.importRefs(rows));
    expect(again.owners).toEqual({ imported: 0, unchanged: 2, refused: 0 });
    expect(again.refs).toEqual({ ...none, unchanged: 4 });
    await phone.until(lading.close());
    const reopened = await phone.open();
    await phone.until(reopened.importRefs(rows));
    expect(phone.rows('SELECT count(*) AS n FROM lading_event')).toEqual(before);

    const other = await opened();
    await other.phone.until(other.lading.importRefs(rows));
    const ids = (of: Lading) => of.list(owner()).map(({ ref }) => ref.mediaId);
    expect(ids(other.lading)).toEqual(ids(reopened));
  });

  it('keep what Lading wrote since: a column that holds its own refs again is nothing new', async () => {
    const { phone, lading } = await opened();
    const photo = await phone.until(lading.capture(picture(), { owner: owner(), kind: 'image' }));
    const report = await phone.until(
      lading.importRefs([
        { owner: owner(), value: [photo.ref], mirrors: [photo.ref.url], kind: 'image' },
      ]),
    );
    expect(report.refs).toEqual({ ...none, unchanged: 1, repeated: 1 });
  });

  it('know a bare url of the owner by its url, whatever id it got', async () => {
    const { phone, lading } = await opened();
    const of = owner('profile.logo', 'profile-1');
    const logo = await phone.until(lading.capture(picture(), { owner: of, kind: 'image' }));
    phone.net.set({ online: true, metered: false });
    await phone.until(lading.settled());
    expect(logo.view.state).toBe('uploaded');
    const report = await phone.until(lading.importRefs([{ owner: of, value: logo.ref.url }]));
    expect(report.refs).toEqual({ ...none, unchanged: 1 });
    expect(lading.list(of)).toHaveLength(1);
  });

  it('come as JSON text, as single refs and as nothing', async () => {
    const { phone, lading } = await opened();
    const report = await phone.until(
      lading.importRefs([
        { owner: owner(), value: JSON.stringify([{ url: URL_A, kind: 'image' }]) },
        { owner: owner('item.images', 'item-2'), value: { url: URL_B, kind: 'image' } },
        { owner: owner('item.images', 'item-3'), value: null },
        { owner: owner('item.images', 'item-4'), value: '' },
        { owner: owner('item.images', 'item-5'), value: 'null' },
      ]),
    );
    expect(report.owners).toEqual({ imported: 2, unchanged: 3, refused: 0 });
    expect(urls(lading)).toEqual([URL_A]);
  });

  it('of two owners with the same url are one attachment with two refs (contract 5.3)', async () => {
    const { phone, lading } = await opened();
    const second = owner('item.pair', 'item-2');
    await phone.until(
      lading.importRefs([
        { owner: owner(), value: [{ url: URL_A, kind: 'image' }] },
        { owner: second, value: [URL_A] },
      ]),
    );
    expect(lading.list(owner())[0]?.ref.mediaId).toBe(lading.list(second)[0]?.ref.mediaId);
  });

  it('of a legacy mirror are taken over once, and only where the column lacks them', async () => {
    const { phone, lading } = await opened();
    const image = (url: string) => ({ url, kind: 'image' });
    const row = {
      owner: owner(),
      value: [image(URL_A)],
      mirrors: [[image(URL_A), image(URL_B)], JSON.stringify([image(URL_B)])],
    };
    const report = await phone.until(lading.importRefs([row]));
    expect(report.refs).toEqual({ ...none, linked: 2, repeated: 2 });
    expect(urls(lading)).toEqual([URL_A, URL_B]);
  });

  it('do not come back by a mirror that nobody rewrites, once they were removed', async () => {
    const { phone, lading } = await opened();
    const row = { owner: owner(), value: [], mirrors: [[{ url: URL_A, kind: 'image' }]] };
    await phone.until(lading.importRefs([row]));
    await phone.until(lading.remove(importedId(ME, URL_A), owner()));
    const again = await phone.until(lading.importRefs([row]));
    expect(again.refs).toEqual({ ...none, removedSince: 1 });
    await phone.pass(60_000);
    expect((await phone.until(lading.importRefs([row]))).refs).toEqual({
      ...none,
      removedSince: 1,
    });
    expect(urls(lading)).toEqual([]);
  });

  it('beyond the maximum of today are kept: a limit loses nothing', async () => {
    const { phone, lading } = await opened();
    const pair = owner('item.pair');
    const many = [URL_A, URL_B, LOGO];
    await phone.until(lading.importRefs([{ owner: pair, value: many }]));
    expect(urls(lading, pair)).toEqual(many);
    const more = lading.capture(picture(), { owner: pair, kind: 'image' });
    expect(await codeOf(phone.until(more))).toBe('too_many');
  });
});

describe('queued jobs of an older app', () => {
  const row = (localName: string, more = {}): ImportRow => ({
    owner: owner(),
    value: [{ url: `offline://${localName}`, kind: 'image', ...more }],
  });

  it('bring their bytes, which are uploaded under a stable id', async () => {
    const { phone, lading } = await opened();
    const asked: string[] = [];
    const report = await phone.until(
      lading.importRefs([row('media_1700_x'), row('media_1701_y')], {
        bytesOf({ localName }) {
          asked.push(localName);
          return picture(localName);
        },
      }),
    );
    expect(asked).toEqual(['media_1700_x', 'media_1701_y']);
    expect(report.refs).toEqual({ ...none, captured: 2 });
    phone.net.set({ online: true, metered: false });
    await phone.until(lading.settled());
    expect(lading.list(owner()).map(({ view }) => view.state)).toEqual(['uploaded', 'uploaded']);
    expect(phone.remote.objects.size).toBe(2);
    const again = await phone.until(lading.importRefs([row('media_1700_x')]));
    expect(again.refs).toEqual({ ...none, unchanged: 1 });
  });

  it('without bytes show as not here yet; a later call brings the bytes, and they are uploaded', async () => {
    const { phone, lading } = await opened();
    await phone.until(lading.importRefs([row('m1')]));
    expect(lading.list(owner()).map(({ view }) => shows(view))).toEqual([
      'local_only, waiting for author',
    ]);
    expect((await phone.until(lading.importRefs([row('m1')]))).owners.unchanged).toBe(1);
    const bytesOf = (): CaptureSource => picture('found at last');
    const later = await phone.until(lading.importRefs([row('m1')], { bytesOf }));
    expect(later.refs).toEqual({ ...none, captured: 1 });
    phone.net.set({ online: true, metered: false });
    await phone.until(lading.settled());
    expect(lading.list(owner()).map(({ view }) => shows(view))).toEqual(['uploaded']);
    expect((await phone.until(lading.verify())).differences).toEqual([]);
    expect(lading.storage().usedBytes).toBeGreaterThan(0);
  });

  it('keep ids that are UUIDs already, so that other devices know them', async () => {
    const { phone, lading } = await opened();
    const id = '3f2b8a52-6f0e-4a53-9a4e-1f2ab3c4d5e6';
    await phone.until(lading.importRefs([row(id)], { bytesOf: () => picture() }));
    expect(lading.list(owner())[0]?.ref.mediaId).toBe(id);
  });

  it('of two owners share their bytes', async () => {
    const { phone, lading } = await opened();
    const second = owner('item.pair', 'item-2');
    const value = ['offline://m1'];
    const report = await phone.until(
      lading.importRefs(
        [
          { owner: owner(), value, kind: 'image' },
          { owner: second, value },
        ],
        { bytesOf: () => picture('shared') },
      ),
    );
    expect(report.problems).toEqual([]);
    expect(lading.storage().files).toBe(1);
    expect(lading.list(second)[0]?.ref.mediaId).toBe(lading.list(owner())[0]?.ref.mediaId);
  });
});

it('refs alone come over on a full device; bytes do not, and stay where they are', async () => {
  const phone = world({ online: false });
  const lading = await phone.open({ storageBudgetBytes: 200 });
  const rows = [
    { owner: owner(), value: [URL_A], kind: 'image' as const },
    { owner: owner('item.images', 'item-2'), value: ['offline://m1'], kind: 'image' as const },
  ];
  const report = await phone.until(
    lading.importRefs(rows, { bytesOf: () => picture('much', 5_000) }),
  );
  expect(report.refs).toEqual({ ...none, linked: 1 });
  expect(report.problems.map(({ code, owner: { entityId } }) => [code, entityId])).toEqual([
    ['storage_full', 'item-2'],
  ]);
});

it('a ref that says nothing of its bytes learns it with the first download, and they count', async () => {
  const { phone, lading } = await opened();
  const bytes = new TextEncoder().encode('what the older app had uploaded');
  phone.remote.objects.set('old/a' as ObjectKey, { bytes, media: null });
  const value = [{ url: 'https://objects.example/old/a', kind: 'image' }];
  await phone.until(lading.importRefs([{ owner: owner(), value }]));
  phone.net.set({ online: true, metered: false });
  const mediaId = lading.list(owner())[0]?.ref.mediaId ?? '';
  const file = await phone.until(lading.resolve(mediaId));
  expect(file.byteSize).toBe(bytes.length);
  expect(lading.storage()).toMatchObject({ usedBytes: bytes.length, files: 1 });
  expect(lading.list(owner())[0]?.ref).toMatchObject({ byteSize: bytes.length });
  expect((await phone.until(lading.verify())).differences).toEqual([]);
});

it('a dry run says what would happen, and changes nothing', async () => {
  const { phone, lading } = await opened();
  const rows = [{ owner: owner(), value: [URL_A, 'offline://m1'], kind: 'image' as const }];
  const options = { bytesOf: () => picture() };
  const dry = await phone.until(lading.importRefs(rows, { ...options, dryRun: true }));
  expect(dry.refs).toEqual({ ...none, linked: 1, captured: 1 });
  expect(phone.rows('SELECT count(*) AS n FROM lading_event')).toEqual([{ n: 0 }]);
  expect(await phone.until(lading.importRefs(rows, options))).toEqual(dry);
});

it("an import writes the app's own row in the same commit, by the field's projection", async () => {
  const phone = world({
    online: false,
    fields: {
      ...FIELDS,
      'project.mainImageUrl': {
        kinds: ['image'],
        single: true,
        project: (tx, of, refs) =>
          void tx.run('UPDATE project SET url = ? WHERE id = ?', refs[0]?.url ?? null, of.entityId),
      },
    },
  });
  phone.handle.exec(
    `CREATE TABLE project (id TEXT, url TEXT); INSERT INTO project VALUES ('p', '${URL_A}')`,
  );
  const lading = await phone.open();
  const of = owner('project.mainImageUrl', 'p');
  await phone.until(lading.importRefs([{ owner: of, value: URL_A }]));
  expect(phone.rows('SELECT url FROM project')).toEqual([{ url: URL_A }]);
});

describe('an import that is killed', () => {
  it('has taken over whole owners, and the next one completes it', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const rows = Array.from({ length: 60 }, (_, n) => ({
      owner: owner('item.images', `item-${n}`),
      value: [`${URL_A}?n=${n}`, `${URL_B}?n=${n}`],
      kind: 'image' as const,
    }));
    // Nobody waits for it: the process is gone.
    void lading.importRefs(rows).catch(() => undefined);
    await Promise.resolve();
    phone.kill();
    const again = await phone.open();
    const counts = () => rows.map((row) => again.list(row.owner).length);
    expect(counts().every((count) => count === 0 || count === 2)).toBe(true);
    const report = await phone.until(again.importRefs(rows));
    expect(report.owners.imported + report.owners.unchanged).toBe(60);
    expect(new Set(counts())).toEqual(new Set([2]));
  });
});
