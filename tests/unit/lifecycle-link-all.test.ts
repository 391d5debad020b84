import { describe, expect, it } from 'vitest';
import { codeOf, image, ME, owner, picture, world } from '../support/lading-world.ts';

describe('linkAll (contract 3.3)', () => {
  it('links drafts to several owners in one commit, in their order, with the rows of the app', async () => {
    const { phone, lading, drafts } = await withDrafts(3);
    const [a = '', b = '', c = ''] = drafts;
    await phone.until(
      lading.linkAll(
        [
          { ref: c, owner: owner() },
          { ref: a, owner: owner() },
          { ref: b, owner: owner('profile.logo') },
        ],
        { inTransaction: [{ sql: 'INSERT INTO saved VALUES (?)', params: ['form'], changes: 1 }] },
      ),
    );
    expect(lading.list(owner()).map(({ ref }) => ref.mediaId)).toEqual([c, a]);
    expect(lading.list(owner())[0]?.ref.isPrimary).toBe(true);
    expect(lading.list(owner('profile.logo')).map(({ ref }) => ref.mediaId)).toEqual([b]);
    expect(phone.rows('SELECT * FROM saved')).toEqual([{ id: 'form' }]);
  });

  it.each([
    ['one has no room', 'item.pair', 'too_many'],
    ['a field is unknown', 'item.nothing', 'unknown_field'],
  ])('links none of them, and writes no row, when %s', async (_what, field, code) => {
    const { phone, lading, drafts } = await withDrafts(3);
    const links = drafts.map((ref) => ({ ref, owner: owner(field) }));
    const inTransaction = [{ sql: 'INSERT INTO saved VALUES (?)', params: ['form'] }];
    expect(await codeOf(phone.until(lading.linkAll(links, { inTransaction })))).toBe(code);
    expect(lading.list(owner(field))).toEqual([]);
    expect(drafts.map((id) => lading.view(id).waitingFor)).toEqual(['link', 'link', 'link']);
    expect(phone.rows('SELECT * FROM saved')).toEqual([]);
  });

  it('refuses the whole of it when one is gone, unknown, of another account, or no link at all', async () => {
    const { phone, lading, drafts } = await withDrafts(2);
    const [a = '', b = ''] = drafts;
    await phone.until(lading.cancel(b));
    const links = (ref: string) => [
      { ref: a, owner: owner() },
      { ref, owner: owner() },
    ];
    const tries: readonly (readonly [Parameters<typeof lading.linkAll>[0], string])[] = [
      [links(b), 'already_gone'],
      [links(lading.newMediaId()), 'not_found'],
      [links('no id'), 'invalid_id'],
      [[{ ref: a, owner: owner('item.images', 'item-1', `not ${ME}`) }], 'wrong_account'],
      [[null as never], 'invalid_id'],
      ['all' as never, 'invalid_option'],
    ];
    for (const [bad, code] of tries) {
      expect(await codeOf(phone.until(lading.linkAll(bad)))).toBe(code);
      expect(lading.list(owner())).toEqual([]);
    }
    await phone.until(lading.linkAll([]));
  });
});

async function withDrafts(count: number) {
  const phone = world({ online: false });
  const lading = await phone.open();
  phone.handle.exec('CREATE TABLE saved (id TEXT NOT NULL)');
  const drafts: string[] = [];
  for (let n = 0; n < count; n++) {
    const draft = lading.capture(picture(`photo ${n}`), image('item.images', { draft: true }));
    drafts.push((await phone.until(draft)).id);
  }
  return { phone, lading, drafts };
}
