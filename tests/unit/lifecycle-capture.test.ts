import { bytesSource, type CaptureSource } from 'lading';
import { describe, expect, it } from 'vitest';
import {
  codeOf,
  image,
  owner,
  pdf,
  picture,
  pictureBytes,
  shows,
  type World,
  world,
} from '../support/lading-world.ts';

const TABLES = ['lading_event', 'lading_stream', 'lading_media', 'lading_ref', 'lading_job'];

/** Rows, tasks, ops and blobs: what a capture that failed must not leave. */
function leftovers(phone: World): Record<string, number> {
  const tables = [...TABLES, 'lading_task', 'lading_outbox'];
  const counts = tables.map((table) => {
    const [row] = phone.rows(`SELECT count(*) AS n FROM ${table}`);
    return [table, Number(row?.['n'])] as const;
  });
  return Object.fromEntries(
    [...counts, ['blobs', phone.blobs.keys.length] as const].filter(([, n]) => n),
  );
}

describe('capture', () => {
  it('commits record, events, ref and job in one transaction, after the bytes (contract 3.2)', async () => {
    const commits: unknown[] = [];
    const phone: World = world({
      online: false,
      driver: {
        beforeCommit: () => {
          const counts = TABLES.map((table) => phone.rows(`SELECT 1 FROM ${table}`).length);
          commits.push([...counts, phone.blobs.keys.length]);
        },
      },
    });
    const lading = await phone.open();
    commits.length = 0;
    const photo = await phone.until(lading.capture(picture(), image()));
    expect(commits).toEqual([[2, 1, 1, 1, 1, 1]]);
    expect(photo.ref).toMatchObject({
      url: `offline://${photo.id}`,
      kind: 'image',
      byteSize: SIZE,
    });
    expect(lading.list(owner())).toEqual([{ ref: photo.ref, view: photo.view }]);
    expect(lading.storage()).toMatchObject({ usedBytes: SIZE, files: 1 });
  });

  it.each([
    ['an unknown field', 'unknown_field', { owner: owner('item.videos') }],
    ['a wrong kind', 'wrong_kind', { kind: 'video' }],
    ['another account', 'wrong_account', { owner: owner('item.images', 'item-1', 'you') }],
    ['an id that is none', 'invalid_id', { id: '../../etc/passwd' }],
    ['a name with a path', 'invalid_id', { filename: '../up.jpg' }],
    ['a name with NUL', 'invalid_id', { filename: 'a\0.jpg' }],
    ['a name of 5,000 characters', 'invalid_id', { filename: 'x'.repeat(5_000) }],
    ['an entity with NUL', 'invalid_id', { owner: owner('item.images', 'a\0b') }],
  ] as const)('refuses %s before a byte is read', async (_, code, more) => {
    const phone = world();
    const lading = await phone.open();
    let read = false;
    const source: CaptureSource = {
      async *open() {
        read = true;
        yield new Uint8Array(1);
      },
    };
    expect(await codeOf(phone.until(lading.capture(source, image(undefined, more))))).toBe(code);
    expect(read).toBe(false);
    expect(leftovers(phone)).toEqual({});
  });

  it('checks all files of a batch before a byte of any is stored (contract 3.1, field case 70)', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    let read = 0;
    const file = (sizeBytes: number): CaptureSource => ({
      sizeBytes,
      async *open() {
        read += 1;
        yield pictureBytes('', sizeBytes);
      },
    });
    const of = { owner: owner('item.pair') };
    const one = { source: file(500), kind: 'image' } as const;
    const batches = [
      ['too_many', [one, one, one]],
      ['file_too_large', [one, { ...one, source: file(99_000_000) }]],
      ['source_empty', [one, { ...one, source: file(0) }]],
      ['wrong_kind', [one, { ...one, kind: 'pdf' as const }]],
      [
        'id_taken',
        [
          { ...one, id: UUID },
          { ...one, id: UUID },
        ],
      ],
    ] as const;
    for (const [code, files] of batches) {
      expect(await codeOf(phone.until(lading.captureAll(files, of)))).toBe(code);
    }
    expect(read).toBe(0);
    const photos = await phone.until(lading.captureAll([one, one], of));
    expect(lading.list(of.owner).map(({ ref }) => ref.mediaId)).toEqual(photos.map(({ id }) => id));
    expect(await phone.until(lading.captureAll([], of))).toEqual([]);
  });

  it('takes a whole batch back when one of its files cannot be read', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const broken: CaptureSource = {
      async *open() {
        yield new Uint8Array(3);
        throw new Error('the camera fell into the sea');
      },
    };
    const files = [picture(), broken].map((source) => ({ source, kind: 'image' as const }));
    const batch = lading.captureAll(files, { owner: owner() });
    expect(await codeOf(phone.until(batch))).toBe('source_unreadable');
    expect(leftovers(phone)).toEqual({});
  });

  it('says the limit of the field in the sentence, also when only reading shows the size (contract 7.4)', async () => {
    const phone = world({ fields: { 'item.images': { kinds: ['image'], maxBytes: 1_572_864 } } });
    const lading = await phone.open();
    const bytes = pictureBytes('', 1_572_865);
    const known = bytesSource(bytes);
    for (const source of [known, { open: () => known.open() }]) {
      await expect(phone.until(lading.capture(source, image()))).rejects.toMatchObject({
        code: 'file_too_large',
        message: 'File too large. Maximum size is 1.5MB.',
      });
    }
    expect(leftovers(phone)).toEqual({});
  });

  it('leaves nothing when the disk fills up (contract 7.5)', async () => {
    const phone = world({ online: false, capacityBytes: 500 });
    const lading = await phone.open();
    const kept = await phone.until(lading.capture(picture('small', 300), image()));
    const big = lading.capture(picture('big', 300), image());
    expect(await codeOf(phone.until(big))).toBe('disk_full');
    expect(phone.blobs.keys).toHaveLength(1);
    expect(lading.list(owner()).map(({ ref }) => ref.mediaId)).toEqual([kept.id]);
  });

  it('stores the type that the bytes have, whatever they claim to be (contract 3.1, 10.1, field case 60)', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const claims = ['image/jpeg\r\nX: y', 'a\0b', 'x'.repeat(5_000), 'Image/PNG; a=b', undefined];
    const types = [];
    for (const contentType of claims) {
      const source = { ...picture(), contentType };
      const { ref } = await phone.until(lading.capture(source, image()));
      types.push(ref.contentType);
    }
    expect(types).toEqual(Array(5).fill('image/jpeg'));
  });
});

