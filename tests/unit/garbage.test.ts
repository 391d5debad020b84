import { type BlobKey, systemRandom } from 'lading';
import { describe, expect, it } from 'vitest';
import { bytes, DAY_MS, HOUR_MS, opened, PATIENT, stray } from '../support/garbage-world.ts';
import { captureMany, codeOf, gate, image, ME, picture, world } from '../support/lading-world.ts';

describe('a file without a record', () => {
  it('is marked by one run, and goes with a later one when the grace is over', async () => {
    const { phone, collect } = await opened();
    const key = await stray(phone);
    expect(await collect()).toMatchObject({
      freed: { files: 0, bytes: 0 },
      counts: { blob: { waits: 1 } },
      items: [{ kind: 'blob', key, reason: 'no_record', action: 'waits', sizeBytes: 15 }],
    });
    await phone.pass(HOUR_MS);
    expect((await collect()).counts).toEqual({ blob: { waits: 1 } });
    expect(phone.blobs.keys).toEqual([key]);
    await phone.pass(DAY_MS);
    // By the schedule of the engine itself.
    expect(phone.blobs.keys).toEqual([]);
    expect(await collect()).toMatchObject({ counts: {}, items: [] });
  });

  it('never goes with the run that found it, whatever the clock says', async () => {
    const { phone, collect } = await opened({ garbage: { graceMs: 0 } });
    await stray(phone);
    expect((await collect()).freed.files).toBe(0);
    await phone.pass(1);
    expect((await collect()).freed).toEqual({ files: 1, bytes: 15 });
  });

  it('waits its whole grace again when it was marked by a clock that was ahead', async () => {
    const { phone, collect } = await opened();
    await stray(phone);
    phone.clock.jump(400 * DAY_MS);
    await collect();
    phone.clock.jump(-400 * DAY_MS);
    await collect();
    await phone.pass(HOUR_MS);
    expect((await collect()).counts).toEqual({ blob: { waits: 1 } });
    await phone.pass(25 * HOUR_MS);
    expect(phone.blobs.keys).toEqual([]);
  });

  it('stays when a record knows it after all: the mark is taken back', async () => {
    const { phone, lading, collect } = await opened();
    const photo = await phone.until(lading.capture(picture(), image()));
    const [key] = phone.blobs.keys;
    phone.handle
      .prepare(`INSERT INTO lading_garbage VALUES ('blob', ?, 'no_record', 0)`)
      .run(key ?? '');
    await phone.pass(2 * DAY_MS);
    await collect();
    expect(phone.blobs.keys).toEqual([key]);
    expect(phone.rows('SELECT * FROM lading_garbage')).toEqual([]);
    expect(lading.view(photo.ref).state).toBe('uploaded');
  });

  it('in a store that has no sidecars is kept and reported: another database may have captured it', async () => {
    const phone = world();
    const { sidecars: _none, ...bare } = phone.blobs;
    const lading = await phone.open({ ...PATIENT, garbage: { graceMs: 0 }, blobs: bare });
    const key = await stray(phone);
    for (let run = 0; run < 3; run++) {
      expect((await phone.until(lading.collectGarbage())).items).toMatchObject([
        { key, action: 'kept', reason: 'no_sidecars' },
      ]);
      await phone.pass(1_000);
    }
    expect(phone.blobs.keys).toEqual([key]);
  });

  it('of another account, or of no account, is not this one’s to judge', async () => {
    const { phone, collect } = await opened({ garbage: { graceMs: 0 } });
    const theirs = await stray(phone, undefined, 'account-2');
    const odd = 'somebody/else' as BlobKey;
    await phone.blobs.write(odd, bytes('another tool'));
    await collect();
    await phone.pass(2 * DAY_MS);
    expect((await collect()).items).toEqual([]);
    expect(phone.blobs.keys.toSorted()).toEqual([theirs, odd].toSorted());
  });

  it('that a capture of this process has written and not committed yet is left alone', async () => {
    const phone = world();
    const lading = await phone.open({ ...PATIENT, garbage: { graceMs: 0 } });
    let proceed = (): void => {};
    const held = new Promise<void>((resolve) => {
      proceed = resolve;
    });
    const slow = {
      ...picture('the second file'),
      async *open() {
        await held;
        yield* picture('the second file').open();
      },
    };
    const [first, second] = [picture('the first file'), slow];
    const capturing = lading.captureAll(
      [first, second].map((source) => ({ source, kind: 'image' as const })),
      { owner: image().owner },
    );
    await phone.clock.advanceBy(50);
    phone.clock.jump(30 * DAY_MS);
    for (let run = 0; run < 3; run++) {
      await phone.until(lading.collectGarbage());
      phone.clock.jump(2 * DAY_MS);
    }
    proceed();
    const photos = await phone.until(capturing);
    await phone.until(lading.settled());
    expect(photos.map(({ view }) => view.state)).toEqual(['uploaded', 'uploaded']);
  });
});

