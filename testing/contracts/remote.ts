import { expect } from 'vitest';
import type { Fault } from '../../machines/attachment/types.ts';
import type {
  IncompletePage,
  IncompleteUpload,
  ObjectKey,
  Remote,
  UploadContext,
  UploadRequest,
} from '../../ports/remote.ts';
import { objectKey } from '../../ports/remote.ts';
import { collect, pattern, sha256 } from './bytes.ts';
import { type ContractCase, type ContractSetup, describeContract } from './contract.ts';

export interface RemoteSetup extends ContractSetup {
  readonly remote: Remote;
  /** Every completed object that stands for `key`, read from behind the remote's back. */
  readonly stored: (key: ObjectKey) => Promise<readonly Uint8Array[]>;
  /** Makes the next upload break when some of its bytes have arrived. */
  breakNextUpload(): void;
  /** Makes the answer that completes the next upload get lost, after the remote did its work. */
  loseNextCompletion(): void;
}

/**
 * What every {@link Remote} keeps, whatever its protocol. Call it in a test file of its own, with a setup that makes
 * a fresh, empty remote; see {@link RemoteSetup} for the two failures that it must be able to provoke.
 */
export function describeRemote(name: string, setup: () => Promise<RemoteSetup>): void {
  describeContract(`remote contract: ${name}`, remoteCases, setup);
}

const never = new AbortController().signal;
const key = objectKey('account-1', '01890a5d-ac96-774b-bcce-b302099a8057');
const bytes = pattern(200_000);
const look = { handle: null, signal: never };

/** One by one; {@link describeRemote} makes tests of them. */
export const remoteCases: readonly ContractCase<RemoteSetup>[] = [
  {
    title: 'stores the bytes as one object and proves it by a receipt',
    async run(world) {
      expect(await runsOf(world)()).toMatchObject({ ok: true, receipt: { byteSize: 200_000 } });
      await expectOne(world);
      const found = await world.remote.head(key, look);
      expect(found).toMatchObject({ ok: true, exists: true, byteSize: 200_000 });
    },
  },
  {
    title: 'stores zero bytes as an object',
    async run(world) {
      expect(await runsOf(world)(key, new Uint8Array())).toMatchObject({ ok: true });
      expect(await world.remote.head(key, look)).toMatchObject({ exists: true, byteSize: 0 });
    },
  },
  {
    title: 'reports progress that never goes back nor past the end',
    async run(world) {
      const told: number[] = [];
      await runsOf(world)(key, bytes, { onProgress: (sent) => told.push(sent) });
      expect(told).toEqual(told.toSorted((a, b) => a - b));
      expect(Math.max(0, ...told)).toBeLessThanOrEqual(200_000);
    },
  },
  {
    title: 'ends with one object when the same upload runs again (contract 4.2)',
    async run(world) {
      const run = runsOf(world);
      await run();
      expect(await run()).toMatchObject({ ok: true });
      expect(await runsOf(world)(key, bytes, { rerun: true })).toMatchObject({ ok: true });
      await expectOne(world);
    },
  },
  {
    title: 'says of an upload that broke that there is no object, and completes it in the next run',
    async run(world) {
      const run = runsOf(world);
      world.breakNextUpload();
      expect(await run()).toMatchObject({ ok: false, class: 'retryable' });
      expect(await world.remote.head(key, look)).toEqual({ ok: true, exists: false });
      expect(await run()).toMatchObject({ ok: true });
      await expectOne(world);
    },
  },
  {
    title:
      'ends with one object when the answer was lost, with and without a handle (field case 19)',
    async run(world) {
      const run = runsOf(world);
      world.loseNextCompletion();
      expect(await run()).toMatchObject({ ok: false, class: 'retryable' });
      expect(await run(key, bytes, { handle: null })).toMatchObject({ ok: true });
      expect(await run()).toMatchObject({ ok: true });
      await expectOne(world);
    },
  },
  {
    title: 'stores nothing when the run was aborted before it began',
    async run(world) {
      const signal = AbortSignal.abort();
      expect(await runsOf(world)(key, bytes, { signal })).toMatchObject({ ok: false });
      expect(await world.stored(key)).toEqual([]);
      expect(await world.remote.head(key, look)).toEqual({ ok: true, exists: false });
    },
  },
  {
    title: 'gives the bytes back, whole and from any position',
    async run(world) {
      await runsOf(world)();
      const found = await world.remote.head(key, look);
      const url = found.ok && found.exists ? found.url : '';
      for (const start of [undefined, 0, 1, 123_456, 199_999]) {
        const options = start === undefined ? { signal: never } : { start, signal: never };
        const download = await world.remote.download(url, options);
        const got = download.ok ? await collect(download.body) : new Uint8Array();
        expect(await sha256(got)).toBe(await sha256(bytes.slice(start ?? 0)));
      }
    },
  },
  {
    title: 'answers the download of a missing object as absent',
    async run(world) {
      await runsOf(world)();
      const found = await world.remote.head(key, look);
      await world.remote.remove(key, look);
      const url = found.ok && found.exists ? found.url : '';
      expect(await world.remote.download(url, { signal: never })).toMatchObject({
        class: 'absent',
      });
    },
  },
  {
    title: 'downloads from no origin but its own (contract 10.3)',
    async run(world) {
      for (const url of ['http://198.51.100.1/x', 'file:///etc/passwd', 'nonsense']) {
        expect(await world.remote.download(url, { signal: never })).toMatchObject({
          class: 'terminal',
        });
      }
    },
  },
  {
    title: 'removes an object, an unfinished one too, and takes a missing one for success',
    async run(world) {
      const run = runsOf(world);
      expect(await world.remote.remove(key, look)).toEqual({ ok: true });
      world.breakNextUpload();
      await run();
      expect(await world.remote.remove(key, look)).toEqual({ ok: true });
      await runsOf(world)();
      expect(await world.remote.remove(key, look)).toEqual({ ok: true });
      expect(await world.remote.head(key, look)).toEqual({ ok: true, exists: false });
      expect(await world.stored(key)).toEqual([]);
    },
  },
  {
    title: 'can store again what was removed',
    async run(world) {
      const run = runsOf(world);
      await run();
      await world.remote.remove(key, look);
      expect(await run()).toMatchObject({ ok: true });
      await expectOne(world);
    },
  },
  {
    title: 'keeps the objects of different keys apart, however the ids are written',
    async run(world) {
      const pairs = ['a b', 'a/b', 'a%2Fb', 'A/B', 'ä', '..'].map((id) => objectKey(id, 'media-1'));
      for (const [index, one] of pairs.entries()) await runsOf(world)(one, pattern(100 + index));
      for (const [index, one] of pairs.entries()) {
        expect(await world.remote.head(one, look)).toMatchObject({
          exists: true,
          byteSize: 100 + index,
        });
      }
    },
  },
  {
    title:
      'lists the unfinished uploads of an account, where it can list, and aborts them one by one',
    async run(world) {
      const { remote } = world;
      // A protocol without a listing has neither.
      expect(typeof remote.abort).toBe(typeof remote.listIncomplete);
      if (remote.listIncomplete === undefined) return;
      const keys = Array.from({ length: 7 }, (_, n) => objectKey('account-1', `media-${n}`));
      for (const one of keys) await brokenUpload(world, one);
      await brokenUpload(world, objectKey('account-2', 'media-0'));
      const before = await unfinished(world);
      expect(keys).toEqual(expect.arrayContaining(before.map(({ objectKey: of }) => of)));
      for (const [index, one] of before.entries()) {
        expect(await remote.abort?.(one, { signal: never })).toEqual({ ok: true });
        expect(await remote.abort?.(one, { signal: never })).toEqual({ ok: true });
        expect(await unfinished(world)).toEqual(before.slice(index + 1));
      }
      expect(await runsOf(world)(key)).toMatchObject({ ok: true });
      expect(await unfinished(world)).toEqual([]);
    },
  },
];

