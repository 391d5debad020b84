import { LadingError, type StorageNumbers, type StorageView, systemClock } from 'lading';
import { nodeSqlite, type SqlDatabase } from 'lading/sqlite/node';
import { describe, expect, it } from 'vitest';
import { device, FILE, fill, sized, slow } from '../support/guardrails-world.ts';
import { codeOf } from '../support/lading-world.ts';

const KB = 1_000;
const BUDGET = { storageBudgetBytes: 1_000 * KB };

/** A platform that says what `next` holds; counts how often it is asked. */
function platform(next: StorageNumbers | Error | 'hangs' | 'throws at once' = {}) {
  const state = { next, asked: 0 };
  return {
    state,
    storageEstimate: {
      estimate(): Promise<StorageNumbers> {
        state.asked += 1;
        if (state.next === 'throws at once') throw new Error('no such thing here');
        if (state.next === 'hangs') return new Promise(() => {});
        return state.next instanceof Error
          ? Promise.reject(state.next)
          : Promise.resolve(state.next);
      },
    },
  };
}

describe('warnings about storage (contract 7.2)', () => {
  it('say how much of how much, and at 90 % what to do', async () => {
    const phone = device();
    const lading = await phone.open(BUDGET);
    await fill(phone, lading, 799 * KB);
    expect(lading.storage()).toMatchObject({ level: 'ok', space: { percent: 79 } });
    expect(lading.storage().banner).toBeUndefined();
    await fill(phone, lading, 1 * KB);
    expect(lading.storage()).toMatchObject({
      level: 'warning',
      usedBytes: 800 * KB,
      files: 2,
      space: { usedBytes: 800 * KB, totalBytes: 1_000 * KB, percent: 80 },
      banner: { title: 'Storage usage high', line: 'Using 781.2KB of 976.5KB (80%)' },
    });
    await phone.until(lading.close());
    const tighter = await phone.open({ storageBudgetBytes: 880 * KB });
    expect(tighter.storage()).toMatchObject({
      level: 'critical',
      banner: {
        title: 'Storage nearly full',
        line: 'Using 781.2KB of 859.3KB (90%)',
        more: 'Please delete some media files or free up space before uploading more.',
      },
    });
  });

  it('come at once to who watches, and after each commit that changes what is used', async () => {
    const phone = device();
    const lading = await phone.open(BUDGET);
    const seen: StorageView[] = [];
    const stop = lading.watch('storage', (view) => seen.push(view));
    const id = await fill(phone, lading, 850 * KB);
    await phone.until(lading.cancel(id));
    await phone.pass(1_000);
    stop();
    await fill(phone, lading, 10 * KB);
    expect(seen.map(({ level, usedBytes }) => [level, usedBytes])).toEqual([
      ['ok', 0],
      ['warning', 850 * KB],
      ['ok', 0],
    ]);
  });

  it('also tell what another process stored', async () => {
    const phone = device();
    const [one, two] = [await phone.open(BUDGET), await phone.open(BUDGET)];
    const seen: string[] = [];
    one.watch('storage', ({ level }) => seen.push(level));
    await fill(phone, two, 850 * KB);
    await phone.pass(15_000);
    expect(seen).toEqual(['ok', 'warning']);
  });

  it('come from the platform at start and about every 30 s, until it is closed', async () => {
    const phone = device();
    const { state, storageEstimate } = platform({ freeBytes: 900 * KB });
    const lading = await phone.open({ storageEstimate });
    const seen: string[] = [];
    lading.watch('storage', ({ level }) => seen.push(level));
    await fill(phone, lading, 100 * KB);
    expect(state.asked).toBe(1);
    state.next = { freeBytes: 20 * KB };
    await phone.pass(29_000);
    expect(seen).toEqual(['ok', 'ok']); // the second one has the file in it
    await phone.pass(1_000);
    expect(seen.at(-1)).toBe('warning');
    expect(lading.storage().space).toEqual({
      usedBytes: 100 * KB,
      totalBytes: 120 * KB,
      percent: 83,
    });
    expect(state.asked).toBe(2);
    await phone.pass(300_000);
    expect(state.asked).toBe(12);
    await phone.until(lading.close());
    await phone.pass(300_000);
    expect(state.asked).toBe(12);
  });

  it('stay away until restart once they were dismissed, also when they rise', async () => {
    const phone = device();
    const lading = await phone.open(BUDGET);
    const seen: (string | undefined)[] = [];
    lading.watch('storage', ({ banner }) => seen.push(banner?.title));
    lading.storage().dismiss(); // there is nothing to dismiss, hence this says nothing of later ones
    await fill(phone, lading, 850 * KB);
    lading.storage().dismiss();
    await fill(phone, lading, 49 * KB);
    expect(lading.storage()).toMatchObject({ level: 'warning' });
    expect(seen).toEqual([undefined, 'Storage usage high', undefined, undefined]);
    await phone.until(lading.close());
    const restarted = await phone.open({ storageBudgetBytes: 900 * KB });
    expect(restarted.storage().banner?.title).toBe('Storage nearly full');
    restarted.storage().dismiss();
    expect(restarted.storage()).toMatchObject({ level: 'critical' });
    expect(restarted.storage().banner).toBeUndefined();
  });

  it('are in the language of the app', async () => {
    const phone = device();
    const lading = await phone.open({
      ...BUDGET,
      sentences: { banner_warning: 'Speicher wird knapp', banner_line: '{percent} % belegt' },
    });
    await fill(phone, lading, 850 * KB);
    expect(lading.storage().banner).toEqual({ title: 'Speicher wird knapp', line: '85 % belegt' });
  });

  it('harm nobody when the screen throws', async () => {
    const phone = device();
    const lading = await phone.open(BUDGET);
    lading.watch('storage', () => {
      throw new Error('the screen is gone');
    });
    await fill(phone, lading, 10 * KB);
    expect(phone.logged.filter(({ level }) => level === 'error')).toHaveLength(2);
  });

  it('keep no process alive', () => {
    const timers = () =>
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const cancel = systemClock().schedule(30_000, () => {}, { background: true });
    expect(timers()).toBe(before);
    const cancelOther = systemClock().schedule(30_000, () => {});
    expect(timers()).toBe(before + 1);
    cancel();
    cancelOther();
  });
});