describe('a capture of another process that takes longer than the grace', () => {
  it('is refused at its commit when its file was collected: it never says that it holds what is gone', async () => {
    const phone = world({ online: false });
    const lading = await phone.open(PATIENT);
    const other = await phone.open({
      ...PATIENT,
      random: systemRandom,
      garbage: { graceMs: 0 },
    });
    const held = gate();
    let readings = 0;
    const slow = {
      ...picture('the second file'),
      async *open() {
        readings += 1;
        if (readings >= 3) await held.promise;
        yield* picture('the second file').open();
      },
    };
    const capturing = lading.captureAll(
      [picture('the first file'), slow].map((source) => ({ source, kind: 'image' as const })),
      { owner: image().owner },
    );
    await phone.clock.advanceBy(50);
    expect(phone.blobs.keys).toHaveLength(1);
    for (let run = 0; run < 4; run++) {
      await phone.until(other.collectGarbage());
      await phone.pass(10);
    }
    held.open();
    expect(await codeOf(phone.until(capturing))).toBe('blobs_unwritable');
    expect(lading.list(image().owner)).toEqual([]);
    expect(phone.blobs.keys).toEqual([]);
    await phone.pass(3 * DAY_MS);
    expect(phone.rows('SELECT * FROM lading_garbage')).toEqual([]);
  });
});

describe('a dry run', () => {
  it('says what would go and why, and changes nothing', async () => {
    const { phone, lading, collect } = await opened();
    const key = await stray(phone);
    const dry = () => phone.until(lading.collectGarbage({ dryRun: true }));
    const tables = () =>
      ['lading_garbage', 'lading_meta', 'lading_event'].map((table) =>
        phone.rows(`SELECT * FROM ${table}`),
      );
    const before = tables();
    expect(await dry()).toMatchObject({
      dryRun: true,
      items: [{ key, action: 'waits', reason: 'no_record', dueAt: phone.clock.now() + DAY_MS }],
    });
    expect(tables()).toEqual(before);
    await collect();
    await phone.pass(23 * HOUR_MS);
    const marked = tables();
    phone.clock.jump(2 * HOUR_MS);
    expect(await dry()).toMatchObject({
      freed: { files: 1, bytes: 15 },
      items: [{ key, action: 'removed' }],
    });
    expect(tables()).toEqual(marked);
    expect(phone.blobs.keys).toEqual([key]);
  });
});

