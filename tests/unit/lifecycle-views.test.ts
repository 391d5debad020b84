import type { ListItem, LiveView, MediaId } from 'lading';
import { virtualClock } from 'lading/testing';
import { describe, expect, it } from 'vitest';
import { createProgressBoard } from '../../engine/lifecycle/progress.ts';
import { captureMany, gate, image, owner, picture, shows, world } from '../support/lading-world.ts';

const busy = { ok: false, class: 'retryable', code: 'http_503' } as const;

describe('what a screen shows (contract 2)', () => {
  it('names the gate that holds a queued upload back, and follows it', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture(), image()));
    const seen: string[] = [];
    lading.watch(photo.id, (view) => seen.push(shows(view)));
    await lading.pause();
    await phone.pass();
    phone.net.set({ online: true });
    await phone.pass();
    await lading.resume();
    await phone.until(lading.settled());
    expect(withoutRepeats(seen)).toEqual([
      'local_only, waiting for network',
      'local_only, waiting for resume',
      'uploading',
      'uploaded',
    ]);
    expect(phone.rows("SELECT count(*) AS n FROM lading_event WHERE type = 'held'")).toEqual([
      { n: 0 },
    ]);
  });

  it('shows what waits for a slot as waiting, without a flicker when a slot changes hands', async () => {
    const gates = [gate(), gate(), gate()];
    let started = 0;
    const phone = world({
      script: () => ({ after: gates[started++]?.promise ?? Promise.resolve() }),
    });
    const lading = await phone.open({ concurrency: 1 });
    const photos = [];
    for (const text of ['one', 'two', 'three']) {
      photos.push(await phone.until(lading.capture(picture(text), image())));
      await phone.pass(1);
    }
    const seen = photos.map(({ id }) => {
      const states: string[] = [];
      lading.watch(id, (view) => states.push(shows(view)));
      return states;
    });
    for (const open of gates) {
      open.open();
      await phone.pass(1_000);
    }
    const slot = 'local_only, waiting for slot';
    expect(seen.map(withoutRepeats)).toEqual([
      ['uploading', 'uploaded'],
      [slot, 'uploading', 'uploaded'],
      [slot, 'uploading', 'uploaded'],
    ]);
    expect(phone.remote.running.most).toBe(1);
  });

  it('shows backoff with its end, then failed with a sentence, then a retry (field case 18)', async () => {
    const policy = { maxAttempts: 2 };
    let isUp = false;
    const phone = world({
      fields: { 'item.images': { kinds: ['image'], policy } },
      script: () => (isUp ? undefined : { fault: { ...busy, retryAfterMs: 9_000 } }),
    });
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.pass();
    const { since = 0, until, ...rest } = photo.view;
    expect(rest).toEqual({ state: 'local_only', waitingFor: 'backoff' });
    expect(until).toBe(since + 9_000);
    await phone.pass(9_000);
    expect(photo.view).toMatchObject({
      state: 'failed',
      waitingFor: 'retry',
      error: { code: 'http_503', retryable: true },
    });
    expect(photo.view.error?.message).toMatch(/^[A-Z].*\.$/);
    isUp = true;
    await phone.until(Promise.all([lading.retry(photo.id), lading.retry(photo.id)]));
    await phone.until(lading.settled());
    expect(shows(photo.view)).toBe('uploaded');
    expect(phone.remote.completions.size).toBe(1);
  });

  it('pauses and resumes one, also under way, and burns nothing', async () => {
    const held = gate();
    const phone = world({ script: ({ nth }) => (nth === 1 ? { after: held.promise } : undefined) });
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.pass();
    expect(shows(photo.view)).toBe('uploading');
    await phone.until(lading.pause(photo.id));
    await phone.until(lading.pause(photo.id));
    expect(shows(photo.view)).toBe('local_only, waiting for resume');
    await phone.pass(60_000);
    expect(phone.remote.running.now).toBe(0);
    const { waiting, jobs } = await phone.until(lading.settled());
    expect(waiting).toMatchObject([{ mediaId: photo.id, waitingFor: 'resume' }]);
    expect(jobs).toEqual({ held: 1 });
    await phone.until(lading.resume(photo.id));
    await phone.until(lading.settled());
    expect(shows(photo.view)).toBe('uploaded');
    expect(phone.rows("SELECT 1 FROM lading_event WHERE type LIKE 'upload.failed'")).toEqual([]);
  });

  it('shows an offline ref that is unknown here as waiting for its author, never as failed', async () => {
    const phone = world();
    const lading = await phone.open();
    const mediaId = lading.newMediaId();
    const ref = { mediaId, kind: 'image' as const };
    expect(lading.view({ ...ref, url: `offline://${mediaId}` })).toEqual({
      state: 'local_only',
      waitingFor: 'author',
    });
    expect(lading.view({ ...ref, url: 'https://objects.example/x' })).toEqual({
      state: 'uploaded',
    });
  });
});

