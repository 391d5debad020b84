import type { Clock, Remote, SqlDatabase, UploadContext } from 'lading';
import { nodeSqlite } from 'lading/sqlite/node';
import { describe, expect, it } from 'vitest';
import { captureMany, owner, shows, type World, world } from '../support/lading-world.ts';
import { cloneAttachment } from '../support/scale/fill.ts';

/** Counts COMMITs that wrote something: each is a sync to disk. @param tookMs of the remote, for each upload in turn. */
function countingCommits(tookMs: readonly [number, ...number[]] = [50]): {
  readonly phone: World;
  readonly commits: { count: number; start(): void };
} {
  let changes = 0;
  let uploads = 0;
  const total = () => Number(phone.handle.prepare('SELECT total_changes() AS n').get()?.['n'] ?? 0);
  const commits = {
    count: 0,
    start() {
      commits.count = 0;
      changes = total();
    },
  };
  const phone: World = world({
    online: false,
    // By default 50 ms: an upload ends while others are under way, and not in one turn with them.
    script() {
      const ms = tookMs[uploads++ % tookMs.length] ?? tookMs[0];
      return { after: new Promise<void>((resolve) => phone.clock.schedule(ms, resolve)) };
    },
    driver: {
      beforeCommit() {
        const now = total();
        if (now > changes) commits.count += 1;
        changes = now;
      },
    },
  });
  return { phone, commits };
}

describe('commits of an upload (contract 4.2, design 2)', () => {
  it.each([1, 3])('are two at most, claim and result, %i at a time', async (concurrency) => {
    const { phone, commits } = countingCommits();
    const lading = await phone.open({ concurrency });
    const ids = await captureMany(phone, lading, 60);
    commits.start();
    phone.net.set({ online: true });
    await phone.until(lading.settled());
    expect(new Set(ids.map((id) => shows(lading.view(id))))).toEqual(new Set(['uploaded']));
    // The claim of the next one rides in the commit of the last one's result.
    expect(commits.count).toBeLessThanOrEqual(60 + 3);
  });

  it('are shared by small ones that end one shortly after the other', async () => {
    const { phone, commits } = countingCommits([4, 5, 7]);
    const lading = await phone.open({ concurrency: 3 });
    const ids = await captureMany(phone, lading, 60);
    commits.start();
    phone.net.set({ online: true });
    await phone.until(lading.settled());
    expect(new Set(ids.map((id) => shows(lading.view(id))))).toEqual(new Set(['uploaded']));
    expect(commits.count).toBeLessThanOrEqual(30);
  });

  it('wait for nobody where nobody else is under way', async () => {
    const { phone } = countingCommits([4]);
    const lading = await phone.open({ concurrency: 2 });
    await captureMany(phone, lading, 8);
    phone.net.set({ online: true });
    await phone.until(lading.settled());
    const last = (await captureMany(phone, lading, 1))[0] ?? '';
    const began = phone.clock.now();
    await phone.clock.runUntil(() => shows(lading.view(last)) === 'uploaded');
    expect(phone.clock.now() - began).toBe(4);
  });

  it('are two for a single one: first the claim, then the result', async () => {
    const { phone, commits } = countingCommits();
    const lading = await phone.open();
    await captureMany(phone, lading, 1);
    commits.start();
    phone.net.set({ online: true });
    await phone.until(lading.settled());
    expect(phone.remote.objects.size).toBe(1);
    expect(commits.count).toBe(2);
  });
});

/** A database that counts statements, and the rows that they gave back. */
function counting(database: SqlDatabase) {
  const seen = { statements: 0, rows: 0, reads: 0 };
  let depth = 0; // what is read inside a read takes no locks of its own
  const store: SqlDatabase = {
    exec: (sql) => database.exec(sql),
    run(sql, ...params) {
      seen.statements += 1;
      return database.run(sql, ...params);
    },
    get(sql, ...params) {
      seen.statements += 1;
      const row = database.get(sql, ...params);
      if (row !== undefined) seen.rows += 1;
      return row;
    },
    all(sql, ...params) {
      seen.statements += 1;
      const rows = database.all(sql, ...params);
      seen.rows += rows.length;
      return rows;
    },
    transaction: (run) => database.transaction(run),
    read: (query) =>
      database.read(() => {
        if (depth === 0) seen.reads += 1;
        depth += 1;
        try {
          return query();
        } finally {
          depth -= 1;
        }
      }),
    get inTransaction() {
      return database.inTransaction;
    },
    close() {},
  };
  return { store, seen };
}