describe('an estimate that fails, hangs or lies (contract 7.1, field case 6)', () => {
  it.each([
    ['fails', new Error('not here')],
    ['throws', 'throws at once'],
    ['says nothing', {}],
    ['says null', null],
    ['is no number', { freeBytes: Number.NaN, totalBytes: Number.POSITIVE_INFINITY }],
    ['is below zero', { freeBytes: -5, totalBytes: -1 }],
    ['says a whole of nothing', { totalBytes: 0, usedBytes: 0 }],
  ] as const)('and %s refuses nothing', async (_what, next) => {
    const phone = device();
    const { storageEstimate } = platform(next as StorageNumbers);
    const lading = await phone.open({ storageEstimate });
    await fill(phone, lading, 500 * KB);
    expect(lading.storage()).toMatchObject({ level: 'unknown', usedBytes: 500 * KB });
    expect(phone.logged.filter(({ level }) => level === 'error')).toEqual([]);
    await phone.until(lading.close());
  });

  it('leaves the budget of the app', async () => {
    const phone = device();
    const { storageEstimate } = platform(new Error('not here'));
    const lading = await phone.open({ storageEstimate, ...BUDGET });
    expect(await codeOf(phone.until(lading.capture(sized(950 * KB), FILE)))).toBe(
      'storage_nearly_full',
    );
  });

  it('holds a capture up for a second at most, once', async () => {
    const phone = device();
    const { state, storageEstimate } = platform('hangs');
    const lading = await phone.open({ storageEstimate });
    const openedMs = phone.clock.elapsedMs;
    await fill(phone, lading, 500 * KB);
    expect(phone.clock.elapsedMs - openedMs).toBe(1_000);
    await fill(phone, lading, 500 * KB);
    expect(phone.clock.elapsedMs - openedMs).toBe(1_000);
    // One that hangs is not asked again: questions would pile up.
    await phone.pass(120_000);
    expect(state.asked).toBe(1);
  });

  it('lets go of a capture that is aborted, or closed, while it waits for the answer', async () => {
    const phone = device();
    const lading = await phone.open({ storageEstimate: platform('hangs').storageEstimate });
    const controller = new AbortController();
    const aborted = lading.capture(sized(KB), { ...FILE, signal: controller.signal });
    const closed = lading.capture(sized(KB), FILE);
    const openedMs = phone.clock.elapsedMs;
    controller.abort();
    expect(await phone.until(codeOf(aborted))).toBe('capture_aborted');
    void lading.close();
    expect(await phone.until(codeOf(closed))).toBe('closed');
    expect(phone.clock.elapsedMs).toBe(openedMs);
  });

  it('is logged once for each time that it begins', async () => {
    const phone = device();
    const { state, storageEstimate } = platform(new Error('not here'));
    await phone.open({ storageEstimate });
    await phone.pass(300_000);
    const warnings = () => phone.logged.filter(({ level }) => level === 'warn').length;
    expect(warnings()).toBe(1);
    state.next = { freeBytes: 1 };
    await phone.pass(30_000);
    state.next = new Error('again');
    await phone.pass(300_000);
    expect(warnings()).toBe(2);
  });

  it('ends no process when the database cannot be read then: it is logged once for each time, and asked for again', async () => {
    const phone = device();
    const { state, storageEstimate } = platform({ freeBytes: 900 * KB });
    const sql = nodeSqlite(phone.handle);
    let isBusy = false;
    const read: SqlDatabase['read'] = (query) => {
      if (isBusy) throw new LadingError('database_busy', 'somebody else writes');
      return sql.read(query);
    };
    const lading = await phone.open({
      storageEstimate,
      store: {
        ...sql,
        read,
        get inTransaction() {
          return sql.inTransaction;
        },
        close() {},
      },
    });
    await phone.pass();
    const sentences = () =>
      phone.logged
        .filter(({ level, message }) => level !== 'info' && message.includes('storage'))
        .map(({ message }) => message);
    for (const times of [1, 2]) {
      isBusy = true;
      await phone.pass(300_000);
      expect(sentences()).toHaveLength(2 * times);
      isBusy = false;
      state.next = { freeBytes: times * KB };
      await phone.pass(30_000);
      expect(lading.storage()).toMatchObject({ space: { totalBytes: times * KB } });
    }
    expect(new Set(sentences())).toEqual(
      new Set([
        'the storage estimate failed: only the budget is held',
        'what storage needs now could not be looked at',
      ]),
    );
  });

  it('is forgotten when the next one does not come', async () => {
    const phone = device();
    const { state, storageEstimate } = platform({ freeBytes: 0 });
    const lading = await phone.open({ storageEstimate });
    await phone.pass();
    expect(lading.storage().level).toBe('critical');
    state.next = 'hangs';
    await phone.pass(32_000);
    expect(lading.storage().level).toBe('unknown');
  });
});

