import type { Lading, Owner, UndoToken } from 'lading';
import { describe, expect, it } from 'vitest';
import { ranksBetween } from '../../engine/lifecycle/ranks.ts';
import {
  captureMany,
  codeOf,
  image,
  owner,
  pdf as pdfFile,
  picture,
  shows,
  type World,
  world,
} from '../support/lading-world.ts';

async function opened(online = false) {
  const phone = world({ online });
  return { phone, lading: await phone.open() };
}

/** An owner's list as letters: where each of `ids` stands; the primary one in capitals. */
function letters(lading: Lading, ids: readonly string[], of: Owner = owner()): string {
  return lading
    .list(of)
    .map(({ ref }) => {
      const letter = 'abcdefghij'[ids.indexOf(ref.mediaId)] ?? '?';
      return ref.isPrimary === true ? letter.toUpperCase() : letter;
    })
    .join('');
}

function capturePdf(phone: World, lading: Lading, of: Owner = owner()): Promise<string> {
  const pdf = lading.capture(pdfFile(), { owner: of, kind: 'pdf' });
  return phone.until(pdf.then(({ id }) => id));
}

describe('the order of a list', () => {
  it('moves one to a place, and past the end means last', async () => {
    const { phone, lading } = await opened();
    const ids = await captureMany(phone, lading, 4);
    const move = async (index: number, position: number): Promise<string> => {
      await phone.until(lading.move(ids[index] ?? '', owner(), position));
      return letters(lading, ids);
    };
    expect(letters(lading, ids)).toBe('Abcd');
    expect(await move(3, 0)).toBe('dAbc');
    expect(await move(3, 2)).toBe('Abdc');
    expect(await move(0, 99)).toBe('bdcA');
    expect(await move(0, Number.POSITIVE_INFINITY)).toBe('bdcA');
    expect(await move(0, -5)).toBe('Abdc');
    const nowhere = lading.move(ids[0] ?? '', owner(), Number.NaN);
    expect(await codeOf(phone.until(nowhere))).toBe('invalid_option');
    const stranger = lading.move(lading.newMediaId(), owner(), 0);
    expect(await codeOf(phone.until(stranger))).toBe('not_found');
  });

  it('finds a place between two that two devices gave the same rank', async () => {
    const { phone, lading } = await opened();
    const ids = await captureMany(phone, lading, 4);
    sameRanks(phone, ids.slice(0, 3));
    expect(letters(lading, ids)).toBe('Abcd');
    await phone.until(lading.move(ids[3] ?? '', owner(), 1));
    expect(letters(lading, ids)).toBe('Adbc');
    await phone.until(lading.move(ids[0] ?? '', owner(), 2));
    expect(letters(lading, ids)).toBe('dbAc');
  });

  it('keeps the place when one of equal rank is replaced', async () => {
    const { phone, lading } = await opened();
    const ids = await captureMany(phone, lading, 3);
    sameRanks(phone, ids);
    const { attachment } = await phone.until(
      lading.replace(ids[0] ?? '', picture('new'), owner(), { kind: 'image' }),
    );
    expect(letters(lading, [...ids, attachment.id])).toBe('Dbc');
  });

  it.each([
    [null, null],
    ['a0', 'a1'],
    ['nonsense', null],
    ['000', '001'],
    [null, 'b!!'],
  ])('has ranks between %j and %j, whoever wrote those', (before, after) => {
    const ranks = ranksBetween(before, after, 3);
    const all = [
      ...(before === null ? [] : [before]),
      ...ranks,
      ...(after === null ? [] : [after]),
    ];
    expect(all).toEqual([...new Set(all)].toSorted());
  });
});

/** As if another device had given them: in the rows alone, which is where lists are read from. */
function sameRanks(phone: World, ids: readonly string[]): void {
  const quoted = ids.map((id) => `'${id}'`).join(', ');
  phone.handle.exec(`UPDATE lading_ref SET rank = 'a0' WHERE media_id IN (${quoted})`);
}

