import { systemRandom } from 'lading';
import { describe, expect, it } from 'vitest';
import { codeOf, gate, image, ME, owner, picture, world } from '../support/lading-world.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const PATIENT = { runner: { leaseMs: 4 * HOUR_MS } };
const NOW = { ...PATIENT, garbage: { graceMs: 0 } };

describe('unfinished uploads at the remote', () => {
  const handleOf = (id: string, n = 0): string => `upload:${ME}/${id}${n === 0 ? '' : `#${n}`}`;

  it('that this device began and will not go on with are aborted after the grace (field case 42)', async () => {
    const phone = world();
    const lading = await phone.open(PATIENT);
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.until(lading.settled());
    for (const n of [1, 2, 3, 4])
      phone.remote.unfinished.set(handleOf(photo.id, n), new Uint8Array(9));
    expect((await phone.until(lading.collectGarbage())).counts).toEqual({ upload: { waits: 4 } });
    expect(phone.remote.unfinished.size).toBe(4);
    await phone.pass(2 * DAY_MS);
    expect([...phone.remote.unfinished]).toEqual([]);
    expect(lading.view(photo.ref).state).toBe('uploaded');
    expect(phone.rows('SELECT * FROM lading_garbage')).toEqual([]);
  });

  it('that it may go on with, of another device, and of another account stay', async () => {
    const busy = { ok: false, class: 'retryable', code: 'busy' } as const;
    const phone = world({
      resumableAboveBytes: 100,
      script: ({ operation }) =>
        operation === 'upload' ? { fault: busy, afterBytes: 50 } : undefined,
    });
    const lading = await phone.open(NOW);
    const photo = await phone.until(lading.capture(picture('mine', 3_000), image()));
    await phone.pass(1_000);
    const theirs = handleOf('0198f000-0000-7000-8000-0000000000bb');
    const foreign = `upload:account-2/${photo.id}`;
    for (const handle of [theirs, foreign]) phone.remote.unfinished.set(handle, new Uint8Array(9));
    for (let run = 0; run < 3; run++) {
      expect((await phone.until(lading.collectGarbage())).counts).toEqual({});
      await phone.pass(HOUR_MS);
    }
    expect([...phone.remote.unfinished.keys()].toSorted()).toEqual(
      [handleOf(photo.id), theirs, foreign].toSorted(),
    );
  });

  it('that the remote cannot list, or not end, are a problem that is told, and tried again', async () => {
    const down = { ok: false, class: 'retryable', code: 'unavailable' } as const;
    let isDown = true;
    const phone = world({
      script: ({ operation }) =>
        isDown && (operation === 'list' || operation === 'abort') ? { fault: down } : undefined,
    });
    const lading = await phone.open(NOW);
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.until(lading.settled());
    phone.remote.unfinished.set(handleOf(photo.id, 1), new Uint8Array(9));
    expect((await phone.until(lading.collectGarbage())).problems).toMatchObject([
      { code: 'remote_failed' },
    ]);
    isDown = false;
    await phone.until(lading.collectGarbage());
    isDown = true;
    await phone.pass(1);
    isDown = false;
    expect((await phone.until(lading.collectGarbage())).counts).toEqual({ upload: { removed: 1 } });
  });

  it('are left for the next run while there is no network', async () => {
    const phone = world({ online: false });
    const lading = await phone.open(NOW);
    await phone.until(lading.collectGarbage());
    phone.net.set({ online: true, metered: false });
    expect(phone.logged.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('rows that belong to nothing', () => {
  it('are resume data of uploads that are over, and tasks of streams that are', async () => {
    const phone = world();
    const lading = await phone.open(NOW);
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.until(lading.settled());
    phone.handle.exec(`
      INSERT INTO lading_checkpoint VALUES ('${photo.id}', '{}'), ('nobody', '{}');
      INSERT INTO lading_task (stream, kind, name, run, machine, src, input, started_at, due_at, attempts)
        VALUES ('nobody', 'invoke', 'upload', 1, 'attachment', 'upload', '{}', 0, 0, 0)`);
    expect((await phone.until(lading.collectGarbage())).counts).toEqual({
      task: { removed: 1 },
      checkpoint: { waits: 2 },
    });
    await phone.pass(1);
    expect((await phone.until(lading.collectGarbage())).counts).toEqual({
      checkpoint: { removed: 2 },
    });
    expect(phone.rows('SELECT * FROM lading_checkpoint')).toEqual([]);
    expect(phone.rows('SELECT * FROM lading_garbage')).toEqual([]);
  });

  it('are not the resume data of an upload that waits', async () => {
    const phone = world();
    const lading = await phone.open(NOW);
    phone.net.set({ online: false, metered: false });
    const photo = await phone.until(lading.capture(picture(), image()));
    phone.handle.exec(`INSERT INTO lading_checkpoint VALUES ('${photo.id}', '{}')`);
    for (let run = 0; run < 3; run++) {
      await phone.until(lading.collectGarbage());
      await phone.pass(1);
    }
    expect(phone.rows('SELECT stream FROM lading_checkpoint')).toEqual([{ stream: photo.id }]);
  });

  it('are protections of files whose process is gone, also those of a clock that was ahead', async () => {
    const phone = world();
    const lading = await phone.open(NOW);
    const now = phone.clock.now();
    phone.handle.exec(`INSERT INTO lading_hold VALUES
      ('over', 'x', ${now - 1}), ('stands', 'x', ${now + HOUR_MS}), ('ahead', 'x', ${now + 9 * DAY_MS})`);
    await phone.until(lading.collectGarbage());
    expect(phone.rows('SELECT blob_key FROM lading_hold')).toEqual([{ blob_key: 'stands' }]);
  });
});

describe('the schedule', () => {
  const runs = (phone: ReturnType<typeof world>) =>
    phone.logged.filter(({ message }) => message === 'garbage was collected').length;

  it('collects half a minute after opening, then every day, and not at every start', async () => {
    const phone = world();
    const first = await phone.open(PATIENT);
    await phone.pass(29_000);
    expect(runs(phone)).toBe(0);
    await phone.pass(2_000);
    expect(runs(phone)).toBe(1);
    await phone.pass(3 * DAY_MS);
    expect(runs(phone)).toBe(4);
    await phone.until(first.close());
    await phone.open(PATIENT);
    await phone.pass(60_000);
    expect(runs(phone)).toBe(4 + 0);
    await phone.pass(HOUR_MS);
    expect(runs(phone)).toBe(5);
  });

  it('leaves a run to the process that is at it, and takes it over when that one is gone', async () => {
    const phone = world();
    const waits = gate();
    const slow = {
      ...phone.blobs,
      async *list() {
        await waits.promise;
        yield* phone.blobs.list();
      },
    };
    await phone.open({ ...PATIENT, blobs: slow });
    await phone.pass(31_000);
    await phone.open(PATIENT);
    await phone.pass(31_000);
    expect(runs(phone)).toBe(0);
    phone.ladings[0]?.close().catch(() => {});
    await phone.pass(20 * 60_000);
    expect(runs(phone)).toBe(1);
    waits.open();
    await phone.pass(60_000);
  });

  it('is as often as the app says, also more often than every hour', async () => {
    const phone = world();
    await phone.open({ ...PATIENT, garbage: { everyMs: 10 * 60_000 } });
    await phone.pass(HOUR_MS);
    expect(runs(phone)).toBe(6);
  });

  it('is off where the app says Infinity', async () => {
    const phone = world();
    const lading = await phone.open({ ...PATIENT, garbage: { everyMs: Number.POSITIVE_INFINITY } });
    await phone.pass(3 * DAY_MS);
    expect(runs(phone)).toBe(0);
    expect((await phone.until(lading.collectGarbage())).problems).toEqual([]);
  });

  it('says what went wrong and goes on: a store that cannot list is no store without files', async () => {
    const phone = world();
    let isBroken = true;
    const blobs = {
      ...phone.blobs,
      async *list() {
        if (isBroken) throw Object.assign(new Error('no'), { code: 'EIO' });
        yield* phone.blobs.list();
      },
    };
    const lading = await phone.open({ ...NOW, blobs });
    const photo = await phone.until(lading.capture(picture(), image()));
    expect((await phone.until(lading.collectGarbage())).problems).toMatchObject([
      { code: 'list_failed' },
    ]);
    isBroken = false;
    expect((await phone.until(lading.collectGarbage())).problems).toEqual([]);
    expect(lading.view(photo.ref).state).not.toBe('failed');
  });

  it('ends in the middle when Lading closes, without a word of error', async () => {
    const phone = world();
    const lading = await phone.open(PATIENT);
    for (let n = 0; n < 600; n++) {
      const id = `0198f000-0000-7000-8000-${String(n).padStart(12, '0')}`;
      await phone.blobs.write(`a-${ME}/${id.slice(-2)}/m-${id}` as never, nothing());
    }
    const collecting = codeOf(phone.until(lading.collectGarbage()));
    const closing = lading.close();
    expect(await collecting).toBe('closed');
    await phone.until(closing);
    expect(phone.logged.filter(({ level }) => level === 'error')).toEqual([]);
    const again = await phone.open(NOW);
    await phone.until(again.collectGarbage());
    await phone.pass(1);
    await phone.until(again.collectGarbage());
    expect(phone.blobs.keys).toEqual([]);
  });
});

describe('roots of the app and a crash', () => {
  it('hold what was released, also when the process died between the release and the look', async () => {
    const phone = world();
    let rooted: string[] = [];
    let broken = false;
    const roots = (): readonly string[] => {
      if (broken) throw new Error('the process is dying');
      return rooted;
    };
    const lading = await phone.open({ ...PATIENT, garbage: { roots } });
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.until(lading.settled());
    rooted = [photo.id];
    broken = true;
    await phone.until(lading.remove(photo.id, owner()));
    phone.kill();
    broken = false;
    phone.clock.jump(30 * DAY_MS);
    const next = await phone.open({ ...PATIENT, garbage: { roots }, random: systemRandom });
    await phone.pass(HOUR_MS);
    expect(next.view(photo.id).state).toBe('uploaded');
    expect((await phone.until(next.resolve(photo.id))).byteSize).toBeGreaterThan(0);
  });
});

async function* nothing(): AsyncIterable<Uint8Array> {}