describe('bytes that should be here and are not', () => {
  it('are told to their attachment: it is fetched again, or fails visibly', async () => {
    const { phone, lading, collect } = await opened();
    const sent = await phone.until(lading.capture(picture('sent'), image()));
    const kept = await phone.until(lading.capture(picture('kept'), image()));
    await phone.until(lading.settled());
    phone.net.set({ online: false, metered: false });
    const unsent = await phone.until(lading.capture(picture('unsent'), image()));
    for (const { blob_key: key } of phone.rows(
      `SELECT blob_key FROM lading_media WHERE media_id IN ('${sent.id}', '${unsent.id}')`,
    )) {
      phone.blobs.lose(key as BlobKey);
    }
    expect(await collect()).toMatchObject({ bytesMissing: 2, problems: [] });
    expect(lading.view(unsent.ref)).toMatchObject({
      state: 'failed',
      error: { code: 'source_missing' },
    });
    expect(lading.view(sent.ref).state).toBe('uploaded');
    expect(lading.view(kept.ref).state).toBe('uploaded');
    expect(lading.storage()).toMatchObject({ files: 1 });
  });

  it('are not taken for garbage when they turn up again: they may be the only ones', async () => {
    const { phone, lading, collect } = await opened({ garbage: { graceMs: 0 } });
    phone.net.set({ online: false, metered: false });
    await phone.until(lading.capture(picture('another one'), image()));
    const photo = await phone.until(lading.capture(picture('away for a while'), image()));
    const key = phone.rows(`SELECT blob_key FROM lading_media WHERE media_id = '${photo.id}'`)[0]?.[
      'blob_key'
    ] as BlobKey;
    const kept: Uint8Array[] = [];
    for await (const piece of phone.blobs.open(key)) kept.push(piece);
    phone.blobs.lose(key);
    expect((await collect()).bytesMissing).toBe(1);
    phone.blobs.spoil(key, Buffer.concat(kept));
    for (let run = 0; run < 3; run++) {
      expect((await collect()).items).toEqual([]);
      await phone.pass(1_000);
    }
    expect(phone.blobs.keys).toContain(key);
  });

  it('are told to nobody when not one file is there: the place itself is missing', async () => {
    const { phone, lading, collect } = await opened();
    phone.net.set({ online: false, metered: false });
    const photo = await phone.until(lading.capture(picture(), image()));
    const [key = ''] = phone.blobs.keys;
    phone.blobs.lose(key as BlobKey);
    expect(await collect()).toMatchObject({
      bytesMissing: 0,
      problems: [{ code: 'files_gone' }],
    });
    expect(lading.view(photo.ref).state).toBe('local_only');
  });
});

describe('a store that is not there', () => {
  it('is told to nobody either by a run that goes on where an earlier one was killed', async () => {
    const { phone, lading, collect } = await opened();
    phone.net.set({ online: false, metered: false });
    const photo = await phone.until(lading.capture(picture(), image()));
    phone.handle
      .prepare('INSERT OR REPLACE INTO lading_meta VALUES (?, ?)')
      .run(`garbage:${ME}`, JSON.stringify({ after: 'a-account-1/00/m-0' }));
    for (const key of phone.blobs.keys) phone.blobs.lose(key);
    expect(await collect()).toMatchObject({ bytesMissing: 0, problems: [{ code: 'files_gone' }] });
    expect(lading.view(photo.ref).state).toBe('local_only');
  });
});

it('files on a card that comes back in the middle of a run are not told to be missing', async () => {
  const phone = world({ online: false });
  let looks = Number.POSITIVE_INFINITY;
  const blobs = {
    ...phone.blobs,
    async stat(key: BlobKey) {
      looks += 1;
      return looks <= 3 ? undefined : phone.blobs.stat(key);
    },
    async *list() {
      if (looks > 3) yield* phone.blobs.list();
    },
  };
  const lading = await phone.open({ ...PATIENT, blobs });
  const ids = await captureMany(phone, lading, 10);
  await phone.pass(1_000);
  looks = 0;
  expect((await phone.until(lading.collectGarbage())).bytesMissing).toBe(0);
  expect(new Set(ids.map((id) => lading.view(id).state))).toEqual(new Set(['local_only']));
});

describe('options', () => {
  it.each([
    [{ everyMs: 10 }],
    [{ graceMs: -1 }],
    [{ graceMs: Number.NaN }],
    [{ sliceMs: 0 }],
    [{ roots: 'SELECT 1' }],
    [{ grace: 5 }],
    [{ log: { after: 1 } }],
    ['daily'],
  ])('that are none are refused when Lading opens: %j', async (garbage) => {
    const phone = world();
    expect(await codeOf(phone.open({ garbage: garbage as never }))).toBe('invalid_option');
  });
});