describe('capture with the rows of the app', () => {
  async function withApp(): Promise<World> {
    const phone = world({ online: false });
    phone.handle.exec('CREATE TABLE app (id TEXT PRIMARY KEY, photo TEXT)');
    return phone;
  }

  it('writes them in the same commit, by a function or as statements with row counts', async () => {
    const phone = await withApp();
    const lading = await phone.open();
    const id = lading.newMediaId();
    const byFunction = lading.capture(picture(), {
      ...image(undefined, { id }),
      inTransaction: (tx) => void tx.run('INSERT INTO app VALUES (?, ?)', 'one', id),
    });
    expect((await phone.until(byFunction)).id).toBe(id);
    const sql = 'UPDATE app SET photo = ? WHERE id = ?';
    const options = (row: string) =>
      image(undefined, { inTransaction: [{ sql, params: ['x', row], changes: 1 }] });
    await phone.until(lading.capture(picture(), options('one')));
    expect(phone.rows('SELECT * FROM app')).toEqual([{ id: 'one', photo: 'x' }]);
    const wrong = lading.capture(picture(), options('two'));
    expect(await codeOf(phone.until(wrong))).toBe('statement_count');
    expect(lading.list(owner())).toHaveLength(2);
    // Of one picture, taken twice: the refused third left nothing either.
    expect(phone.blobs.keys).toHaveLength(1);
  });

  it('takes everything back when the app throws, the blob included', async () => {
    const phone = await withApp();
    const lading = await phone.open();
    const throwing = lading.capture(picture(), {
      ...image(),
      inTransaction(tx) {
        tx.run('INSERT INTO app VALUES (?, ?)', 'one', null);
        throw new RangeError('not today');
      },
    });
    await expect(phone.until(throwing)).rejects.toThrow(RangeError);
    expect(leftovers(phone)).toEqual({});
    expect(phone.rows('SELECT * FROM app')).toEqual([]);
  });

  it('refuses an asynchronous function, and what it does after the commit', async () => {
    const phone = await withApp();
    const lading = await phone.open();
    const late: unknown[] = [];
    const asynchronous = lading.capture(picture(), {
      ...image(),
      // oxlint-disable-next-line typescript/no-misused-promises -- what callers get wrong
      inTransaction: async (tx) => {
        await Promise.resolve();
        try {
          tx.run('INSERT INTO app VALUES (?, ?)', 'late', null);
        } catch (error) {
          late.push(error);
        }
      },
    });
    await expect(phone.until(asynchronous)).rejects.toThrow('must be synchronous');
    expect(late).toMatchObject([{ name: 'TypeError' }]);
    expect(leftovers(phone)).toEqual({});
    expect(phone.rows('SELECT * FROM app')).toEqual([]);
  });

  it('harms no other capture of the same commit', async () => {
    const phone = await withApp();
    const lading = await phone.open();
    const results = await phone.until(
      Promise.allSettled([
        lading.capture(picture('one'), image()),
        lading.capture(picture('two'), {
          ...image(),
          inTransaction: [{ sql: 'INSERT INTO nowhere VALUES (1)' }],
        }),
        lading.capture(picture('three'), image()),
      ]),
    );
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(lading.list(owner())).toHaveLength(2);
    expect(phone.blobs.keys).toHaveLength(2);
  });
});