describe('the primary one of a list', () => {
  it('is the first image; a PDF never', async () => {
    const { phone, lading } = await opened();
    const pdf = await capturePdf(phone, lading);
    const images = await captureMany(phone, lading, 2);
    const ids = [pdf, ...images];
    expect(letters(lading, ids)).toBe('aBc');
    const refused = lading.setPrimary(pdf, owner());
    expect(await codeOf(phone.until(refused))).toBe('wrong_kind');
    await phone.until(lading.setPrimary(images[1] ?? '', owner()));
    await phone.until(lading.setPrimary(images[1] ?? '', owner()));
    expect(letters(lading, ids)).toBe('abC');
  });

  it.each(['remove', 'cancel', 'replaceByPdf'] as const)(
    'goes to the first image that is left, on %s',
    async (verb) => {
      const { phone, lading } = await opened();
      const pdf = await capturePdf(phone, lading);
      const images = await captureMany(phone, lading, 3);
      const ids = [pdf, ...images];
      const [first = ''] = images;
      if (verb === 'remove') await phone.until(lading.remove(first, owner()));
      else if (verb === 'cancel') await phone.until(lading.cancel(first));
      else {
        await phone.until(lading.replace(first, pdfFile(), owner(), { kind: 'pdf' }));
      }
      expect(letters(lading, ids).replace('?', '')).toBe('aCd');
    },
  );

  it('comes back with an undo, and there is still only one', async () => {
    const { phone, lading } = await opened();
    const ids = await captureMany(phone, lading, 2);
    const token = await phone.until(lading.remove(ids[0] ?? '', owner()));
    expect(letters(lading, ids)).toBe('B');
    await phone.until(lading.undo(token));
    expect(letters(lading, ids)).toBe('Ab');
  });

  it('is given by another owner independently, and not at all in a single field', async () => {
    const { phone, lading } = await opened();
    const ids = await captureMany(phone, lading, 1);
    const [id = ''] = ids;
    const other = owner('item.images', 'item-2');
    await phone.until(lading.link(id, other));
    expect(letters(lading, ids, other)).toBe('A');
    const logo = await phone.until(lading.capture(picture(), image('profile.logo')));
    expect(logo.ref.isPrimary).toBe(false);
    const of = owner('profile.logo');
    const verbs = [lading.setPrimary(logo.id, of), lading.move(logo.id, of, 0)];
    const codes = await phone.until(Promise.all(verbs.map(codeOf)));
    expect(codes).toEqual(['not_single', 'not_single']);
  });
});

describe('the maximum of a field', () => {
  it('holds when many come at the same time, and all bytes of those refused go (field case 70)', async () => {
    const { phone, lading } = await opened();
    const captures = Array.from({ length: 5 }, (_, index) =>
      codeOf(lading.capture(picture(`${index}`), image('item.pair'))),
    );
    const codes = await phone.until(Promise.all(captures));
    expect(codes.filter((code) => code === 'no error')).toHaveLength(2);
    expect(codes.filter((code) => code === 'too_many')).toHaveLength(3);
    expect(phone.blobs.keys).toHaveLength(2);
    expect(phone.rows('SELECT 1 FROM lading_stream')).toHaveLength(2);
  });

  it('holds for two Ladings on one database', async () => {
    const { phone, lading } = await opened();
    const other = await phone.open();
    const codes = await phone.until(
      Promise.all(
        [lading, other, lading, other].map((one, index) =>
          codeOf(one.capture(picture(`${index}`), image('item.pair'))),
        ),
      ),
    );
    expect(codes.toSorted()).toEqual(['no error', 'no error', 'too_many', 'too_many']);
    expect(lading.list(owner('item.pair'))).toEqual(other.list(owner('item.pair')));
  });

  it('lets a full or single field be replaced, and never overfilled by an undo', async () => {
    const { phone, lading } = await opened();
    const of = owner('item.pair');
    const [first = ''] = await captureMany(phone, lading, 2, of);
    const logo = await phone.until(lading.capture(picture(), image('profile.logo')));
    for (const [id, field] of [
      [first, of],
      [logo.id, owner('profile.logo')],
    ] as const) {
      await phone.until(lading.replace(id, picture('new'), field, { kind: 'image' }));
    }
    expect(lading.list(of)).toHaveLength(2);
    const removed = await phone.until(lading.remove(lading.list(of)[1]?.ref ?? '', of));
    await phone.until(lading.capture(picture('more'), image('item.pair')));
    expect(await codeOf(phone.until(lading.undo(removed)))).toBe('too_many');
    expect(lading.list(of)).toHaveLength(2);
  });
});

