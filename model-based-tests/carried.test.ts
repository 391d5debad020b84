import {
  calmScenario,
  type Device,
  type Open,
  owners,
  type Plot,
  type Scenario,
  type Simulation,
  simulate,
  simulateScenario,
} from 'lading/testing';
import { describe, expect, it } from 'vitest';
import type { Carrier } from '../ports/carrier.ts';
import { sampleJpeg } from '../testing/sample-files/index.ts';
import { type CarriedDevices, carriedDevices } from '../tests/support/carried-devices.ts';

const SEEDS = Number(process.env['LADING_RUNS'] ?? '1') * 15;
const [receipts] = owners as [(typeof owners)[number]];
const SIZE = 30_000;

type World = Parameters<Plot>[0];
type Verbs = Parameters<Plot>[2];
type Life = (world: World, phone: Device, verbs: Verbs) => Promise<void>;

interface Lived extends Simulation {
  /** Requests with bytes that the systems began. */
  readonly begun: number;
  readonly receivedBytes: number;
  readonly completed: number;
}

/** One phone whose uploads the system carries, on a slow link: a request takes ten seconds. */
async function live(
  life: Life,
  devices: CarriedDevices = carriedDevices(),
  changes: Partial<Scenario> = {},
): Promise<Lived> {
  let receivedBytes = 0;
  let completed = 0;
  const scenario = calmScenario(1, { remote: devices.remote, ...changes });
  const slow = { ...scenario.faults, delayMs: [5_000, 5_000] as const, timeoutMs: 60_000 };
  const plot: Plot = async (world, [phone], verbs) => {
    if (phone === undefined) throw new Error('a device was promised');
    await life(world, phone, verbs);
    await world.clock.advanceBy(120_000);
    ({ receivedBytes } = world.store);
    completed = world.store.history.length;
  };
  const simulation = await simulateScenario({ ...scenario, faults: slow }, {}, plot);
  return { ...simulation, begun: devices.system('A').begun, receivedBytes, completed };
}

function open(device: Device): Open {
  const [runner] = device.ready();
  if (runner === undefined) throw new Error(`${device.name} is not open`);
  return runner;
}

function photo() {
  return { device: 'A', kind: 'image', bytes: sampleJpeg({ sizeBytes: SIZE }) } as const;
}

/** Until the system has taken a request over. */
async function captured({ clock }: World, phone: Device, verbs: Verbs, devices: CarriedDevices) {
  const file = verbs.capture(open(phone), receipts, photo());
  for (let turns = 0; turns < 200 && devices.system('A').begun === 0; turns++) {
    await clock.advanceBy(50);
  }
  return file;
}

