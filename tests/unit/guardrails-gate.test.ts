import { LadingError } from 'lading';
import { describe, expect, it } from 'vitest';
import {
  device,
  FILE,
  fill,
  OWNER,
  sized,
  slow,
  storedBytes,
  unsized,
} from '../support/guardrails-world.ts';
import { codeOf, owner } from '../support/lading-world.ts';

/** More than what is read ahead of a file, to see what it is. */
const KB = 1_000;
const BUDGET = { storageBudgetBytes: 1_000 * KB };

describe('every local save is held against what there may be (contract 7.3)', () => {
  it.each([
    [0, 899, 'no error'],
    [0, 900, 'storage_nearly_full'],
    [0, 1_000, 'storage_nearly_full'],
    [0, 1_001, 'storage_full'],
    [500, 399, 'no error'],
    [500, 400, 'storage_nearly_full'],
    [500, 500, 'storage_nearly_full'],
    [500, 501, 'storage_full'],
  ])('with %i of 1000 kB used, a file of %i kB ends in: %s', async (used, incoming, expected) => {
    const phone = device();
    const lading = await phone.open(BUDGET);
    if (used > 0) await fill(phone, lading, used * KB);
    expect(await codeOf(phone.until(lading.capture(sized(incoming * KB), FILE)))).toBe(expected);
    // Nothing is written of what was refused.
    const stored = used + (expected === 'no error' ? incoming : 0);
    expect(await storedBytes(phone)).toBe(stored * KB);
    expect(lading.storage().usedBytes).toBe(stored * KB);
    expect(phone.rows('SELECT * FROM lading_media')).toHaveLength(
      Number(used > 0) + Number(expected === 'no error'),
    );
  });

  it('to the byte', async () => {
    const phone = device();
    const lading = await phone.open(BUDGET);
    const save = (bytes: number) => codeOf(phone.until(lading.capture(sized(bytes), FILE)));
    expect(await save(1_000 * KB + 1)).toBe('storage_full');
    expect(await save(1_000 * KB)).toBe('storage_nearly_full');
    expect(await save(900 * KB)).toBe('storage_nearly_full');
    expect(await save(900 * KB - 1)).toBe('no error');
  });

  it('captureAll, draft and replace too', async () => {
    const phone = device();
    const lading = await phone.open(BUDGET);
    const old = await fill(phone, lading, 500 * KB);
    const over = sized(400 * KB);
    const verbs: readonly (() => Promise<unknown>)[] = [
      () => lading.capture(over, FILE),
      () => lading.captureAll([{ source: over, kind: 'file' }], { owner: OWNER }),
      () => lading.capture(over, { ...FILE, draft: true }),
      () => lading.replace(old, over, OWNER, { kind: 'file' }),
    ];
    for (const verb of verbs) expect(await codeOf(phone.until(verb()))).toBe('storage_nearly_full');
    expect(lading.list(OWNER).map(({ ref }) => ref.mediaId)).toEqual([old]);
    expect(await storedBytes(phone)).toBe(500 * KB);
  });

  it('a batch is looked at as a whole, before a byte of it is stored', async () => {
    const phone = device();
    const lading = await phone.open(BUDGET);
    const files = (bytes: number) =>
      [1, 2, 3].map(() => ({ source: sized(bytes * KB), kind: 'file' as const }));
    const all = (bytes: number) => phone.until(lading.captureAll(files(bytes), { owner: OWNER }));
    expect(await codeOf(all(334))).toBe('storage_full');
    expect(await codeOf(all(300))).toBe('storage_nearly_full');
    expect(phone.blobs.keys).toEqual([]);
    expect(await codeOf(all(299))).toBe('no error');
  });

  it('says the sentence of the contract, with numbers for the app (contract 7.4)', async () => {
    const phone = device();
    const lading = await phone.open({ ...BUDGET, sentences: { storage_full: 'Voll!' } });
    await fill(phone, lading, 100 * KB);
    const refused = async (bytes: number) =>
      phone.until(lading.capture(sized(bytes * KB), FILE)).catch((error: unknown) => error);
    expect(await refused(901)).toEqual(
      new LadingError('storage_full', 'Voll!', {
        details: { usedBytes: 100 * KB, totalBytes: 1_000 * KB, incomingBytes: 901 * KB },
      }),
    );
    expect(await refused(800)).toMatchObject({
      code: 'storage_nearly_full',
      message: 'Storage quota nearly full (90%+). Please free up space before uploading.',
    });
  });

  it('attachments of all accounts fill the same device', async () => {
    const phone = device();
    const lading = await phone.open(BUDGET);
    await fill(phone, lading, 500 * KB);
    const other = await phone.open({ ...BUDGET, account: 'account-2' });
    const theirs = { owner: owner('item.files', 'item-1', 'account-2'), kind: 'file' as const };
    expect(await codeOf(phone.until(other.capture(sized(400 * KB), theirs)))).toBe(
      'storage_nearly_full',
    );
    expect(other.storage()).toMatchObject({
      usedBytes: 0,
      files: 0,
      space: { usedBytes: 500 * KB },
    });
  });

  it('a field may choose offline only', async () => {
    const phone = device();
    const lading = await phone.open(BUDGET);
    const far = { owner: owner('item.far'), kind: 'file' as const };
    expect(await codeOf(phone.until(lading.capture(sized(950 * KB), far)))).toBe(
      'storage_nearly_full',
    );
    phone.net.set({ online: true });
    await phone.pass(1);
    const held = slow(950 * KB);
    const saving = lading.capture(held.source, far);
    await held.reached;
    // It is not refused, but what it takes is seen by others.
    expect(await codeOf(phone.until(lading.capture(sized(100 * KB), FILE)))).toBe('storage_full');
    held.open();
    expect(await codeOf(phone.until(saving))).toBe('no error');
  });

  it('where nothing is known, nothing is refused (contract 7.1)', async () => {
    const phone = device();
    const lading = await phone.open();
    await fill(phone, lading, 60_000_000);
    expect(lading.storage()).toMatchObject({ level: 'unknown', usedBytes: 60_000_000, files: 1 });
    expect(lading.storage().space).toBeUndefined();
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5'])(
    'a budget of %s is refused when Lading opens',
    async (storageBudgetBytes) => {
      const opening = device().open({ storageBudgetBytes: storageBudgetBytes as number });
      expect(await codeOf(opening)).toBe('invalid_option');
    },
  );
});

describe('a source that does not know its size, or does not say it (contract 7.3)', () => {
  it('is refused while it is read, and nothing of it is left', async () => {
    const phone = device();
    const lading = await phone.open(BUDGET);
    expect(await codeOf(phone.until(lading.capture(unsized(900 * KB), FILE)))).toBe(
      'storage_nearly_full',
    );
    expect(phone.blobs.keys).toEqual([]);
    expect(await codeOf(phone.until(lading.capture(unsized(899 * KB), FILE)))).toBe('no error');
  });

  it('is refused before it is stored when there is no room at all', async () => {
    const phone = device();
    const lading = await phone.open(BUDGET);
    await fill(phone, lading, 899 * KB);
    await phone.until(lading.close());
    const next = await phone.open({ storageBudgetBytes: 998 * KB });
    expect(await codeOf(phone.until(next.capture(unsized(10), FILE)))).toBe('storage_nearly_full');
  });

  it.each([10 * KB, -5, Number.NaN])(
    'is not believed when it says %s and gives more',
    async (lie) => {
      const phone = device();
      const lading = await phone.open(BUDGET);
      const source = { ...unsized(950 * KB), sizeBytes: lie };
      expect(await codeOf(phone.until(lading.capture(source, FILE)))).toBe('storage_nearly_full');
      expect(phone.blobs.keys).toEqual([]);
    },
  );

  it('gives back what it said too much as soon as it was read', async () => {
    const phone = device();
    const lading = await phone.open(BUDGET);
    const held = slow(100 * KB);
    const shorter = { ...sized(100 * KB), sizeBytes: 700 * KB };
    const batch = lading.captureAll(
      [
        { source: shorter, kind: 'file' },
        { source: held.source, kind: 'file' },
      ],
      { owner: OWNER },
    );
    await held.reached;
    expect(await codeOf(phone.until(lading.capture(sized(600 * KB), FILE)))).toBe('no error');
    held.open();
    expect(await codeOf(phone.until(batch))).toBe('no error');
  });
});

describe('two captures cannot both take the last bytes (contract 7.3)', () => {
  it.each([true, false])('of one process, whose sizes are known: %s', async (known) => {
    const phone = device();
    const lading = await phone.open(BUDGET);
    const held = slow(500 * KB, { tellsSize: known });
    const first = lading.capture(held.source, FILE);
    await held.reached;
    const second = phone.until(lading.capture(known ? sized(500 * KB) : unsized(800 * KB), FILE));
    expect(await codeOf(second)).toMatch(/^storage_/);
    held.open();
    expect(await codeOf(phone.until(first))).toBe('no error');
    expect(await storedBytes(phone)).toBe(500 * KB);
  });

  it('of two processes on one database: the later commit is refused, and leaves nothing', async () => {
    const phone = device();
    const [one, two] = [await phone.open(BUDGET), await phone.open(BUDGET)];
    const [held, too] = [slow(600 * KB), slow(600 * KB)];
    const first = one.capture(held.source, FILE);
    const second = two.capture(too.source, FILE);
    await Promise.all([held.reached, too.reached]);
    held.open();
    too.open();
    const ends = [await codeOf(phone.until(first)), await codeOf(phone.until(second))];
    expect(ends.toSorted()).toEqual(['no error', 'storage_full']);
    expect(await storedBytes(phone)).toBe(600 * KB);
    expect(phone.rows('SELECT * FROM lading_media')).toHaveLength(1);
  });
});

describe('room that was reserved', () => {
  it('is given back when the capture fails, however it does', async () => {
    const phone = device();
    const lading = await phone.open(BUDGET);
    const controller = new AbortController();
    const failures: readonly (readonly [string, () => Promise<unknown>])[] = [
      [
        'source_unreadable',
        () =>
          lading.capture(
            {
              sizeBytes: 800 * KB,
              async *open() {
                yield new Uint8Array(400 * KB);
                throw new Error('the card was pulled');
              },
            },
            FILE,
          ),
      ],
      [
        'Error: the app says no',
        () =>
          lading.capture(sized(800 * KB), {
            ...FILE,
            inTransaction: () => {
              throw new Error('the app says no');
            },
          }),
      ],
      [
        'capture_aborted',
        () => {
          const held = slow(800 * KB);
          const capture = lading.capture(held.source, { ...FILE, signal: controller.signal });
          void held.reached.then(() => controller.abort());
          return capture;
        },
      ],
    ];
    for (const [expected, fail] of failures) {
      expect(await codeOf(phone.until(fail()))).toBe(expected);
    }
    expect(phone.blobs.keys).toEqual([]);
    expect(await codeOf(phone.until(lading.capture(sized(899 * KB), FILE)))).toBe('no error');
  });

  it('is given back when the disk fills in the middle (contract 7.5, field case 6)', async () => {
    const phone = device({ capacityBytes: 300 * KB });
    const lading = await phone.open(BUDGET);
    expect(await codeOf(phone.until(lading.capture(sized(500 * KB), FILE)))).toBe('disk_full');
    expect(phone.blobs.keys).toEqual([]);
    // 500 reserved for ever would leave no room for these.
    await fill(phone, lading, 150 * KB);
    await fill(phone, lading, 150 * KB);
    expect(lading.storage().usedBytes).toBe(300 * KB);
  });

  it('counts once, from the commit on', async () => {
    const phone = device();
    const lading = await phone.open(BUDGET);
    const codes = [];
    for (let count = 0; count < 9; count++) {
      codes.push(await codeOf(phone.until(lading.capture(sized(100 * KB), FILE))));
    }
    expect(codes).toEqual([...Array.from({ length: 8 }, () => 'no error'), 'storage_nearly_full']);
  });
});