describe('undo (contract 5.2)', () => {
  it('brings back rank and ref, also after a restart, and twice does no harm', async () => {
    const { phone, lading } = await opened();
    const ids = await captureMany(phone, lading, 3);
    const token = await phone.until(lading.remove(ids[1] ?? '', owner()));
    await phone.until(lading.close());
    const next = await phone.open();
    expect(shows(next.view(ids[1] ?? ''))).toBe('gone, waiting for undo');
    await phone.until(Promise.all([next.undo(token), next.undo(token)]));
    expect(letters(next, ids)).toBe('Abc');
    expect(phone.blobs.keys).toHaveLength(3);
    expect(phone.rows("SELECT 1 FROM lading_outbox WHERE op ->> 'type' = 'ref.delete'")).toEqual(
      [],
    );
  });

  it('is over after its time, whether or not anybody was there (undo_expired)', async () => {
    for (const restart of [false, true]) {
      const { phone, lading } = await opened();
      const [id = ''] = await captureMany(phone, lading, 1);
      const token = await phone.until(lading.remove(id, owner()));
      if (restart) await phone.until(lading.close());
      await phone.pass(31_000);
      const now = restart ? await phone.open() : lading;
      await phone.pass(100);
      expect(await codeOf(phone.until(now.undo(token)))).toBe('undo_expired');
      expect(shows(now.view(id))).toBe('gone');
      expect(phone.blobs.keys).toEqual([]);
      expect(now.storage()).toMatchObject({ usedBytes: 0, files: 0 });
    }
  });

  it('of a replacement puts the old one back in its place, also when the new one is gone already', async () => {
    for (const isGone of [false, true]) {
      const { phone, lading } = await opened();
      const ids = await captureMany(phone, lading, 3);
      const { attachment, undo } = await phone.until(
        lading.replace(ids[1] ?? '', picture('new'), owner(), { kind: 'image' }),
      );
      expect(letters(lading, [...ids, attachment.id])).toBe('Adc');
      if (isGone) await phone.until(lading.remove(attachment.id, owner()));
      await phone.until(lading.undo(undo));
      await phone.until(lading.undo(undo));
      expect(letters(lading, ids)).toBe('Abc');
      expect(shows(lading.view(attachment.id))).toBe('gone, waiting for undo');
    }
  });

  it('of a deleted owner brings back all its fields, in one commit with the rows of the app', async () => {
    const { phone, lading } = await opened();
    phone.handle.exec('CREATE TABLE app (id TEXT PRIMARY KEY)');
    const ids = await captureMany(phone, lading, 2);
    const pair = await captureMany(phone, lading, 2, owner('item.pair'));
    const { scope, entityType, entityId } = owner();
    const entity = { scope, entityType, entityId };
    await captureMany(phone, lading, 1, owner('item.images', 'item-10'));
    const token = await phone.until(
      lading.ownerDeleted(entity, {
        inTransaction: (tx) => void tx.run("INSERT INTO app VALUES ('x')"),
      }),
    );
    expect([lading.list(owner()), lading.list(owner('item.pair'))]).toEqual([[], []]);
    expect(lading.list(owner('item.images', 'item-10'))).toHaveLength(1);
    const broken = lading.undo(token, { inTransaction: [{ sql: 'DELETE FROM app', changes: 7 }] });
    expect(await codeOf(phone.until(broken))).toBe('statement_count');
    expect(lading.list(owner())).toEqual([]);
    await phone.until(lading.undo(token, { inTransaction: [{ sql: 'DELETE FROM app' }] }));
    expect(letters(lading, ids)).toBe('Ab');
    expect(letters(lading, pair, owner('item.pair'))).toBe('Ab');
    expect(phone.rows('SELECT * FROM app')).toEqual([]);
  });

  it('takes no token that Lading did not make', async () => {
    const { phone, lading } = await opened();
    for (const bad of ['', '{}', 'null', '{"removed":[{}]}', '{"removed":[{"mediaId":"../x"}]}']) {
      expect(await codeOf(phone.until(lading.undo(bad as UndoToken)))).toBe('invalid_id');
    }
  });
});

describe('an attachment of two owners (contract 5.3, field case 53)', () => {
  it('lives until the last one lets go', async () => {
    const { phone, lading } = await opened(true);
    const [id = ''] = await captureMany(phone, lading, 1);
    const other = owner('item.images', 'item-2');
    await phone.until(lading.link(id, other));
    await phone.until(lading.settled());
    await phone.until(lading.remove(id, owner()));
    await phone.pass(60_000);
    expect(shows(lading.view(id))).toBe('uploaded');
    expect(lading.list(other)).toHaveLength(1);
    expect(phone.blobs.keys).toHaveLength(1);
    const twice = lading.remove(id, owner());
    expect(await codeOf(phone.until(twice))).toBe('not_found');
    await phone.until(lading.ownerDeleted(other));
    await phone.pass(60_000);
    expect(shows(lading.view(id))).toBe('gone');
    expect(phone.blobs.keys).toEqual([]);
    // It was attached: its object is the backend's to delete, by the op.
    expect(phone.remote.calls.map(({ operation }) => operation)).toEqual(['upload']);
  });
});
