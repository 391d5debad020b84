import { manualConnectivity } from 'lading/connectivity';
import { diskPort, SimDisk, seededRandom, virtualClock } from 'lading/testing';
import {
  brokenCases,
  type ClockSetup,
  type ConnectivitySetup,
  clockCases,
  connectivityCases,
  type DiskSetup,
  diskCases,
} from 'lading/testing/contracts';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../ports/clock.ts';
import type { Connectivity } from '../../ports/connectivity.ts';
import type { Disk } from '../../ports/disk.ts';
import { type Breakages, sound, spoilt } from '../support/contract-teeth.ts';

describe('the suite of clocks', () => {
  const setup = (spoil: (clock: Clock) => Partial<Clock>) => async (): Promise<ClockSetup> => {
    const virtual = virtualClock();
    const plain: Clock = {
      now: () => virtual.now(),
      schedule: (...call) => virtual.schedule(...call),
    };
    return { clock: spoilt(plain, spoil), pass: (ms) => virtual.advanceBy(ms) };
  };
  const all: Breakages<Clock> = [
    ['says seconds', 'milliseconds since 1970', (clock) => ({ now: () => clock.now() / 1_000 })],
    ['stands still', 'move as time passes', () => ({ now: () => Date.UTC(2026, 0) })],
    [
      'calls without a delay at once',
      'within schedule itself',
      (clock) => ({
        schedule(delayMs, run) {
          if (delayMs > 0) return clock.schedule(delayMs, run);
          run();
          return () => {};
        },
      }),
    ],
    [
      'calls without a delay in a microtask',
      'lets promises settle',
      (clock) => ({
        schedule(delayMs, run) {
          let stopped = false;
          if (delayMs > 0) return clock.schedule(delayMs, run);
          queueMicrotask(() => {
            if (!stopped) run();
          });
          return () => {
            stopped = true;
          };
        },
      }),
    ],
    [
      'calls too early',
      'and not before',
      (clock) => ({
        schedule: (delayMs, run) => clock.schedule(delayMs / 2, run),
      }),
    ],
    [
      'calls again and again',
      'once only',
      (clock) => ({
        schedule(delayMs, run) {
          const stops = [1, 2].map((times) => clock.schedule(delayMs * times, run));
          return () => {
            for (const stop of stops) stop();
          };
        },
      }),
    ],
    [
      'cannot cancel',
      'what was cancelled',
      (clock) => ({
        schedule(delayMs, run) {
          clock.schedule(delayMs, run);
          return () => {};
        },
      }),
    ],
    [
      'takes its delay modulo 2³¹',
      'longer than timers take',
      (clock) => ({
        schedule: (delayMs, run) => clock.schedule(delayMs > 2 ** 31 - 1 ? 1 : delayMs, run),
      }),
    ],
  ];

  it('is content with a sound one', async () => {
    expect(await brokenCases(clockCases, setup(sound))).toEqual([]);
  });
  it.each(all)('finds one that %s', async (_what, found, spoil) => {
    expect(await brokenCases(clockCases, setup(spoil))).toContainEqual(
      expect.stringContaining(found),
    );
  });
});