describe('an upload that the operating system carries (design 5)', () => {
  it('ends while the app is dead, and the next start takes the result: one object, no byte twice', async () => {
    const devices = carriedDevices();
    const lived = await live(async (world, phone, verbs) => {
      await captured(world, phone, verbs, devices);
      phone.kill();
      await world.clock.advanceBy(30_000);
    }, devices);
    expect(lived.failures).toEqual([]);
    expect([lived.begun, lived.completed, lived.receivedBytes]).toEqual([1, 1, SIZE]);
  });

  it('is met by the next start while it is still under way, however often the app dies', async () => {
    const devices = carriedDevices();
    const lived = await live(async (world, phone, verbs) => {
      await captured(world, phone, verbs, devices);
      for (let deaths = 0; deaths < 4; deaths++) {
        phone.kill();
        await world.clock.advanceBy(2_500);
      }
    }, devices);
    expect(lived.failures).toEqual([]);
    expect([lived.begun, lived.receivedBytes]).toEqual([1, SIZE]);
  });

  it('goes on when the app is closed', async () => {
    const devices = carriedDevices();
    const lived = await live(async (world, phone, verbs) => {
      await captured(world, phone, verbs, devices);
      phone.restart();
      await world.clock.advanceBy(30_000);
    }, devices);
    expect(lived.failures).toEqual([]);
    expect([lived.begun, lived.receivedBytes]).toEqual([1, SIZE]);
  });

  it('is started once by two processes of one app, one of which dies', async () => {
    const devices = carriedDevices();
    const plot: Life = async (world, phone, verbs) => {
      await captured(world, phone, verbs, devices);
      for (const runner of phone.ready().slice(0, 1)) phone.killOne(runner);
      await world.clock.advanceBy(60_000);
    };
    const lived = await live(plot, devices, { runnersOnA: 2 });
    expect(lived.failures).toEqual([]);
    expect([lived.begun, lived.receivedBytes]).toEqual([1, SIZE]);
  });

  it('is sent again when the system killed it, and is one object', async () => {
    const devices = carriedDevices();
    const lived = await live(async (world, phone, verbs) => {
      await captured(world, phone, verbs, devices);
      phone.kill();
      devices.system('A').killTransfers();
      await world.clock.advanceBy(30_000);
    }, devices);
    expect(lived.failures).toEqual([]);
    expect(lived.begun).toBe(2);
  });

  it('brings nothing back when its result comes after the removal (contract 5.2)', async () => {
    const devices = carriedDevices();
    const lived = await live(async (world, phone, verbs) => {
      const file = await captured(world, phone, verbs, devices);
      phone.kill();
      await world.clock.advanceBy(9_500); // the object is there, the result is not
      for (let turns = 0; turns < 100 && !phone.isUp; turns++) await world.clock.advanceBy(100);
      verbs.remove(open(phone), file.mediaId, receipts);
      await world.clock.advanceBy(30_000);
    }, devices);
    expect(lived.failures).toEqual([]);
  });

  it('is stopped by a pause, and sent when that ends', async () => {
    const devices = carriedDevices();
    const lived = await live(async (world, phone, verbs) => {
      const file = await captured(world, phone, verbs, devices);
      verbs.plain(open(phone), 'pause', (lading) => lading.pause(file.mediaId));
      await world.clock.advanceBy(60_000);
      expect(world.store.receivedBytes).toBe(0);
      verbs.plain(open(phone), 'resume', (lading) => lading.resume(file.mediaId));
    }, devices);
    expect(lived.failures).toEqual([]);
    expect(lived.begun).toBe(2);
  });

  it.each(Array.from({ length: 12 }, (_, n) => n + 1))(
    'is one object, wherever the power goes: at sync %i after the capture began',
    async (count) => {
      const devices = carriedDevices();
      const lived = await live(async (world, phone, verbs) => {
        phone.powerCutAt('sync', count);
        verbs.capture(open(phone), receipts, photo());
        await world.clock.advanceBy(2_000);
        devices.system('A').powerCut();
        await world.clock.advanceBy(30_000);
        phone.forgetPowerCut();
      }, devices);
      expect(lived.failures).toEqual([]);
      expect(lived.completed).toBeLessThanOrEqual(1);
    },
  );

  it.each(Array.from({ length: SEEDS }, (_, n) => n + 1))(
    'keeps every promise through a random life: seed %i',
    async (seed) => {
      const { remote } = carriedDevices();
      const scenario = (real: Scenario): Scenario => ({ ...real, remote });
      expect((await simulate(seed, { scenario })).failures).toEqual([]);
    },
    60_000,
  );
});

describe('uploads by HTTP that nobody carries', () => {
  it.each(Array.from({ length: SEEDS }, (_, n) => n + 101))(
    'keep every promise through a random life: seed %i',
    async (seed) => {
      const { remote } = carriedDevices({ carries: false });
      const scenario = (real: Scenario): Scenario => ({ ...real, remote });
      expect((await simulate(seed, { scenario })).failures).toEqual([]);
    },
    60_000,
  );
});

describe('the tests of carried uploads notice', () => {
  /** Forgets who started what: each start begins, and nobody is met. */
  let made = 0;
  const forgetful = (real: Carrier): Carrier => {
    const names = new Map<string, string>();
    return {
      ...real,
      async start(task) {
        const name = `${task.id}.${++made}`;
        names.set(task.id, name);
        await real.start({ ...task, id: name });
      },
      async attach(id, options) {
        const name = names.get(id);
        return name === undefined ? undefined : real.attach(name, options);
      },
    };
  };

  it('a carrier whose transfers the next start of the app does not meet', async () => {
    const devices = carriedDevices({ lent: forgetful, systemMs: 20_000 });
    const lived = await live(async (world, phone, verbs) => {
      await captured(world, phone, verbs, devices);
      phone.kill();
      await world.clock.advanceBy(3_000);
    }, devices);
    expect(lived.receivedBytes).toBeGreaterThan(SIZE);
  });
});
