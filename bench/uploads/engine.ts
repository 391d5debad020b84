import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { directoryBlobs, fileSource } from '../../adapters/blobs/directory.ts';
import { manualConnectivity } from '../../adapters/connectivity/manual.ts';
import { openLading } from '../../index.ts';
import { openNodeSqlite } from '../../persistence/drivers/node-sqlite.ts';
import type { Remote } from '../../ports/remote.ts';
import type { BenchFiles } from './files.ts';

/**
 * Captures all files with no network, then lets them go.
 * @returns milliseconds from the network's return until the last one is uploaded, in the log and on disk.
 */
export async function sendByLading(
  folder: string,
  remote: Remote,
  files: BenchFiles,
  concurrency: number,
): Promise<number> {
  const path = await mkdtemp(join(folder, 'device-'));
  const sent = countSent(remote, files.paths.length);
  const connectivity = manualConnectivity({ online: false });
  const lading = await openLading({
    store: openNodeSqlite(join(path, 'app.db')),
    blobs: directoryBlobs({ directory: join(path, 'blobs') }),
    remote: sent.remote,
    connectivity,
    onlineDebounceMs: 0,
    concurrency,
    fields: { 'item.images': { kinds: ['image'], maxBytes: 1e9 } },
    account: 'me',
  });
  try {
    const waiting = new Set<string>();
    for (const [n, file] of files.paths.entries()) {
      const owner = {
        scope: { accountId: 'me' },
        entityType: 'item',
        entityId: `${n}`,
        field: 'images',
      };
      const source = fileSource(file, { contentType: 'image/jpeg' });
      waiting.add((await lading.capture(source, { owner, kind: 'image' })).id);
    }
    const began = performance.now();
    connectivity.set({ online: true });
    await sent.all; // asking all the time whether it is done would cost more than some uploads do
    // Looked at here and not by `settled`, which waits for some quiet before it says so.
    while (waiting.size > 0) {
      for (const id of waiting) {
        const { state } = lading.view(id);
        if (state === 'failed') throw new Error(`${id} failed`);
        if (state === 'uploaded') waiting.delete(id);
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return performance.now() - began;
  } finally {
    await lading.close();
  }
}

/** @returns `all` resolves when so many uploads were answered well. */
function countSent(inner: Remote, count: number) {
  const { promise: all, resolve } = Promise.withResolvers<void>();
  let left = count;
  const remote: Remote = {
    ...inner,
    async upload(request, context) {
      const outcome = await inner.upload(request, context);
      if (outcome.ok && --left === 0) resolve();
      return outcome;
    },
  };
  return { remote, all };
}

/** Runs `send` for each, so many at a time. @returns milliseconds. */
export async function sendPlainly<T>(
  items: readonly T[],
  concurrency: number,
  send: (item: T) => Promise<void>,
): Promise<number> {
  const began = performance.now();
  const left = [...items];
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) await send(next);
    }),
  );
  return performance.now() - began;
}