describe('before a file is refused (contract 7.3)', () => {
  it('the platform is asked again, since the user may have made room', async () => {
    const phone = device();
    const { state, storageEstimate } = platform({ freeBytes: 100 * KB });
    const lading = await phone.open({ storageEstimate });
    const save = () => codeOf(phone.until(lading.capture(sized(95 * KB), FILE)));
    expect(await save()).toBe('storage_nearly_full');
    state.next = { freeBytes: 10_000 * KB };
    expect(await save()).toBe('no error');
  });

  it('what is half written counts as ours, not as room that somebody else took', async () => {
    const phone = device();
    const { state, storageEstimate } = platform({ freeBytes: 1_000 * KB });
    const lading = await phone.open({ storageEstimate });
    await fill(phone, lading, 100 * KB);
    const held = slow(400 * KB);
    const saving = lading.capture(held.source, FILE);
    await held.reached;
    state.next = { freeBytes: 700 * KB }; // 100 are stored, and 200 are on their way
    await phone.pass(30_000);
    expect(lading.storage().space).toMatchObject({ usedBytes: 100 * KB, totalBytes: 1_000 * KB });
    held.open();
    await phone.until(saving);
    expect(lading.storage().space).toMatchObject({ usedBytes: 500 * KB, totalBytes: 1_000 * KB });
  });
});