describe('after a crash (contract 2, field case 17)', () => {
  async function killedWhileUploading() {
    const phone = world({
      script: ({ nth }) => (nth === 1 ? { after: gate().promise } : undefined),
    });
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.pass();
    expect(shows(photo.view)).toBe('uploading');
    phone.kill();
    return { phone, id: photo.id };
  }

  it('nothing shows uploading that nobody uploads, once the runner is known to be gone', async () => {
    const { phone, id } = await killedWhileUploading();
    phone.net.set({ online: false });
    const next = await phone.open({ runner: { leaseMs: 15_000, isGone: () => true } });
    expect(shows(next.view(id))).toBe('local_only, waiting for network');
    await phone.pass(60_000);
    phone.net.set({ online: true });
    await phone.until(next.settled());
    expect(shows(next.view(id))).toBe('uploaded');
    expect(phone.rows("SELECT 1 FROM lading_event WHERE type = 'upload.failed'")).toEqual([]);
  });

  it('nothing shows uploading that nobody uploads, at the latest when the lease has run out', async () => {
    const { phone, id } = await killedWhileUploading();
    phone.net.set({ online: false });
    const next = await phone.open();
    await phone.pass(16_000);
    expect(shows(next.view(id))).toBe('local_only, waiting for network');
  });

  it('what was under way is repeated with "rerun", within the number of slots', async () => {
    const hold = gate();
    const phone = world({ script: () => ({ after: hold.promise }) });
    const lading = await phone.open({ concurrency: 2 });
    const ids = await captureMany(phone, lading, 6);
    await phone.pass();
    expect(phone.remote.running.now).toBe(2);
    phone.kill();
    const before = phone.remote.calls.length;
    const next = await phone.open({ concurrency: 2, runner: { isGone: () => true } });
    await phone.pass(1_000);
    expect(phone.remote.calls.slice(before).map(({ rerun }) => rerun)).toEqual([true, true]);
    expect(phone.remote.running.now).toBe(4); // two of them are the killed process's
    hold.open();
    await phone.until(next.settled());
    expect(ids.map((id) => shows(next.view(id)))).toEqual(ids.map(() => 'uploaded'));
    expect([...phone.remote.completions.values()]).toEqual(ids.map(() => 1));
  });

  it('what failed and can be retried is taken up again by the next start (contract 4.5)', async () => {
    let isUp = false;
    const phone = world({
      fields: { 'item.images': { kinds: ['image'], policy: { maxAttempts: 1 } } },
      script: () => (isUp ? undefined : { fault: { ...busy, code: 'locked' } }),
    });
    const lading = await phone.open();
    const ids = await captureMany(phone, lading, 150);
    await phone.until(lading.settled());
    expect((await phone.until(lading.settled())).jobs).toEqual({ failed: 150 });
    await phone.until(lading.close());
    isUp = true;
    const next = await phone.open();
    await phone.until(next.settled());
    expect(new Set(ids.map((id) => shows(next.view(id))))).toEqual(new Set(['uploaded']));
  });
});

describe('progress (field case 33)', () => {
  it('is told ten times a second at most, the last byte always and once, and is in no event', async () => {
    const size = 2_000_000;
    const phone = world({ resumableAboveBytes: 10_000_000, online: false });
    const lading = await phone.open();
    const seen: LiveView[] = [];
    const photo = await phone.until(lading.capture(picture('x', size), image()));
    lading.watch(photo.id, (view) => seen.push(view));
    phone.net.set({ online: true });
    await phone.until(lading.settled());
    const told = seen.flatMap(({ progress }) => progress ?? []);
    // All of it happens within one moment: the first, and the last.
    expect(told).toEqual([
      { sentBytes: 0, totalBytes: size },
      { sentBytes: size, totalBytes: size },
    ]);
    expect(seen.at(-1)).toEqual(photo.view);
    expect(photo.view).not.toHaveProperty('progress');
    expect(phone.rows("SELECT 1 FROM lading_event WHERE payload LIKE '%sentBytes%'")).toEqual([]);
  });

  it('is told at most every 100 ms while it creeps, and goes on when the clock went back', async () => {
    const clock = virtualClock();
    const board = createProgressBoard(clock);
    const id = '01890a5d-ac96-774b-bcce-b302099a8057' as MediaId;
    const told: number[] = [];
    board.subscribe(() => told.push(clock.elapsedMs));
    const creep = async (steps: number): Promise<void> => {
      for (let sentBytes = 0; sentBytes < steps; sentBytes++) {
        board.report(id, { sentBytes, totalBytes: 1_000 });
        expect(board.get(id)?.sentBytes).toBe(sentBytes);
        await clock.advanceBy(10);
      }
    };
    await creep(50);
    expect(told).toEqual([0, 100, 200, 300, 400]);
    clock.jump(-3_600_000);
    await creep(20);
    expect(told.slice(5)).toEqual([500, 600]);
    board.report(id, { sentBytes: 1_000, totalBytes: 1_000 });
    board.report(id, { sentBytes: 1_000, totalBytes: 1_000 });
    expect(told.slice(7)).toEqual([700]);
  });

  it('survives a watcher that throws, and so does the upload', async () => {
    const phone = world();
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture('x', 100_000), image()));
    const seen: string[] = [];
    lading.watch(photo.id, () => {
      throw new Error('a screen broke');
    });
    lading.watch(photo.id, (view) => seen.push(view.state));
    await phone.until(lading.settled());
    expect(seen.at(-1)).toBe('uploaded');
    expect(photo.view).not.toHaveProperty('error');
    expect(phone.logged.filter(({ message }) => message === 'a watcher threw')).not.toEqual([]);
  });
});

