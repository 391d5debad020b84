import { DatabaseSync } from 'node:sqlite';
import type * as fc from 'fast-check';
import { type Lading, openLading, preload } from 'lading';
import { LadingError } from 'lading/host';
import { nodeSqlite } from 'lading/sqlite/node';
import { memoryBlobs } from 'lading/testing';
import { expect } from 'vitest';
import { type ManualConnectivity, manualConnectivity } from '../../adapters/connectivity/manual.ts';
import { openStore } from '../../persistence/index.ts';
import { bytesSource } from '../../ports/source.ts';
import type { SqlDatabase } from '../../ports/sql.ts';
import { sampleJpeg } from '../../testing/sample-files/index.ts';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { type VirtualClock, virtualClock } from '../../testing/world/virtual-clock.ts';
import { receiptOwner } from './cases.ts';
import { passTime, quiet, until } from './engine.ts';
import { createIntents, expectEnd, expectReport, keyOf, modelsOf } from './race-outcome.ts';
import { scheduledRemote, type Verdict } from './scheduled-remote.ts';

/** What a user, the network or the operating system does; `n` picks the attachment, `process` who does it. */
export interface Deed {
  readonly verb:
    | 'capture'
    | 'remove'
    | 'undo'
    | 'replace'
    | 'cancel'
    | 'retry'
    | 'pause'
    | 'resume'
    | 'offline'
    | 'online'
    | 'wait'
    | 'kill';
  readonly n: number;
  readonly process: number;
}

const ACCOUNT = receiptOwner.scope.accountId;
const LEASE_MS = 120_000;
/** Past the network's calm, a backoff, and the undo time. */
const WAITS_MS = [15, 2_500, 31_000];
/** Longer than undo time, two removals and the late arrivals between them. */
const LAST_MINUTES = 45;

interface Process {
  readonly lading: Lading;
  readonly connectivity: ManualConnectivity;
  kill(): void;
}

/** What came up in a race: a test that never meets what it is for proves nothing. */
export interface RaceFacts {
  readonly lateLandings: number;
  readonly removedObjects: number;
  /** Attachments that were uploaded, and wanted at the end. */
  readonly uploaded: number;
  readonly failed: number;
}

