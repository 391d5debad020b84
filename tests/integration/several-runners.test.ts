import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openNodeSqlite } from 'lading/sqlite/node';
import { type FaultProxy, startFaultProxy } from 'lading/testing/proxy';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytesOf, type PlannedFile } from '../support/engine-chaos/plan.ts';
import type { RunnerOptions } from '../support/runners/child.ts';
import { type RunnerProcess, startRunner } from '../support/runners/runner.ts';
import { sha256, type TusWorld, tusWorld } from '../support/tus-world.ts';

/** Short, where somebody waits for its end. */
const LEASE_MS = 600;
/** Long, where nobody shall lose it: a machine that is busy may starve a process for a second. */
const LONG_LEASE_MS = 6_000;
const LARGE: PlannedFile = { seed: 1, sizeBytes: 1_000_000 };

/** Real processes on one file of SQLite, a real tus server, and a proxy between. */
describe('several processes on one database (contract 4.3)', { timeout: 120_000 }, () => {
  let directory: string;
  let tus: TusWorld;
  let proxy: FaultProxy;
  let runners: RunnerProcess[] = [];

  beforeEach(async ({ onTestFailed }) => {
    onTestFailed(tellAll);
    directory = await mkdtemp(join(tmpdir(), 'lading-runners-'));
    // A stock server names uploads itself: only the handle in the log leads to one that was begun.
    tus = await tusWorld({ stock: true });
    proxy = await startFaultProxy({ upstream: tus.server.origin });
  });
  afterEach(async () => {
    for (const one of runners) one.signal('SIGKILL');
    await Promise.all(runners.map(({ gone }) => gone));
    runners = [];
    await proxy.close();
    await tus.dispose();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });

  async function start(options: Partial<RunnerOptions> = {}): Promise<RunnerProcess> {
    const runner = startRunner({
      directory,
      origin: proxy.origin,
      leaseMs: LEASE_MS,
      stopsAtSuccess: false,
      ...options,
    });
    runners.push(runner);
    await runner.said('open');
    return runner;
  }

  it('share the work: both upload, and nothing is sent twice (field case 23)', async () => {
    const one = await start({ leaseMs: LONG_LEASE_MS });
    const other = await start({ leaseMs: LONG_LEASE_MS });
    const files = Array.from({ length: 24 }, (_, n) => ({ id: idOf(n), file: fileOf(n) }));
    // Both slots of one process are busy until the other has begun too.
    const held = [1, 2].map(() => proxy.hold({ method: 'PATCH', side: 'request' }));
    for (const { id, file } of files) one.tell({ verb: 'capture', id, file });
    await other.said('began');
    for (const each of held) void each.release();
    await allUploaded(files.map(({ id }) => id));

    const begun = [one, other].map((runner) => runner.count('began'));
    expect(begun.filter((count) => count > 0)).toHaveLength(2);
    expect((begun[0] ?? 0) + (begun[1] ?? 0)).toBe(24);
    const needed = files.reduce((sum, { file }) => sum + file.sizeBytes, 0);
    expect(proxy.traffic().takenBytes).toBe(needed);
    expect(await tus.uploads()).toHaveLength(24);
    expect(troubles()).toEqual([]);
  });

  it('one is killed (SIGKILL): the other takes over when its lease is over, under the same handle', async () => {
    const id = idOf(0);
    proxy.plan({ method: 'PATCH', act: 'stall', side: 'request', afterBytes: 300_000 });
    const victim = await start();
    victim.tell({ verb: 'capture', id, file: LARGE });
    const { handle } = await victim.said('opened', id);
    await until(async () => (await tus.bytesOf(uploadName(handle))).byteLength === 300_000);
    const heir = await start();
    victim.signal('SIGKILL');

    expect(await heir.said('began', id)).toMatchObject({ handle, rerun: true });
    await allUploaded([id]);
    await oneWholeObject(id, handle);
    const patches = proxy.exchanges.filter(({ method }) => method === 'PATCH');
    expect(patches.map(({ headers }) => headers['upload-offset'])).toEqual(['0', '300000']);
    expect(troubles()).toEqual([]);
  });

  describe('one is stopped (SIGSTOP) for longer than its lease, and goes on when the other has finished', () => {
    it('in the middle of its bytes: its run is aborted, and nothing of it counts', async () => {
      proxy.plan({ method: 'PATCH', act: 'stall', side: 'request', afterBytes: 300_000 });
      const { sleeper, heir, id, handle } = await outlived(async (name) => {
        await until(async () => (await tus.bytesOf(name)).byteLength === 300_000);
      });
      sleeper.signal('SIGCONT');
      await sleeper.said('aborted', id);
      expect(await lateResults({ sleeper, heir, id, handle })).toEqual([]);
    });

    it('its bytes come late to the server: they change nothing there', async () => {
      const held = proxy.hold({ method: 'PATCH', side: 'request' });
      const { sleeper, heir, id, handle } = await outlived(() => held.reached);
      const before = await tus.bytesOf(uploadName(handle));
      sleeper.signal('SIGCONT');
      await held.release();
      expect(sha256(await tus.bytesOf(uploadName(handle)))).toBe(sha256(before));
      expect(await lateResults({ sleeper, heir, id, handle })).toEqual([]);
    });

    it('with its success in its hands: it cannot be committed, and the one in the log stays', async () => {
      const options = { stopsAtSuccess: true };
      const gone = await outlived((_name, sleeper) => sleeper.said('ended', id0), options);
      await until(() => {
        gone.sleeper.signal('SIGCONT');
        return gone.sleeper.count('woke') === 1;
      });
      expect(await lateResults(gone)).toEqual([]);
    });

    /** One that stands still, at a moment of its PATCH, until the other one has finished its upload. */
    async function outlived(
      moment: (name: string, sleeper: RunnerProcess) => Promise<unknown>,
      options: { readonly stopsAtSuccess?: boolean } = {},
    ) {
      const id = id0;
      const sleeper = await start(options);
      sleeper.tell({ verb: 'capture', id, file: LARGE });
      const { handle } = await sleeper.said('opened', id);
      await moment(uploadName(handle), sleeper);
      if (options.stopsAtSuccess !== true) await standStill(sleeper);
      const heir = await start();
      expect(await heir.said('began', id)).toMatchObject({ handle, rerun: true });
      await allUploaded([id]);
      return { sleeper, heir, id, handle };
    }

    /** Results in its log beyond the one of the heir; after it has shown that it goes on working. */
    async function lateResults({
      sleeper,
      heir,
      id,
      handle,
    }: Awaited<ReturnType<typeof outlived>>): Promise<readonly unknown[]> {
      await oneWholeObject(id, handle);
      // Alone with a new file, it uploads it.
      heir.tell({ verb: 'close' });
      await heir.gone;
      sleeper.tell({ verb: 'capture', id: idOf(1), file: fileOf(1) });
      await sleeper.said('ended', idOf(1));
      await allUploaded([id, idOf(1)]);
      sleeper.tell({ verb: 'verify' });
      expect(await sleeper.said('verified')).toMatchObject({ differences: [] });
      expect(await tus.uploads()).toHaveLength(2);
      expect(troubles()).toEqual([]);
      return eventsOf(id).slice(3);
    }
  });

  /** Stops it where it does not hold the lock of the database: nobody could write then, which is another story. */
  async function standStill(runner: RunnerProcess): Promise<void> {
    await until(() => {
      runner.signal('SIGSTOP');
      const database = openNodeSqlite(join(directory, 'app.db'));
      try {
        database.transaction(() => {});
        return true;
      } catch {
        runner.signal('SIGCONT');
        return false;
      } finally {
        database.close();
      }
    });
  }

  async function oneWholeObject(id: string, handle: string): Promise<void> {
    expect(await tus.uploads()).toEqual([uploadName(handle)]);
    expect(sha256(await tus.bytesOf(uploadName(handle)))).toBe(sha256(bytesOf(LARGE)));
    expect(eventsOf(id)).toEqual(['upload.started', 'upload.opened', 'upload.succeeded']);
    expect(proxy.traffic({ method: 'POST' }).exchanges).toBe(1);
  }

  /** What the log says of its upload. */
  function eventsOf(id: string): readonly unknown[] {
    return rows(
      `SELECT type FROM lading_event WHERE stream = ? AND type LIKE 'upload.%' ORDER BY version`,
      id,
    ).map(({ type }) => type);
  }

  function allUploaded(ids: readonly string[]): Promise<void> {
    return until(() => {
      const sql = `SELECT media_id FROM lading_media WHERE facts ->> 'situation' = 'uploaded'`;
      const there = new Set(rows(sql).map((row) => row['media_id']));
      return ids.every((id) => there.has(id));
    });
  }

  function rows(sql: string, ...params: readonly string[]) {
    const database = openNodeSqlite(join(directory, 'app.db'));
    try {
      return database.all(sql, ...params);
    } finally {
      database.close();
    }
  }

  /** What everybody did, for somebody who has to find out. */
  function tellAll(): void {
    for (const { lines } of runners)
      console.log(lines.map((line) => JSON.stringify(line)).join('\n'));
    for (const { method, path, fault, isHit, status, told, takenBytes } of proxy.exchanges) {
      console.log(method, path, fault, isHit, status, told, takenBytes);
    }
  }

  function troubles(): readonly unknown[] {
    return runners.flatMap(({ lines }) => lines.filter(({ type }) => type === 'trouble'));
  }
});

const id0 = idOf(0);

function idOf(n: number): string {
  return `018bcfe5-6800-7000-8000-${n.toString(16).padStart(12, '0')}`;
}

function fileOf(n: number): PlannedFile {
  return { seed: n + 2, sizeBytes: 20_000 + n };
}

function uploadName(handle: string): string {
  return handle.slice(handle.lastIndexOf('/') + 1);
}

/** Waits for a fact of another process: it is looked at until it is so, or the test's time is over. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 10));
}