/** An upload of which some bytes arrive, where the protocol keeps them. */
async function brokenUpload(world: RemoteSetup, of: ObjectKey): Promise<void> {
  world.breakNextUpload();
  expect(await runsOf(world)(of)).toMatchObject({ ok: false });
}

/** In the order of their keys. */
async function unfinished({ remote }: RemoteSetup): Promise<readonly IncompleteUpload[]> {
  const found: IncompleteUpload[] = [];
  for (let after: string | null = null; ; ) {
    const page: IncompletePage | Fault | undefined = await remote.listIncomplete?.('account-1', {
      after,
      signal: never,
    });
    if (page?.ok !== true) throw new Error(`no listing: ${JSON.stringify(page)}`);
    found.push(...page.uploads);
    if (page.next === null) return found.toSorted((a, b) => (a.objectKey < b.objectKey ? -1 : 1));
    after = page.next;
  }
}

/** One attachment's runs: each knows the handle that the one before reported. */
function runsOf({ remote }: RemoteSetup) {
  const known: { handle: string | null; count: number } = { handle: null, count: 0 };
  return async (of: ObjectKey = key, body = bytes, options: Partial<UploadContext> = {}) =>
    remote.upload(await requestOf(of, body), {
      idempotencyKey: of,
      signal: never,
      handle: known.handle,
      rerun: known.count++ > 0,
      async opened(handle) {
        known.handle = handle;
      },
      checkpoint: { load: async () => null, save: async () => {} },
      onProgress: () => {},
      ...options,
    });
}

async function expectOne({ stored }: RemoteSetup): Promise<void> {
  const hashes = await Promise.all((await stored(key)).map(sha256));
  expect(hashes).toEqual([await sha256(bytes)]);
}

async function requestOf(of: ObjectKey, body: Uint8Array): Promise<UploadRequest> {
  return {
    objectKey: of,
    media: {
      kind: 'image',
      contentType: 'image/jpeg',
      byteSize: body.byteLength,
      sha256: await sha256(body),
      filename: 'a name that goes nowhere.jpg',
    },
    async *open({ start = 0, end = body.byteLength } = {}) {
      for (let at = start; at < end; at += 50_000) {
        yield body.slice(at, Math.min(end, at + 50_000));
      }
    },
  };
}