describe('the suite of connectivity', () => {
  const setup =
    (spoil: (network: Connectivity) => Partial<Connectivity>) =>
    async (): Promise<ConnectivitySetup> => {
      const manual = manualConnectivity();
      const plain: Connectivity = {
        current: () => manual.current(),
        subscribe: (listener) => manual.subscribe(listener),
      };
      return {
        connectivity: spoilt(plain, spoil),
        become: async (online) => manual.set({ online }),
      };
    };
  const all: Breakages<Connectivity> = [
    [
      'is always online',
      'whether it is online',
      () => ({
        current: () => ({ online: true, metered: false }),
      }),
    ],
    [
      'leaves metered open',
      'never as unknown',
      (network) => ({
        current: () => ({ online: network.current().online }) as never,
      }),
    ],
    [
      'tells at once',
      'when it begins to listen',
      (network) => ({
        subscribe(listener) {
          listener(network.current());
          return network.subscribe(listener);
        },
      }),
    ],
    [
      'tells only the way back',
      'every change once',
      (network) => ({
        subscribe: (listener) =>
          network.subscribe((state) => {
            if (state.online) listener(state);
          }),
      }),
    ],
    [
      'tells everything twice',
      'every change once',
      (network) => ({
        subscribe: (listener) =>
          network.subscribe((state) => {
            listener(state);
            listener(state);
          }),
      }),
    ],
    [
      'cannot stop',
      'once it stopped',
      (network) => ({
        subscribe(listener) {
          network.subscribe(listener);
          return () => {};
        },
      }),
    ],
    [
      'stops all who listen with one function',
      'listen twice and stop once',
      (network) => {
        const listeners = new Set<Parameters<Connectivity['subscribe']>[0]>();
        network.subscribe((state) => {
          for (const listener of listeners) listener(state);
        });
        return {
          subscribe(listener) {
            listeners.add(listener);
            return () => void listeners.delete(listener);
          },
        };
      },
    ],
    [
      'has one listener',
      'each of several listeners',
      (network) => {
        let only: Parameters<Connectivity['subscribe']>[0] | undefined;
        network.subscribe((state) => only?.(state));
        return {
          subscribe(listener) {
            only = listener;
            return () => {
              if (only === listener) only = undefined;
            };
          },
        };
      },
    ],
  ];

  it('is content with a sound one', async () => {
    expect(await brokenCases(connectivityCases, setup(sound))).toEqual([]);
  });
  it.each(all)('finds one that %s', async (_what, found, spoil) => {
    expect(await brokenCases(connectivityCases, setup(spoil))).toContainEqual(
      expect.stringContaining(found),
    );
  });
});

describe('the suite of disks', () => {
  const setup = (spoil: (disk: Disk) => Partial<Disk>) => async (): Promise<DiskSetup> => ({
    disk: spoilt(diskPort(new SimDisk({ random: seededRandom(1), now: () => 1 })), spoil),
  });
  const all: Breakages<Disk> = [
    [
      'overwrites what is there',
      'once only',
      (disk) => ({
        async open(path, mode) {
          if (mode === 'create') await disk.remove(path);
          return disk.open(path, mode);
        },
      }),
    ],
    [
      'invents files',
      'only what is there',
      (disk) => ({
        open: (path, mode) =>
          disk.open(path, mode).catch((error: unknown) => {
            if (mode === 'create') throw error;
            return disk.open(path, 'create');
          }),
      }),
    ],
    [
      'reads past the end',
      'none past it',
      (disk) => ({
        async open(path, mode) {
          const file = await disk.open(path, mode);
          return { ...file, read: async (_at, length) => new Uint8Array(length) };
        },
      }),
    ],
    [
      'does not replace',
      'replaces what had the name',
      (disk) => ({
        async rename(from, to) {
          const there = await disk.open(to, 'read').catch(() => undefined);
          if (there === undefined) return disk.rename(from, to);
          await there.close();
          throw Object.assign(new Error('there is one'), { code: 'EEXIST' });
        },
      }),
    ],
    [
      'complains of a second removal',
      'removing it again',
      (disk) => ({
        async remove(path) {
          await (await disk.open(path, 'read')).close();
          await disk.remove(path);
        },
      }),
    ],
    [
      'makes no parents',
      'with its parents',
      (disk) => ({
        async makeDirectory(path) {
          const parent = path.split('/').slice(0, -1).join('/');
          if (parent !== '' && (await disk.list(parent)).length === 0) {
            throw Object.assign(new Error('no parent'), { code: 'ENOENT' });
          }
          await disk.makeDirectory(path);
        },
      }),
    ],
    [
      'lists no sizes',
      'with their sizes',
      (disk) => ({
        list: async (path) => (await disk.list(path)).map((entry) => ({ ...entry, sizeBytes: 0 })),
      }),
    ],
    [
      'throws where there is nothing to list',
      'where there is no directory',
      (disk) => ({
        async list(path) {
          const entries = await disk.list(path);
          if (entries.length === 0) throw Object.assign(new Error('none'), { code: 'ENOENT' });
          return entries;
        },
      }),
    ],
  ];

  it('is content with a sound one', async () => {
    expect(await brokenCases(diskCases, setup(sound))).toEqual([]);
  });
  it.each(all)('finds one that %s', async (_what, found, spoil) => {
    expect(await brokenCases(diskCases, setup(spoil))).toContainEqual(
      expect.stringContaining(found),
    );
  });
});
