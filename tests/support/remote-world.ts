import { createHash } from 'node:crypto';
import type { MediaFacts } from '../../machines/attachment/types.ts';
import type { Json } from '../../machines/json.ts';
import {
  objectKey,
  type Remote,
  type UploadOutcome,
  type UploadRequest,
} from '../../ports/remote.ts';
import { calmNetwork, type NetworkFaults } from '../../testing/world/network-faults.ts';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { type NetworkLink, type SimNetwork, simNetwork } from '../../testing/world/sim-network.ts';
import {
  type ObjectStoreOptions,
  type SimObjectStore,
  simObjectStore,
} from '../../testing/world/sim-object-store.ts';
import { simRemote } from '../../testing/world/sim-remote.ts';
import { type VirtualClock, virtualClock } from '../../testing/world/virtual-clock.ts';

export interface Run {
  readonly outcome: UploadOutcome;
  readonly opened: readonly string[];
  readonly progress: readonly number[];
  readonly saved: readonly Json[];
}

export interface Attempt {
  readonly id?: string;
  readonly handle?: string | null;
  readonly rerun?: boolean;
  readonly signal?: AbortSignal;
  readonly media?: MediaFacts;
  readonly open?: UploadRequest['open'];
  readonly opened?: (handle: string) => Promise<void>;
}

export interface Setup {
  readonly clock: VirtualClock;
  readonly network: SimNetwork;
  readonly phone: NetworkLink;
  readonly store: SimObjectStore;
  readonly remote: Remote;
  readonly signIn: (token: string | null) => void;
  readonly upload: (size: number, attempt?: Attempt) => Promise<Run>;
  /** Lets time run until the promise is settled. */
  readonly finish: <T>(promise: Promise<T>) => Promise<T>;
}

export function setup(
  faults: Partial<NetworkFaults> = {},
  options: Partial<ObjectStoreOptions> = {},
  seed = 1,
): Setup {
  const clock = virtualClock();
  const random = seededRandom(seed);
  const network = simNetwork({ clock, random, faults: { ...calmNetwork, ...faults } });
  const store = simObjectStore({ clock, ...options });
  const phone = network.link('phone');
  let token: string | null = store.issueToken('ann', 10 ** 12);
  const remote = simRemote(phone, store, { token: () => token, chunkBytes: 40, putBelowBytes: 20 });
  return {
    clock,
    network,
    phone,
    store,
    remote,
    signIn: (next) => {
      token = next;
    },
    async upload(size, attempt = {}) {
      const opened: string[] = [];
      const progress: number[] = [];
      const saved: Json[] = [];
      const outcome = await remote.upload(
        {
          objectKey: objectKey('ann', attempt.id ?? 'm1'),
          media: attempt.media ?? factsOf(size),
          open: attempt.open ?? (({ start, end } = {}) => once(bytesOf(size).slice(start, end))),
        },
        {
          idempotencyKey: 'key',
          signal: attempt.signal ?? new AbortController().signal,
          handle: attempt.handle ?? null,
          rerun: attempt.rerun ?? false,
          async opened(handle) {
            opened.push(handle);
            await attempt.opened?.(handle);
          },
          checkpoint: {
            load: async () => null,
            async save(value) {
              saved.push(value);
            },
          },
          onProgress: (sent) => progress.push(sent),
        },
      );
      return { outcome, opened, progress, saved };
    },
    async finish(promise) {
      let settled = false;
      const note = (): void => {
        settled = true;
      };
      promise.then(note, note);
      await clock.runUntil(() => settled);
      return promise;
    },
  };
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

export async function download(remote: Remote, url: string, start: number): Promise<number[]> {
  const reply = await remote.download(url, { start, signal: new AbortController().signal });
  const bytes: number[] = [];
  if (reply.ok) for await (const piece of reply.body) bytes.push(...piece);
  return bytes;
}

export function bytesOf(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => index);
}

export function factsOf(size: number): MediaFacts {
  return {
    kind: 'image',
    contentType: 'image/jpeg',
    byteSize: size,
    sha256: hashOf(bytesOf(size)),
    filename: null,
  };
}

export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