describe('a capture that is aborted', () => {
  it('leaves nothing at whatever moment before the commit, and changes nothing after it (contract 3.2)', async () => {
    const bytes = pictureBytes();
    const chunks = [bytes.subarray(0, 10), bytes.subarray(10)];
    const moments = ['before', 'first byte', 'last byte', 'in the commit', 'after'] as const;
    for (const moment of moments) {
      const phone = world({ online: false });
      const lading = await phone.open();
      const abort = new AbortController();
      const at = (now: (typeof moments)[number]): void => {
        if (now === moment) abort.abort();
      };
      at('before');
      const capturing = lading.capture(
        {
          async *open() {
            at('first byte');
            yield* chunks;
            at('last byte');
          },
        },
        image(undefined, { signal: abort.signal, inTransaction: () => at('in the commit') }),
      );
      const code = await codeOf(phone.until(capturing));
      at('after');
      await phone.pass(100);
      // The abort from within the commit comes too late: the decision is made.
      const isKept = moment === 'in the commit' || moment === 'after';
      expect([moment, code]).toEqual([moment, isKept ? 'no error' : 'capture_aborted']);
      expect(lading.list(owner())).toHaveLength(isKept ? 1 : 0);
      expect(phone.blobs.keys).toHaveLength(isKept ? 1 : 0);
      expect(phone.rows('SELECT 1 FROM lading_event')).toHaveLength(isKept ? 2 : 0);
    }
  });

  it('is given up while its bytes are stored and its commit waits', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const abort = new AbortController();
    const capturing = lading.capture(picture(), image(undefined, { signal: abort.signal }));
    const code = codeOf(capturing);
    await phone.clock.settle();
    expect(phone.blobs.keys).toHaveLength(1);
    abort.abort(new Error('the user went back'));
    expect(await phone.until(code)).toBe('capture_aborted');
    expect(leftovers(phone)).toEqual({});
  });
});

