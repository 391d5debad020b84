import { httpRemote, objectPath } from 'lading/remotes/http';
import {
  OBJECT_ORIGIN,
  type RemoteParts,
  type Scenario,
  type SimCarrier,
  simCarrier,
  simFetch,
} from 'lading/testing';
import type { Carrier } from '../../ports/carrier.ts';
import { sleep } from '../../ports/clock.ts';
import type { ObjectKey, Remote } from '../../ports/remote.ts';
import { s3Face, simS3 } from './s3-face.ts';

export interface CarriedDevices {
  /** The operating system of a device; there from its first process on. */
  system(device: string): SimCarrier;
  /** For a scenario: HTTP to the simulated store, by the system where that is to be. */
  readonly remote: NonNullable<Scenario['remote']>;
}

export interface CarriedOptions {
  readonly carries?: boolean;
  /** What the simulated store speaks. Default `http`. */
  readonly by?: 'http' | 's3';
  /** How long the system takes before it sends. Default 0. */
  readonly systemMs?: number;
  /** What the app is lent of it; for planted bugs. */
  readonly lent?: (real: Carrier) => Carrier;
}

/** Devices of a simulation whose uploads are carried by a simulated operating system. */
export function carriedDevices(options: CarriedOptions = {}): CarriedDevices {
  const { by = 'http', carries = true, systemMs = 0, lent = (real) => real } = options;
  const systems = new Map<string, SimCarrier>();

  const sendBy: typeof simFetch = (link, store) =>
    by === 's3' ? s3Face(simFetch(link, store)) : simFetch(link, store);

  function systemOf({ device, time, random, network, store, disk }: RemoteParts): SimCarrier {
    const known = systems.get(device);
    if (known !== undefined) return known;
    // A link of its own: it lives when the app's processes die.
    const send = sendBy(network.link(`${device} system`), store);
    const made = simCarrier({
      clock: time,
      // A system waits for a network without a word.
      async fetch(input, init) {
        await sleep(time, systemMs, init?.signal ?? undefined);
        while (!network.link(device).isReachable) {
          await sleep(time, 1_000, init?.signal ?? undefined);
        }
        return send(input, init);
      },
      read(file) {
        const names = disk();
        if (!names.exists(file)) return undefined;
        const open = names.open(file, 'read');
        const bytes = new Uint8Array(open.size());
        open.readInto(bytes, 0);
        open.close();
        return bytes;
      },
      random: random.fork(`system of ${device}`),
    });
    systems.set(device, made);
    return made;
  }

  return {
    system(device) {
      const found = systems.get(device);
      if (found === undefined) throw new Error(`${device} has not started yet`);
      return found;
    },
    remote(parts): Remote {
      const { process, link, clock, store, token } = parts;
      const system = systemOf(parts);
      const carrier = carries ? { carrier: process.port(lent(system.carrier)) } : {};
      if (by === 's3') return simS3(token, { clock, fetch: sendBy(link, store), ...carrier });
      let fetched: ObjectKey | undefined;
      return httpRemote({
        endpoint: OBJECT_ORIGIN,
        headers: () => (fetched === undefined ? {} : authorized(token(fetched))),
        address: ({ objectKey }) => ({
          url: `${OBJECT_ORIGIN}${objectPath(objectKey)}`,
          headers: authorized(token(objectKey)),
        }),
        downloadAddress(locator) {
          fetched = locator.slice(OBJECT_ORIGIN.length) as ObjectKey;
          return locator;
        },
        ifNoneMatch: true,
        clock,
        fetch: simFetch(link, store),
        ...carrier,
      });
    },
  };
}

function authorized(token: string | null): Record<string, string> {
  return token === null ? {} : { Authorization: token };
}