/** Runs deeds, uploads and timers in the order that the scheduler draws, then holds the outcome to the contract. */
export async function race(options: {
  readonly scheduler: fc.Scheduler;
  readonly deeds: readonly Deed[];
  readonly script: readonly Verdict[];
  readonly processes: 1 | 2;
  /** Told the clock, so that all that follows from one scheduled thing happens before the next. */
  readonly onClock: (clock: VirtualClock) => void;
  /** How long after a removal the engine looks again. Default the engine's. */
  readonly lateArrivalMs?: number;
}): Promise<RaceFacts> {
  const { scheduler, lateArrivalMs } = options;
  const clock = virtualClock();
  options.onClock(clock);
  const handle = new DatabaseSync(':memory:');
  const remote = scheduledRemote(scheduler, options.script, (key) => {
    const rows = handle.prepare("SELECT stream, run FROM lading_task WHERE name = 'upload'").all();
    return Number(rows.find(({ stream }) => key.endsWith(String(stream)))?.['run']);
  });
  const blobs = memoryBlobs();
  let started = 0;

  async function start(): Promise<Process> {
    await preload();
    let alive = true;
    const number = started++;
    const connectivity = manualConnectivity();
    const opening = openLading({
      store: notClosing(nodeSqlite(handle)),
      blobs,
      remote: remote.of(() => alive),
      connectivity,
      fields: {
        'transaction.receiptImages': {
          kinds: ['image'],
          maxCount: 4,
          ...(lateArrivalMs === undefined ? {} : { policy: { lateArrivalMs } }),
        },
      },
      account: ACCOUNT,
      onlineDebounceMs: 10,
      runner: { leaseMs: LEASE_MS },
      random: seededRandom(`process-${number}`),
      clock: {
        now: () => clock.now(),
        schedule: (delayMs, run) => clock.schedule(delayMs, () => alive && run()),
      },
    });
    return {
      lading: await until(clock, opening),
      connectivity,
      kill() {
        alive = false;
      },
    };
  }

  const processes: Process[] = [];
  for (let n = 0; n < options.processes; n++) processes.push(await start());
  const intents = createIntents();

  async function act({ verb, n, process }: Deed): Promise<void> {
    const index = process % processes.length;
    const own = processes[index] as Process;
    const { lading, connectivity } = own;
    const id = intents.ids[n % Math.max(1, intents.ids.length)];
    const ref = id ?? lading.newMediaId();
    const refused = (error: unknown): null => {
      if (error instanceof LadingError) return null;
      throw error;
    };
    switch (verb) {
      case 'capture': {
        const made = lading.capture(file(), { owner: receiptOwner, kind: 'image' });
        intents.captured(await until(clock, made.catch(refused)));
        break;
      }
      case 'remove':
        intents.removed(ref, await until(clock, lading.remove(ref, receiptOwner).catch(refused)));
        break;
      case 'undo': {
        const token = intents.lastToken();
        if (token === undefined) break;
        const undone = lading.undo(token.token).then(() => token, refused);
        intents.undone(await until(clock, undone));
        break;
      }
      case 'replace': {
        const verbed = lading.replace(ref, file(), receiptOwner, { kind: 'image' }).catch(refused);
        intents.replaced(ref, await until(clock, verbed));
        break;
      }
      case 'cancel': {
        const done = lading.cancel(ref).then(() => ref, refused);
        intents.cancelled(await until(clock, done));
        break;
      }
      case 'retry':
        await until(clock, lading.retry(ref).catch(refused));
        break;
      case 'pause':
        await until(clock, lading.pause());
        break;
      case 'resume':
        await until(clock, lading.resume());
        break;
      case 'offline':
        connectivity.set({ online: false });
        break;
      case 'online':
        connectivity.set({ online: true });
        break;
      case 'wait':
        await passTime(clock, clock.elapsedMs + (WAITS_MS[n % WAITS_MS.length] ?? 0));
        break;
      case 'kill':
        own.kill();
        processes[index] = await start();
        break;
    }
    await quiet(clock);
  }

  scheduler.scheduleSequence(
    options.deeds.map((deed) => ({
      label: `${deed.verb} ${deed.n} by ${deed.process}`,
      builder: () => act(deed),
    })),
  );
  await scheduler.waitIdle();

  for (const { lading, connectivity } of processes) {
    connectivity.set({ online: true });
    await until(clock, lading.resume());
  }
  const tasks = (): number =>
    Number(handle.prepare('SELECT count(*) AS n FROM lading_task').get()?.['n']);
  for (let minute = 0; minute < LAST_MINUTES; minute++) {
    await passTime(clock, clock.elapsedMs + 60_000);
    await scheduler.waitIdle();
    await quiet(clock);
    if (minute > 2 && tasks() === 0) break;
  }

  const [first] = processes as [Process];
  const { events } = openStore(nodeSqlite(handle), clock, seededRandom('judge'));
  expect(remote.overlaps, 'one runner at a time works on an attachment').toEqual([]);
  const report = await until(clock, first.lading.verify());
  expect(report.differences, 'verify').toEqual([]);
  const models = modelsOf(events);
  for (const model of models) {
    expectEnd(model, first.lading, remote, intents.alive(model.context.mediaId));
  }
  expectReport(await until(clock, first.lading.settled()));
  const listed = first.lading.list(receiptOwner).map(({ ref }) => ref.mediaId);
  expect(listed.toSorted(), 'the list').toEqual(intents.ids.filter(intents.alive).toSorted());
  const views = listed.map((id) => first.lading.view(id).state);
  for (const one of processes) one.kill();
  handle.close();
  return {
    lateLandings: remote.lateLandings,
    removedObjects: models.filter(
      ({ context }) => context.sweeps > 0 && remote.completions.has(keyOf(context)),
    ).length,
    uploaded: views.filter((state) => state === 'uploaded').length,
    failed: views.filter((state) => state === 'failed').length,
  };
}

function file() {
  return bytesSource(sampleJpeg(), {
    filename: 'race.jpg',
    contentType: 'image/jpeg',
  });
}

/** Several processes share the test's one handle: none of them may close it. */
function notClosing(database: SqlDatabase): SqlDatabase {
  return Object.assign(Object.create(database) as SqlDatabase, { close() {} });
}