describe('watch', () => {
  it('keeps the identity of entries that did not change, wherever they stand', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const ids = await captureMany(phone, lading, 3);
    const seen: (readonly ListItem[])[] = [];
    const stop = lading.watch(owner(), (items) => seen.push(items));
    await phone.until(lading.move(ids[2] ?? '', owner(), 1));
    await phone.until(lading.remove(ids[0] ?? '', owner()));
    const [first = [], moved = [], removed = []] = seen;
    expect(seen).toHaveLength(3);
    expect(moved[0]).toBe(first[0]);
    expect(moved[1]).toBe(first[2]);
    expect(moved[2]).toBe(first[1]);
    expect(removed[1]).toBe(first[1]);
    expect(removed[0]?.ref.isPrimary).toBe(true);
    expect(() => (first as ListItem[]).pop()).toThrow(TypeError);
    // What changes nothing to see is not told.
    await phone.until(lading.setPrimary(ids[2] ?? '', owner()));
    expect(seen).toHaveLength(3);
    stop();
    await phone.until(lading.ownerDeleted(owner()));
    expect(seen).toHaveLength(3);
  });

  it('tells nothing after its end, nor after close', async () => {
    const phone = world();
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture(), image()));
    const seen: string[] = [];
    lading.watch(photo.id, ({ state }) => seen.push(state));
    await phone.until(lading.close());
    const before = seen.length;
    await phone.pass(60_000);
    expect(seen).toHaveLength(before);
    expect(() => lading.watch(photo.id, () => {})).toThrow(
      expect.objectContaining({ code: 'closed' }),
    );
  });
});

describe('settled', () => {
  it('says all that waits, and for what', async () => {
    const phone = world({
      script: ({ operation }) => (operation === 'upload' ? { fault: busy } : {}),
    });
    const lading = await phone.open();
    const draft = await phone.until(lading.capture(picture(), image(undefined, { draft: true })));
    const [waiting = '', removed = ''] = await captureMany(phone, lading, 2);
    await phone.pass();
    await phone.until(lading.remove(removed, owner()));
    const report = await phone.until(lading.settled());
    const said = report.waiting.map(({ mediaId, waitingFor }) => [mediaId, waitingFor]);
    expect(new Map(said as [string, string][])).toEqual(
      new Map([
        [waiting, 'backoff'],
        [draft.id, 'link'],
        [removed, 'undo'],
      ]),
    );
    expect(report.waiting.every(({ until }) => (until ?? 0) > phone.clock.now())).toBe(true);
    expect(report.jobs).toEqual({ waiting: 1 });
  });

  it('is not held up by one attachment whose log is from a newer version (contract 4.6, 9.4)', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const [bad = '', good = ''] = await captureMany(phone, lading, 2);
    await phone.until(lading.close());
    phone.handle.exec(`UPDATE lading_event SET schema_version = 99 WHERE stream = '${bad}'`);
    phone.handle.exec('DELETE FROM lading_snapshot');
    phone.net.set({ online: true });
    const next = await phone.open();
    await phone.until(next.settled());
    expect(shows(next.view(good))).toBe('uploaded');
    expect(phone.remote.calls).toHaveLength(1);
    expect(await phone.until(next.retrySync())).toMatchObject({ retried: 0 });
  });
});

function withoutRepeats(states: readonly string[]): readonly string[] {
  return states.filter((state, index) => state !== states[index - 1]);
}
