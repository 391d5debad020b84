import { manualConnectivity, type ProbingOptions, probingConnectivity } from 'lading/connectivity';
import { afterEach, describe, expect, it } from 'vitest';
import type { NetworkState } from '../../ports/connectivity.ts';
import { virtualClock } from '../../testing/world/virtual-clock.ts';
import { type FaultServer, startFaultServer } from '../support/fault-server.ts';

describe('manualConnectivity', () => {
  it('tells changes, and only changes, before set returns', () => {
    const network = manualConnectivity({ online: false });
    const heard: NetworkState[] = [];
    const cancel = network.subscribe((state) => heard.push(state));
    network.set({ online: false });
    network.set({ online: true });
    network.set({ metered: true });
    expect(heard).toEqual([
      { online: true, metered: false },
      { online: true, metered: true },
    ]);
    cancel();
    network.set({ online: false });
    expect(heard).toHaveLength(2);
    expect(network.current()).toEqual({ online: false, metered: true });
  });

  it('tells all, also when one of them throws, which is told to who set it', () => {
    const network = manualConnectivity();
    let heard = 0;
    network.subscribe(() => {
      throw new Error('one of them');
    });
    network.subscribe(() => void heard++);
    expect(() => network.set({ online: false })).toThrow('one of them');
    expect(heard).toBe(1);
  });

  it('lets the same function listen twice and stop once', () => {
    const network = manualConnectivity();
    let calls = 0;
    const listener = (): void => void calls++;
    const cancel = network.subscribe(listener);
    network.subscribe(listener);
    cancel();
    cancel();
    network.set({ online: false });
    expect(calls).toBe(1);
  });
});

describe('probingConnectivity', () => {
  /** A probe whose answers the test gives. */
  const scripted = (options: Pick<ProbingOptions, 'debounceMs' | 'logger'> = {}) => {
    const clock = virtualClock();
    const world = { online: true, probes: 0, heard: [] as boolean[] };
    const network = probingConnectivity({
      clock,
      probe: async () => {
        world.probes++;
        return world.online;
      },
      ...options,
    });
    const subscribe = () => network.subscribe((state) => world.heard.push(state.online));
    return { clock, world, network, subscribe };
  };

  it('has no timer and asks nothing while nobody listens', async () => {
    const { clock, world, subscribe } = scripted();
    await clock.advanceBy(1_000_000);
    expect(world.probes).toBe(0);
    const cancel = subscribe();
    await clock.advanceBy(95_000);
    expect(world.probes).toBe(4);
    cancel();
    expect(clock.pending).toBe(0);
    await clock.advanceBy(1_000_000);
    expect(world.probes).toBe(4);
  });

  it('goes on to probe and to tell the others when a listener throws, and logs it', async () => {
    const said: unknown[] = [];
    const { clock, world, network, subscribe } = scripted({
      debounceMs: 0,
      logger: { error: (message, details) => said.push([message, details]) },
    });
    const error = new Error('one of them');
    network.subscribe(() => {
      throw error;
    });
    subscribe();
    await clock.settle();
    world.online = false;
    await clock.advanceBy(30_000);
    world.online = true;
    await clock.advanceBy(30_000);
    expect(world.heard).toEqual([false, true]);
    expect(said).toEqual([1, 2].map(() => ['a listener of the connectivity threw', { error }]));
  });

  it('tells an edge when it held for the debounce time', async () => {
    const { clock, world, network, subscribe } = scripted();
    subscribe();
    await clock.settle();
    world.online = false;
    await clock.advanceBy(30_000);
    expect(world.heard).toEqual([]);
    await clock.advanceBy(2_000);
    expect(world.heard).toEqual([false]);
    expect(network.current().online).toBe(false);
    world.online = true;
    await clock.advanceBy(32_000);
    expect(world.heard).toEqual([false, true]);
  });

  it('tells nothing of a link that flaps (field case 37)', async () => {
    const { clock, world, subscribe } = scripted();
    subscribe();
    await clock.settle();
    for (let flaps = 0; flaps < 20; flaps++) {
      world.online = false;
      await clock.advanceBy(30_000);
      world.online = true;
      await clock.advanceBy(2_000);
    }
    expect(world.heard).toEqual([]);
  });

  it('counts a probe that does not answer in time, or rejects, as offline', async () => {
    for (const probe of [() => new Promise<boolean>(() => {}), () => Promise.reject(new Error())]) {
      const clock = virtualClock();
      const network = probingConnectivity({ clock, probe });
      const heard: boolean[] = [];
      network.subscribe((state) => heard.push(state.online));
      await clock.advanceBy(10_000 + 2_000 + 10_000);
      expect(heard).toEqual([false]);
    }
  });

  it('stops a probe that is under way when the last listener goes, and says no more', async () => {
    const clock = virtualClock();
    let aborted = false;
    const heard: NetworkState[] = [];
    const network = probingConnectivity({
      clock,
      debounceMs: 0,
      probe: (signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted = true;
            resolve(false);
          });
        }),
    });
    network.subscribe((state) => heard.push(state))();
    await clock.settle();
    expect([aborted, heard, clock.pending]).toEqual([true, [], 0]);
  });

  it('takes over what a probe knows of the price of the link', async () => {
    const clock = virtualClock();
    const probe = async () => ({ online: true, metered: true });
    const network = probingConnectivity({ clock, probe, debounceMs: 0 });
    network.subscribe(() => {});
    await clock.settle();
    expect(network.current()).toEqual({ online: true, metered: true });
  });

  it.each([{ url: 'ftp://x' }, { url: 'x' }, { url: 'http://x', intervalMs: 0 }])(
    'refuses %j',
    (options) => {
      expect(() => probingConnectivity(options)).toThrow(
        expect.objectContaining({ code: 'invalid_option' }),
      );
    },
  );
});

describe('a HEAD probe', () => {
  let server: FaultServer;
  afterEach(() => server.close());

  it.each([
    [204, {}, true],
    [404, {}, true],
    [302, { Location: 'http://login.example/' }, false],
    [200, { 'Content-Type': 'text/html; charset=utf-8' }, false],
    [503, {}, false],
    [511, {}, false],
  ])('takes %i with %j for online: %s (field cases 35 and 36)', async (status, headers, online) => {
    server = await startFaultServer();
    server.plan({ method: 'HEAD', answer: { status, headers } });
    const edge = firstState(server.origin, !online);
    expect(await edge).toBe(online);
    expect(server.seen[0]?.method).toBe('HEAD');
  });

  it('takes a server that is not there for offline', async () => {
    server = await startFaultServer();
    const { origin } = server;
    await server.close();
    expect(await firstState(origin, true)).toBe(false);
    server = await startFaultServer();
  });

  /** What the first edge says, from the opposite belief. */
  function firstState(url: string, before: boolean): Promise<boolean> {
    const network = probingConnectivity({
      url,
      debounceMs: 0,
      initial: { online: before },
      clock: virtualClock(),
    });
    return new Promise((resolve) => {
      const cancel = network.subscribe((state) => {
        cancel();
        resolve(state.online);
      });
    });
  }
});