describe('two captures of one id', () => {
  it('store it once, one after the other', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const id = lading.newMediaId();
    await phone.until(lading.capture(picture('one'), image(undefined, { id })));
    const again = lading.capture(picture('two'), image(undefined, { id }));
    expect(await codeOf(phone.until(again))).toBe('id_taken');
    expect(phone.blobs.keys).toHaveLength(1);
  });

  it('store it once at the same time, and keep the bytes of the one that won', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const id = lading.newMediaId();
    const codes = await phone.until(
      Promise.all(
        ['one', 'two!'].map((text) =>
          codeOf(lading.capture(picture(text), image(undefined, { id }))),
        ),
      ),
    );
    expect(codes).toEqual(['no error', 'id_taken']);
    expect(phone.blobs.keys).toHaveLength(1);
    expect(lading.list(owner())).toMatchObject([
      { ref: { mediaId: id, byteSize: pictureBytes('one').byteLength } },
    ]);
  });
});

describe('a draft', () => {
  it('is not uploaded before it is linked (contract 3.3)', async () => {
    const phone = world();
    const lading = await phone.open();
    const draft = await phone.until(lading.capture(picture(), image(undefined, { draft: true })));
    await phone.pass(60_000);
    expect(shows(draft.view)).toBe('local_only, waiting for link');
    expect(draft.ref.isPrimary).toBe(false);
    expect(phone.remote.calls).toEqual([]);
    expect(lading.list(owner())).toEqual([]);
    await phone.until(lading.link(draft.id, owner()));
    await phone.until(lading.link(draft.id, owner()));
    await phone.until(lading.settled());
    expect(shows(draft.view)).toBe('uploaded');
    expect(lading.list(owner())).toEqual([{ ref: draft.ref, view: draft.view }]);
  });

  it('is cleaned up after its grace, also by the next start, and then cannot be linked', async () => {
    const policy = { draftGraceMs: 60_000 };
    const phone = world({ fields: { 'item.images': { kinds: ['image'], policy } } });
    const lading = await phone.open();
    const drafts = await phone.until(
      lading.captureAll(
        [picture('one'), picture('two')].map((source) => ({ source, kind: 'image' as const })),
        { owner: owner(), draft: true },
      ),
    );
    await phone.until(lading.close());
    const next = await phone.open();
    const [one, two] = drafts.map(({ id }) => id);
    await phone.until(next.link(one ?? '', owner()));
    await phone.pass(61_000);
    expect(shows(next.view(one ?? ''))).toBe('uploaded');
    expect(shows(next.view(two ?? ''))).toBe('gone');
    expect(phone.blobs.keys).toHaveLength(1);
    expect(await codeOf(phone.until(next.link(two ?? '', owner())))).toBe('already_gone');
    expect(phone.remote.calls.map(({ operation }) => operation)).toEqual(['upload']);
  });

  it('is linked only to a field that takes its kind and has room', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const document = await phone.until(
      lading.capture(pdf(), { ...image(undefined, { draft: true }), kind: 'pdf' }),
    );
    expect(await codeOf(phone.until(lading.link(document.id, owner('item.pair'))))).toBe(
      'wrong_kind',
    );
    await phone.until(lading.capture(picture(), image('profile.logo')));
    const draft = await phone.until(lading.capture(picture(), image(undefined, { draft: true })));
    const full = lading.link(draft.id, owner('profile.logo'));
    expect(await codeOf(phone.until(full))).toBe('too_many');
    const nobody = lading.newMediaId();
    expect(await codeOf(phone.until(lading.link(nobody, owner())))).toBe('not_found');
  });
});

/** Of the picture that most tests capture. */
const SIZE = pictureBytes().byteLength;
const UUID = '01890a5d-ac96-774b-bcce-b302099a8057';