/** What is asked of the database from opening to the first request to the remote, with so many queued. */
async function untilFirstUpload(count: number, smallFirst: boolean) {
  const phone = world({ online: false });
  const lading = await phone.open();
  const [id = ''] = await captureMany(phone, lading, 1, owner('item.images', 'entity-0'));
  cloneAttachment(phone.handle, id, count - 1, { sharesBytes: true });
  const differences = count > 100 ? [] : (await phone.until(lading.verify())).differences;
  await phone.until(lading.close());
  phone.net.set({ online: true });
  const { store, seen } = counting(nodeSqlite(phone.handle));
  let first: { readonly statements: number; readonly rows: number } | undefined;
  const remote = {
    ...phone.remote,
    async upload(_request: unknown, { signal }: UploadContext) {
      first ??= { ...seen };
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return { ok: false, class: 'retryable', code: 'aborted' } as const;
    },
  };
  const next = await phone.open({ store, remote, smallFirst, concurrency: 1 });
  await phone.pass();
  await phone.until(next.close());
  return { ...first, differences };
}

describe('the first upload after a start (field case 31)', () => {
  it.each([false, true])(
    'costs as many statements and rows with 10,000 queued as with ten, smallFirst %s',
    async (smallFirst) => {
      const few = await untilFirstUpload(10, smallFirst);
      const many = await untilFirstUpload(10_000, smallFirst);
      expect(few.statements).toBeGreaterThan(10);
      expect(few.differences).toEqual([]);
      expect(many).toEqual(few);
    },
    30_000,
  );
});

describe('what an upload asks of the database', () => {
  it('are few reads, each of which takes locks of its own, and few statements', async () => {
    const { phone } = countingCommits([4, 5, 7]);
    const { store, seen } = counting(nodeSqlite(phone.handle));
    const lading = await phone.open({ store, concurrency: 3 });
    const ids = await captureMany(phone, lading, 60);
    Object.assign(seen, { statements: 0, reads: 0 });
    phone.net.set({ online: true });
    await phone.clock.runUntil(() => phone.remote.objects.size === 60);
    await phone.pass(1_000);
    const { reads, statements } = seen;
    expect(new Set(ids.map((id) => shows(lading.view(id))))).toEqual(new Set(['uploaded']));
    expect(reads / 60).toBeLessThan(5);
    expect(statements / 60).toBeLessThan(50);
  });
});

describe('results that wait for each other where timers come late, as in a hidden tab', () => {
  /** What is timed takes a second at least; the network is as fast as ever. */
  function late(phone: World): Clock {
    return {
      now: () => phone.clock.now(),
      schedule: (ms, run) => phone.clock.schedule(ms === 0 ? 0 : Math.max(ms, 1_000), run),
    };
  }

  /** How long after its last byte each one was shown as uploaded, in the order in which they were begun. */
  async function delays(ends: readonly { readonly ms: number; readonly fails?: boolean }[]) {
    const ended = new Map<string, number>();
    const shown = new Map<string, number>();
    const phone = world({ online: false });
    const remote: Remote = {
      ...phone.remote,
      async upload(request, context) {
        const id = request.objectKey.split('/')[1] ?? '';
        const { ms, fails = false } = ends[ended.size] ?? { ms: 4 };
        ended.set(id, Number.NaN);
        await new Promise<void>((resolve) => phone.clock.schedule(ms, resolve));
        ended.set(id, phone.clock.now());
        return fails
          ? { ok: false, class: 'retryable', code: 'network' }
          : phone.remote.upload(request, context);
      },
    };
    const lading = await phone.open({ remote, concurrency: 2, clock: late(phone) });
    for (const id of await captureMany(phone, lading, ends.length)) {
      lading.watch(id, ({ state }) => {
        if (state === 'uploaded') shown.set(id, phone.clock.now());
      });
    }
    phone.net.set({ online: true });
    await phone.until(lading.settled());
    return [...ended].map(([id, at]) => (shown.get(id) ?? Number.NaN) - at);
  }

  it('wait for no timer: for who is short, and once it is known that timers are held back, for nobody', async () => {
    const waits = await delays([
      { ms: 60_000 },
      ...Array.from({ length: 20 }, () => ({ ms: 100 })),
    ]);
    expect(waits.filter((ms) => ms > 0)).toEqual([100]);
  });

  it('wait for nobody who is under way for long', async () => {
    const waits = await delays([{ ms: 60_000 }, ...Array.from({ length: 30 }, () => ({ ms: 40 }))]);
    expect(waits.at(-1)).toBe(0);
    expect(Math.max(...waits)).toBe(40);
  });

  it('go on when the one for which they wait fails', async () => {
    const shorts = Array.from({ length: 7 }, () => ({ ms: 4 }));
    const waits = await delays([...shorts, { ms: 50, fails: true }]);
    expect(waits.slice(0, -1)).toEqual([0, 0, 0, 0, 0, 0, 46]);
  });
});
