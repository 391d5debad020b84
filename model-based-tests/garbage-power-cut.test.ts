import {
  calmScenario,
  type Device,
  type Open,
  owners,
  type Sabotage,
  type Simulation,
  simulateScenario,
} from 'lading/testing';
import { describe, expect, it } from 'vitest';
import { blobKey } from '../ports/blob-store.ts';
import { ACCOUNT } from '../testing/simulator/app.ts';
import { photoBytes } from '../testing/simulator/files.ts';
import type { World } from '../testing/simulator/world.ts';

const [receipts] = owners as [(typeof owners)[number]];

/** Everything that may be collected is, at the second look. */
const AT_ONCE: Sabotage = {
  options: (real) => ({
    ...real,
    garbage: {
      graceMs: 0,
      everyMs: Number.POSITIVE_INFINITY,
      log: { checkpointAfterMs: 0, tombstoneAfterMs: 0 },
    },
  }),
};

interface Cut {
  readonly counter: 'operation' | 'sync';
  readonly count: number;
  readonly when: 'before' | 'after';
}

interface Lived {
  readonly simulation: Simulation;
  /** Disk operations and syncs of the runs of the collector. */
  readonly operations: number;
  readonly syncs: number;
  /** Names of files without a record that are left. */
  readonly left: readonly string[];
  readonly eventsLeft: number;
}

/**
 * Photos that are sent, one that is removed, one that waits for the network, files that nobody knows, and writes that
 * did not end; then the collector runs three times, and the power goes at one of its steps, or never.
 */
async function lifeWith(cut: Cut | undefined): Promise<Lived> {
  const counted = { operations: 0, syncs: 0, left: [] as readonly string[], eventsLeft: 0 };
  const simulation = await simulateScenario(
    calmScenario(1, { diskMs: 0 }),
    AT_ONCE,
    async (world, [phone], verbs) => {
      if (phone === undefined) throw new Error('a device was promised');
      const photo = (name: string) => ({
        device: phone.name,
        kind: 'image' as const,
        bytes: photoBytes(world.random.fork(name), 3_000),
      });
      const sent = [1, 2, 3].map((n) => verbs.capture(opened(phone), receipts, photo(`sent ${n}`)));
      await world.clock.advanceBy(5_000);
      verbs.remove(opened(phone), sent[0]?.mediaId as never, receipts);
      await world.clock.advanceBy(90_000);
      phone.setOnline(false);
      verbs.capture(opened(phone), receipts, photo('waits'));
      await world.clock.advanceBy(1_000);
      const strays = leaveStrays(phone);

      const before = { operations: phone.disk.operations, syncs: phone.disk.syncs };
      if (cut !== undefined) phone.powerCutAt(cut.counter, cut.count, cut.when);
      for (let run = 0; run < 3; run++) await collect(world, phone);
      counted.operations = phone.disk.operations - before.operations;
      counted.syncs = phone.disk.syncs - before.syncs;
      phone.forgetPowerCut();
      // Where the power went, what it interrupted is done now.
      for (let run = 0; run < 3; run++) await collect(world, phone);
      counted.left = strays.filter((path) => phone.disk.exists(path));
      counted.eventsLeft = Number(
        phone.sql?.get('SELECT count(*) AS n FROM lading_event')?.['n'] ?? 0,
      );
      phone.setOnline(true);
    },
  );
  return { simulation, ...counted };
}

function leaveStrays(phone: Device): readonly string[] {
  const ids = [1, 2, 3, 4, 5].map((n) => `0198f000-0000-7000-8000-00000000000${n}`);
  const paths = [...ids.map((id) => `blobs/${blobKey(ACCOUNT, id)}`), 'tmp/1234', 'tmp/5678'];
  for (const path of paths) {
    const directory = path.slice(0, path.lastIndexOf('/'));
    phone.disk.makeDirectory(directory);
    const file = phone.disk.open(path, 'create');
    file.write(0, new Uint8Array(100).fill(7));
    file.sync();
    file.close();
    phone.disk.syncDirectory(directory);
  }
  return paths;
}

/** One run, to its end or to that of its process. */
async function collect(world: World, phone: Device): Promise<void> {
  const { lading, process } = await up(world, phone);
  let over = false;
  process.guard(lading.collectGarbage()).then(
    () => (over = true),
    () => (over = true),
  );
  const until = world.clock.elapsedMs + 30_000;
  await world.clock.runUntil(() => over || !process.isAlive || world.clock.elapsedMs > until);
  await world.clock.advanceBy(1_000);
}

async function up(world: World, phone: Device): Promise<Open> {
  for (let waited = 0; waited < 600 && phone.ready().length === 0; waited++) {
    await world.clock.advanceBy(100);
  }
  return opened(phone);
}

function opened(phone: Device): Open {
  const [runner] = phone.ready();
  if (runner === undefined) throw new Error(`${phone.name} is not open`);
  return runner;
}

describe('a power cut at every step of the collector (contract 5.4)', () => {
  it('has steps to cut at, and leaves nothing that nobody needs without a cut', async () => {
    const { simulation, operations, syncs, left, eventsLeft } = await lifeWith(undefined);
    expect(simulation.failures).toEqual([]);
    expect(left).toEqual([]);
    expect(syncs).toBeGreaterThan(5);
    expect(operations).toBeGreaterThan(50);
    // The removed one is a tombstone, the sent ones are checkpoints, the one that waits has its whole story.
    expect(eventsLeft).toBeLessThan(8);
  });

  for (const counter of ['sync', 'operation'] as const) {
    it(`loses nothing, and the next runs end what was begun: at each ${counter}`, async () => {
      const steps = (await lifeWith(undefined))[`${counter}s`];
      // Every sync, before and after; of the operations, which are many more: each seventh, or all with LADING_STRIDE=1.
      const stride = counter === 'sync' ? 1 : Number(process.env['LADING_STRIDE'] ?? 7);
      let cuts = 0;
      for (let count = 1; count <= steps; count += stride) {
        for (const when of ['before', 'after'] as const) {
          const { simulation, left } = await lifeWith({ counter, count, when });
          const at = { counter, count, when };
          expect({ ...at, failures: simulation.failures, left }).toEqual({
            ...at,
            failures: [],
            left: [],
          });
          cuts += simulation.powerCuts;
        }
      }
      expect(cuts).toBe(2 * Math.ceil(steps / stride));
    }, 240_000);
  }
});
