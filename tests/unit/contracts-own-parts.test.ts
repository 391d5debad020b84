import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from 'lading';
import { nodeDisk } from 'lading/blobs/directory';
import { manualConnectivity, probingConnectivity } from 'lading/connectivity';
import { createReferenceBackend } from 'lading/sync';
import {
  diskPort,
  SimDisk,
  seededRandom,
  simBackend,
  simNetwork,
  virtualClock,
} from 'lading/testing';
import {
  describeBackend,
  describeClock,
  describeConnectivity,
  describeDisk,
} from 'lading/testing/contracts';
import { vi } from 'vitest';

describeBackend('the reference backend', async () => {
  const clock = virtualClock();
  const reference = createReferenceBackend({ clock });
  return {
    accountId: 'ann',
    backend: reference.client('ann'),
    other: reference.client('ann'),
    arrived: () => clock.advanceBy(1),
  };
});

describeBackend('the reference backend over the simulated network', async () => {
  const clock = virtualClock();
  const network = simNetwork({ clock, random: seededRandom(1) });
  const reference = createReferenceBackend({ clock });
  let disposed = false;
  const run = async (): Promise<void> => {
    while (!disposed) if (!(await clock.runNext())) await clock.settle();
  };
  const running = run();
  return {
    accountId: 'ann',
    backend: simBackend(network.link('phone'), reference, 'ann'),
    other: simBackend(network.link('laptop'), reference, 'ann'),
    async arrived() {
      for (let turns = 0; turns < 20; turns++) await clock.settle();
    },
    async dispose() {
      disposed = true;
      await running;
    },
  };
});

describeClock('the clock of this machine, on fake timers', async () => {
  vi.useFakeTimers();
  return {
    clock: systemClock(),
    pass: async (ms) => void (await vi.advanceTimersByTimeAsync(ms)),
    dispose: async () => void vi.useRealTimers(),
  };
});

describeClock('virtual time', async () => {
  const clock = virtualClock();
  return { clock, pass: (ms) => clock.advanceBy(ms) };
});

describeClock('another device’s clock in virtual time', async () => {
  const clock = virtualClock();
  return { clock: clock.device(5_000), pass: (ms) => clock.advanceBy(ms) };
});

describeConnectivity('set by hand', async () => {
  const connectivity = manualConnectivity();
  return { connectivity, become: async (online) => connectivity.set({ online }) };
});

describeConnectivity('probed', async () => {
  const clock = virtualClock();
  let answer = true;
  return {
    connectivity: probingConnectivity({ clock, probe: async () => answer }),
    async become(online) {
      answer = online;
      await clock.advanceBy(300_000);
    },
  };
});

describeConnectivity('a link of the simulated network', async () => {
  const clock = virtualClock();
  const link = simNetwork({ clock, random: seededRandom(1) }).link('phone');
  return {
    connectivity: link.connectivity,
    async become(online) {
      link.setOnline(online);
      await clock.advanceBy(1_000);
    },
  };
});

describeDisk('a directory of this machine', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'lading-disk-'));
  return {
    disk: nodeDisk(directory),
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
});

describeDisk('the simulated disk', async () => ({
  disk: diskPort(new SimDisk({ random: seededRandom(1), now: () => 1 })),
}));
