import { createHash } from 'node:crypto';
import { memoryBlobs, memoryRemote } from 'lading/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { attachmentServices, type ServiceParts } from '../../engine/lifecycle/services.ts';
import type { Fault } from '../../machines/attachment/types.ts';
import type { JsonObject } from '../../machines/json.ts';
import { type BlobStore, blobKey } from '../../ports/blob-store.ts';
import { LadingError } from '../../ports/errors.ts';
import type { StreamId } from '../../ports/event-store.ts';
import { present } from '../../ports/part.ts';
import { DownloadInterrupted, type Remote } from '../../ports/remote.ts';

const BYTES = new TextEncoder().encode('the first half, and then the second');
const INPUT: JsonObject = {
  mediaId: 'media-1',
  accountId: 'account-1',
  url: 'https://objects.example/account-1/media-1',
  media: {
    kind: 'image',
    contentType: 'image/jpeg',
    byteSize: BYTES.byteLength,
    sha256: createHash('sha256').update(BYTES).digest('hex'),
    filename: null,
  },
};

describe('a download that breaks on its way (contract 3.6, 4.4)', () => {
  const blobs = memoryBlobs();
  let online: boolean;
  let broken: unknown;
  let controller: AbortController;

  beforeEach(() => {
    online = true;
    broken = new Error('the socket closed');
    controller = new AbortController();
  });

  it('ends in the fault that the adapter found, not in a bug', async () => {
    const fault = {
      ok: false,
      class: 'retryable',
      code: 'stalled',
      retryAfterMs: 7_000,
    } satisfies Fault;
    broken = new DownloadInterrupted(fault);
    expect(await download()).toEqual(fault);
    expect(blobs.keys).toEqual([]);
  });

  it('keeps the class, so that credentials are waited for and a refusal is final', async () => {
    for (const faultClass of ['auth', 'terminal', 'absent'] as const) {
      broken = new DownloadInterrupted({ ok: false, class: faultClass, code: 'told_so' });
      online = false;
      expect(await download()).toMatchObject({ class: faultClass, code: 'told_so' });
    }
  });

  it('burns no attempt when the network is away', async () => {
    broken = new DownloadInterrupted({ ok: false, class: 'retryable', code: 'network' });
    online = false;
    expect(await download()).toMatchObject({ class: 'offline', code: 'network' });
  });

  it('is retried when the adapter threw something unforeseen', async () => {
    expect(await download()).toMatchObject({ class: 'retryable', code: 'download_broken' });
  });

  it('says nothing once the run was stopped: its result belongs to nobody', async () => {
    const stopped = new DOMException('stopped', 'AbortError');
    broken = new DownloadInterrupted({ ok: false, class: 'offline', code: 'aborted' });
    controller.abort(stopped);
    await expect(download()).rejects.toBeDefined();
    expect(blobs.keys).toEqual([]);
  });

  it('lets go of a body that could not be written at all: its connection is not kept open', async () => {
    const letGo = Promise.withResolvers<unknown>();
    const body = new ReadableStream<Uint8Array>({
      pull: (stream) => stream.enqueue(BYTES.subarray(0, 1)),
      cancel: letGo.resolve,
    });
    // Begun by its reader alone, as what the adapters give.
    const bytes = (async function* () {
      yield* body;
    })();
    const write = () => Promise.reject(new LadingError('disk_full', 'no room for a file'));
    await expect(download(bytes, { ...blobs, write })).resolves.toMatchObject({
      class: 'retryable',
      code: 'disk_full',
    });
    await letGo.promise;
  });

  async function* breaking(): AsyncIterable<Uint8Array> {
    yield BYTES.subarray(0, 15);
    throw broken;
  }

  function download(body = breaking(), store: BlobStore = blobs) {
    const remote: Remote = {
      ...memoryRemote(),
      download: async () => ({
        ok: true,
        byteSize: BYTES.byteLength,
        body,
      }),
    };
    const parts = {
      blobs: store,
      files: present({
        shared: { borrow: async () => undefined },
        cache: { freeRoom: async () => 0 },
      }),
      remote,
      gates: { remoteOpen: () => online },
      traffic: { ask: (_run: unknown, work: () => Promise<unknown>) => work() },
      credentials: present({ generation: 0, accepted() {}, refused: () => true }),
      guardrails: {
        reserve: async () => ({ metered: (_id, bytes) => bytes, confirm() {}, release() {} }),
      } satisfies ServiceParts['guardrails'],
      accountId: 'account-1',
      newBlobKey: (accountId: string) => blobKey(accountId, 'fetched-1'),
    } as unknown as ServiceParts;
    return attachmentServices(parts).download(INPUT, {
      stream: 'media-1' as StreamId,
      idempotencyKey: 'run-1',
      signal: controller.signal,
      rerun: false,
      state: () => undefined,
      send: async () => {},
      ifDropped: () => {},
    });
  }
});
