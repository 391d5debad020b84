import type { SqlDatabase, UploadContext } from 'lading';
import { nodeSqlite } from 'lading/sqlite/node';
import { describe, expect, it } from 'vitest';
import { captureMany, owner, shows, type World, world } from '../support/lading-world.ts';
import { cloneAttachment } from '../support/scale/fill.ts';

/** Counts COMMITs that wrote something: each is a sync to disk. */
function countingCommits(): {
  readonly phone: World;
  readonly commits: { count: number; start(): void };
} {
  let changes = 0;
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
    // A remote that takes 50 ms: an upload ends while others are under way, and not in one turn with them.
    script: () => ({ after: new Promise<void>((resolve) => phone.clock.schedule(50, resolve)) }),
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
  const seen = { statements: 0, rows: 0 };
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
    read: (query) => database.read(query),
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
