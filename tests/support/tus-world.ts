import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';
import { ladingTusHooks } from 'lading/remotes/tus-server';
import type { UploadContext, UploadRequest } from '../../ports/remote.ts';
import { objectKey } from '../../ports/remote.ts';
import { type FaultServer, startFaultServer } from './fault-server.ts';

export interface TusWorld {
  readonly server: FaultServer;
  readonly endpoint: string;
  readonly directory: string;
  /** Names of the uploads that the store holds. */
  uploads(): Promise<readonly string[]>;
  bytesOf(name: string): Promise<Buffer>;
  dispose(): Promise<void>;
}

/** A real `@tus/server` with its file store and our hooks, behind a {@link FaultServer}. */
export async function tusWorld(options: { readonly stock?: boolean } = {}): Promise<TusWorld> {
  const directory = await mkdtemp(join(tmpdir(), 'lading-tus-'));
  const datastore = new FileStore({ directory });
  const hooks = options.stock === true ? { datastore } : ladingTusHooks({ datastore });
  const tus = new Server({ path: '/files', lockDrainTimeout: 50, ...hooks });
  const server = await startFaultServer((request, response) => tus.handle(request, response));
  return {
    server,
    endpoint: `${server.origin}/files`,
    directory,
    uploads: async () =>
      (await readdir(directory)).filter((name) => !name.endsWith('.json')).toSorted(),
    bytesOf: (name) => readFile(join(directory, name)),
    async dispose() {
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Bytes that differ everywhere, so that one part can not be taken for another. */
export function content(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4)
    bytes.writeUInt32LE((at * 2654435761 + seed) >>> 0, at);
  return bytes;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function uploadRequest(bytes: Uint8Array, mediaId = 'media-1'): UploadRequest {
  return {
    objectKey: objectKey('account-1', mediaId),
    media: {
      kind: 'image',
      contentType: 'image/jpeg',
      byteSize: bytes.byteLength,
      sha256: sha256(bytes),
      filename: null,
    },
    async *open({ start = 0, end = bytes.byteLength } = {}) {
      for (let at = start; at < end; at += 65_536) {
        yield bytes.subarray(at, Math.min(end, at + 65_536));
      }
    },
  };
}

/** What the engine lends to runs of one attachment: the handle of one run is known to the next. */
export interface Engine {
  readonly handles: readonly string[];
  readonly progress: readonly number[];
  /** What the remote was said to keep, each time that it was said. */
  readonly confirmed: readonly number[];
  run(options?: Partial<UploadContext>): UploadContext;
}

export function engine(): Engine {
  const handles: string[] = [];
  const progress: number[] = [];
  const confirmed: number[] = [];
  let runs = 0;
  return {
    handles,
    progress,
    confirmed,
    run: (options = {}) => ({
      idempotencyKey: 'key-1',
      signal: new AbortController().signal,
      handle: handles.at(-1) ?? null,
      rerun: runs++ > 0,
      async opened(handle) {
        handles.push(handle);
      },
      checkpoint: { load: async () => null, save: async () => {} },
      onProgress(sentBytes, confirmedBytes) {
        progress.push(sentBytes);
        if (confirmedBytes !== undefined) confirmed.push(confirmedBytes);
      },
      ...options,
    }),
  };
}
