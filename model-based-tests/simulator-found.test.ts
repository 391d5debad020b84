import {
  calmScenario,
  type Device,
  type Open,
  owners,
  type Plot,
  plantedBugs,
  type Sabotage,
  type Simulation,
  simulateScenario,
} from 'lading/testing';
import { describe, expect, it } from 'vitest';
import { sampleJpeg } from '../testing/sample-files/index.ts';

const [receipts] = owners as [(typeof owners)[number]];

describe('what the simulator found', () => {
  it('sends the ops of a ref in their order, also when the clock was set back between them (seed 10)', async () => {
    const setBack: Life = async (world, [phone], verbs) => {
      phone.setOnline(false);
      phone.clock.jump(60_000);
      const file = verbs.capture(open(phone), receipts, photo());
      await world.clock.advanceBy(500);
      phone.clock.jump(-60_000);
      verbs.remove(open(phone), file.mediaId, receipts);
      await world.clock.advanceBy(3_000);
      phone.setOnline(true);
      await world.clock.advanceBy(30_000);
    };
    expect((await live(setBack)).failures).toEqual([]);
    const bug = plantedBugs.find(({ name }) => name === 'ops-due-by-the-clock');
    expect((await live(setBack, bug)).failures).not.toEqual([]);
  });
});

type Life = (
  world: Parameters<Plot>[0],
  devices: readonly [Device, Device],
  verbs: Parameters<Plot>[2],
) => Promise<void>;

function live(life: Life, sabotage: Sabotage = {}): Promise<Simulation> {
  return simulateScenario(calmScenario(1), sabotage, (world, [phone, tablet], verbs) => {
    if (phone === undefined || tablet === undefined) throw new Error('two devices were promised');
    return life(world, [phone, tablet], verbs);
  });
}

function open(device: Device): Open {
  const [runner] = device.ready();
  if (runner === undefined) throw new Error(`${device.name} is not open`);
  return runner;
}

function photo() {
  return { device: 'A', kind: 'image', bytes: sampleJpeg({ sizeBytes: 3_000 }) } as const;
}
