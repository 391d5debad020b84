import { type AttachmentRef, bytesSource, type Lading, type MediaId, type Owner } from 'lading';
import { tusRemote } from 'lading/remotes/tus';
import { openNodeSqlite } from 'lading/sqlite/node';
import { memoryBlobs } from 'lading/testing';
import type { Host } from '../../engine/host/index.ts';
import { openWith } from '../../open-lading.ts';
import type { Backend } from '../../ports/backend.ts';
import type { SqlDatabase } from '../../ports/sql.ts';
import { sampleJpeg } from '../../testing/sample-files/index.ts';
import type { HoldingProxy } from './holding-proxy.ts';

export const ACCOUNT = 'ann';
/**
 * As small as can be, for an interleaving is over when they are; but for the longest life of a request: on a machine that is
 * busy, one whose client gave up was read by the proxy 800 ms later, after two DELETEs that were sent behind it.
 */
const POLICY = {
  undoGraceMs: 120,
  lateArrivalMs: 3_000,
  backoffBaseMs: 20,
  backoffCapMs: 100,
} as const;
/** A file takes three PATCHes. */
const PIECE_BYTES = 4_000;

/** One device of the account, with the real engine and a real tus remote. */
export interface RaceDevice {
  readonly lading: Lading;
  ids(owner: Owner): readonly MediaId[];
  refs(owner: Owner): readonly AttachmentRef[];
  isPurged(id: MediaId): boolean;
  /** Resolves when it is so; looked at after each commit. */
  until(isSo: () => boolean): Promise<void>;
  /** Resolves when no task and no op is left. */
  rest(): Promise<void>;
}

export async function openDevice(proxy: HoldingProxy, backend: Backend): Promise<RaceDevice> {
  const store = openNodeSqlite(':memory:');
  const waiting = new Set<() => void>();
  const lading = await openWith(
    {
      store,
      blobs: memoryBlobs(),
      remote: tusRemote({
        endpoint: `${proxy.origin}/files`,
        chunkSizeBytes: PIECE_BYTES,
        singleRequestBytes: PIECE_BYTES,
        // Half of them have to look at the object before they are attached.
        locator: ({ url, objectKey: key }) => (hasAttachStep(key) ? null : url),
      }),
      backend,
      fields: { 'item.photos': { kinds: ['image'], policy: POLICY } },
      account: ACCOUNT,
      concurrency: 256,
    },
    {
      host(host: Host) {
        host.subscribe(() => queueMicrotask(look));
        return host;
      },
    },
  );
  const stop = lading.watch('sync', look);

  function look(): void {
    for (const one of Array.from(waiting)) one();
  }

  const refs = (owner: Owner): readonly AttachmentRef[] => lading.list(owner).map(({ ref }) => ref);
  const until = (isSo: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!isSo()) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  return {
    lading,
    refs,
    ids: (owner) => refs(owner).map(({ mediaId }) => mediaId),
    isPurged: (id) => situationOf(store, id) === 'purged',
    until,
    async rest() {
      await until(() => rowsLeft(store) === 0);
      stop();
    },
  };
}

function rowsLeft(store: SqlDatabase): number {
  const sql =
    'SELECT (SELECT count(*) FROM lading_task) + (SELECT count(*) FROM lading_outbox) AS n';
  return Number(store.get(sql)?.['n']);
}

function situationOf(store: SqlDatabase, id: MediaId): unknown {
  const sql = "SELECT facts ->> 'situation' AS situation FROM lading_media WHERE media_id = ?";
  return store.get(sql, id)?.['situation'];
}

/** Whether an object has to be looked at before it is attached: the upload's own answer does not say where it is. */
export function hasAttachStep(key: string): boolean {
  return /[0-7]$/.test(key);
}

/** A picture that takes three PATCHes. */
export function photo(body: string) {
  return bytesSource(sampleJpeg({ body, sizeBytes: 3 * PIECE_BYTES - 100 }), {
    contentType: 'image/jpeg',
  });
}

/** One that goes with its creation, where the server has our hooks and is known for it. */
export function smallPhoto(body: string) {
  return bytesSource(sampleJpeg({ body, sizeBytes: PIECE_BYTES - 100 }), {
    contentType: 'image/jpeg',
  });
}
