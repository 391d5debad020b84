import {
  calmScenario,
  type Device,
  owners,
  type Plot,
  type Simulation,
  simulateScenario,
} from 'lading/testing';
import { describe, expect, it, vi } from 'vitest';
import { sampleJpeg } from '../testing/sample-files/index.ts';

const [receipts] = owners as [(typeof owners)[number]];
const STEPS = 30;

vi.setConfig({ testTimeout: 240_000 });

/** Sessions end all the time, last or are over, in the middle of captures, kills and restarts. */
const restless: Plot = async (world, devices, verbs) => {
  const random = world.random.fork('restless');
  for (let step = 0; step < STEPS; step++) {
    await world.clock.advanceBy(random.int(0, 3_000));
    const device = random.pick(devices);
    const [at] = device.ready();
    if (at !== undefined && random.chance(0.6)) {
      const bytes = sampleJpeg({ body: `step ${step}`, sizeBytes: random.int(500, 20_000) });
      verbs.capture(at, receipts, { device: device.name, kind: 'image', bytes });
    }
    if (random.chance(0.4)) end(device, random.chance(0.5));
    if (random.chance(0.1)) device.kill();
    if (random.chance(0.1)) device.restart();
  }

  function end(device: Device, isOver: boolean): void {
    world.trace.note(device.name, isOver ? 'session is over' : 'credentials end');
    world.store.revokeTokens('alice');
    if (!isOver) {
      world.token = world.store.issueToken('alice');
      return;
    }
    world.isSessionOver = true;
    world.clock.schedule(random.int(100, 15_000), () => {
      world.isSessionOver = false;
      world.token = world.store.issueToken('alice');
      for (const told of world.onSignIn) told();
    });
  }
};

function live(seed: number): Promise<Simulation> {
  const changes = { refreshes: true, hasLodger: true, runnersOnA: seed % 2 === 0 ? 2 : 1 } as const;
  return simulateScenario(calmScenario(seed, changes), {}, restless);
}

describe('sessions that end all the time (contract 4.4, 4.8)', () => {
  for (let seed = 1; seed <= 10; seed++) {
    it(`lose nothing, double nothing, and leave another account's work alone: seed ${seed}`, async () => {
      const lived = await live(seed);
      expect(lived.failures).toEqual([]);
      expect(lived.captures).toBeGreaterThan(5);
      expect(lived.trace().some((line) => line.includes('bob signs out'))).toBe(true);
    });
  }

  it('were refused, and asked for in vain, in some of these lives', async () => {
    const traces = await Promise.all([1, 2, 3].map(async (seed) => (await live(seed)).trace()));
    const said = (words: string): boolean => traces.flat().some((line) => line.includes(words));
    expect(said('there are no new credentials')).toBe(true);
    expect(said('signs out')).toBe(true);
  });
});
