import { seededRandom } from 'lading/testing';
import {
  anyFault,
  describeFaults,
  type FaultProxy,
  type ProxyRequest,
  randomFaults,
  startFaultProxy,
} from 'lading/testing/proxy';

/** The way from the app to the server, on which everything goes wrong that can. */
export interface BadNetwork {
  readonly proxy: FaultProxy;
  /** `37 connections cut, 12 replies dropped`. */
  whatItDid(): string;
  /** Requests with bytes of files that did not come to a good end. */
  broken(): number;
}

/** How likely a request meets a fault, and how long something that stalls does at most. */
const CHANCE = 0.45;
const STALL_MS = 4_000;

/**
 * Faults by chance. They are drawn for a file and a kind of request, and files are known by their bytes: a seed does
 * the same again to other ids. Probes of the connection go unharmed, or there would be none for most of the time.
 * @param onPassed told how many bytes of files the server was given, when it has answered.
 */
export async function startBadNetwork(
  seed: number,
  ports: { readonly port: number; readonly upstreamPort: number },
  onPassed: (bytes: number) => void,
): Promise<BadNetwork> {
  const faults = randomFaults({
    seed: `demo ${seed}`,
    chance: CHANCE,
    stallMs: STALL_MS,
    weights: { ...anyFault, 'lose reply': 6 },
  });
  const proxy = await startFaultProxy({
    upstream: `http://127.0.0.1:${ports.upstreamPort}`,
    port: ports.port,
    keyOf: knownByBytes(),
    faults: (request) => (request.method === 'GET' ? undefined : faults(request)),
    onAnswer: () => onPassed(proxy.traffic().passedBytes),
  });
  return {
    proxy,
    whatItDid: () => describeFaults(proxy.counts()),
    broken: () =>
      proxy.exchanges.filter(
        ({ method, takenBytes, told }) =>
          method === 'PATCH' && takenBytes > 0 && (told === null || told >= 300),
      ).length,
  };
}

/** The SHA-256 that a creation tells, and that its upload is known by from then on. */
function knownByBytes(): (request: ProxyRequest) => string {
  const hashOfName = new Map<string, string>();
  return ({ method, path, headers }) => {
    if (method !== 'POST') return hashOfName.get(path.split('/').at(-1) ?? '') ?? path;
    const told = String(headers['upload-metadata'] ?? '').split(',');
    const decoded = (name: string): string => {
      const pair = told.find((one) => one.startsWith(`${name} `));
      return Buffer.from(pair?.split(' ')[1] ?? '', 'base64').toString();
    };
    const hash = decoded('sha256');
    hashOfName.set(decoded('ladingKey'), hash);
    return hash;
  };
}

/** Where the app is killed: shares of all bytes that passed. */
export function killsOf(seed: number, count: number): readonly number[] {
  const random = seededRandom(`kills ${seed}`);
  return Array.from({ length: count }, (_, at) => (at + 0.2 + 0.6 * random.next()) / (count + 0.5));
}
