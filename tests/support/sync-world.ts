import { DatabaseSync } from 'node:sqlite';
import {
  type AttachmentRef,
  type BlobStore,
  bytesSource,
  type CaptureSource,
  type FieldSpec,
  type Lading,
  type LadingOptions,
  type MediaId,
  type Owner,
  openLading,
  ownerKey,
  preload,
  type UndoToken,
} from 'lading';
import { nodeSqlite } from 'lading/sqlite/node';
import { createReferenceBackend, type ReferenceBackend } from 'lading/sync';
import {
  calmNetwork,
  memoryBlobs,
  type NetworkFaults,
  type NetworkLink,
  type SimNetwork,
  type SimObjectStore,
  seededRandom,
  simBackend,
  simNetwork,
  simObjectStore,
  simRemote,
  type VirtualClock,
  virtualClock,
} from 'lading/testing';
import type { Backend, RefDelta } from '../../ports/backend.ts';
import { sampleJpeg } from '../../testing/sample-files/index.ts';

const ACCOUNT = 'ann';
const PROJECT = 'p';

/** One device with the whole engine on it. */
export interface SyncDevice {
  readonly lading: Lading;
  readonly link: NetworkLink;
  readonly handle: DatabaseSync;
  readonly logged: readonly string[];
  /** Captures a small photo; the text is its content. */
  capture(text: string, owner?: Owner, sizeBytes?: number): Promise<MediaId>;
  /** Puts another small photo in its place. */
  replace(
    mediaId: MediaId,
    text: string,
    owner?: Owner,
  ): Promise<{ readonly id: MediaId; readonly undo: UndoToken }>;
  /** `text rank primary url`, in the list's order, as the owner's rows say. */
  list(owner?: Owner): readonly string[];
  ids(owner?: Owner): readonly string[];
  primary(owner?: Owner): string | undefined;
  /** What the app's own row of the owner says, as its field's projection wrote it. */
  appRow(owner?: Owner): readonly AttachmentRef[];
  /** Everything that this device holds refs of, to compare with the backend. */
  refs(): readonly Shown[];
  close(): Promise<void>;
}

/** A live ref, as all must agree on it. */
export interface Shown {
  readonly id: string;
  readonly url: string;
  readonly rank: string;
  readonly isPrimary: boolean;
}

export interface DeviceOptions {
  readonly wrap?: (backend: Backend) => Backend;
  /** Default in memory, and new. */
  readonly blobs?: BlobStore;
  readonly handle?: DatabaseSync;
  readonly onStartReport?: LadingOptions['onStartReport'];
}

export interface SyncWorld {
  readonly clock: VirtualClock;
  readonly network: SimNetwork;
  readonly backend: ReferenceBackend;
  readonly objects: SimObjectStore;
  device(name: string, options?: DeviceOptions): Promise<SyncDevice>;
  /** Lets time run until the promise is settled. */
  until<T>(promise: Promise<T>): Promise<T>;
  /** Lets the devices sync until all of them are quiet. */
  quiet(): Promise<void>;
  rows(): readonly Shown[];
}

export function item(entityId = 'i1', field = 'images'): Owner {
  return { scope: { accountId: ACCOUNT, projectId: PROJECT }, entityType: 'item', entityId, field };
}

export function syncWorld(seed: number, faults: Partial<NetworkFaults> = {}): SyncWorld {
  const clock = virtualClock();
  const random = seededRandom(seed);
  const network = simNetwork({
    clock,
    random: random.fork('network'),
    faults: { ...calmNetwork, ...faults },
  });
  const backend = createReferenceBackend({ clock });
  const objects = simObjectStore({ clock });
  const token = objects.issueToken(ACCOUNT, 10 ** 12);

  async function until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const note = (): void => {
      settled = true;
    };
    promise.then(note, note);
    await clock.runUntil(() => settled);
    return promise;
  }

  return {
    clock,
    network,
    backend,
    objects,
    until,
    async device(name, options = {}) {
      const { wrap = (port: Backend) => port, blobs = memoryBlobs(), onStartReport } = options;
      await preload();
      const link = network.link(name);
      const handle = options.handle ?? new DatabaseSync(':memory:');
      handle.exec(
        'CREATE TABLE IF NOT EXISTS app_owner (owner_key TEXT PRIMARY KEY, refs TEXT NOT NULL)',
      );
      const logged: string[] = [];
      const log = (message: string): void => void logged.push(message);
      const store = nodeSqlite(handle);
      const chance = random.fork(name);
      const lading = await until(
        openLading({
          store,
          blobs,
          ...(onStartReport === undefined ? {} : { onStartReport }),
          remote: simRemote(link, objects, { token: () => token }),
          backend: wrap(simBackend(link, backend, ACCOUNT)),
          connectivity: link.connectivity,
          fields: {
            'item.images': { kinds: ['image', 'pdf'], project: writeAppRow },
            'item.covers': { kinds: ['image', 'pdf'], project: writeAppRow },
            'item.logo': { kinds: ['image'], single: true, project: writeAppRow },
          },
          account: ACCOUNT,
          projects: [PROJECT],
          clock: clock.device(),
          random: chance,
          logger: { debug: log, info: log, warn: log, error: log },
        }),
      );
      const refsOf = (owner: Owner) => lading.list(owner).map(({ ref }) => ref);
      return {
        lading,
        link,
        handle,
        logged,
        async capture(text, owner = item(), sizeBytes = 0) {
          const capturing = lading.capture(photo(text, sizeBytes), { owner, kind: 'image' });
          return (await until(capturing)).id;
        },
        async replace(mediaId, text, owner = item()) {
          const replacing = lading.replace(mediaId, photo(text), owner, { kind: 'image' });
          const { attachment, undo } = await until(replacing);
          return { id: attachment.id, undo };
        },
        list: (owner = item()) => refsOf(owner).map(({ mediaId, url }) => `${mediaId} ${url}`),
        ids: (owner = item()) => refsOf(owner).map(({ mediaId }) => mediaId),
        primary: (owner = item()) =>
          refsOf(owner).find(({ isPrimary }) => isPrimary === true)?.mediaId,
        appRow(owner = item()) {
          const sql = 'SELECT refs FROM app_owner WHERE owner_key = ?';
          const row = handle.prepare(sql).get(ownerKey(owner));
          return JSON.parse(String(row?.['refs'] ?? '[]')) as readonly AttachmentRef[];
        },
        refs: () =>
          handle
            .prepare(
              `SELECT r.media_id || '|' || r.owner_key AS id, coalesce(m.url, 'offline://' || r.media_id) AS url,
                 r.rank, r.is_primary FROM lading_ref AS r JOIN lading_media AS m USING (media_id)`,
            )
            .all()
            .map((row) => ({
              id: String(row['id']),
              url: String(row['url']),
              rank: String(row['rank']),
              isPrimary: row['is_primary'] === 1,
            }))
            .toSorted(byId),
        close: () => until(lading.close()),
      };
    },
    async quiet() {
      await clock.advanceBy(5 * 60_000);
    },
    rows: () =>
      backend
        .rows(ACCOUNT)
        .filter(({ deletedAt }) => deletedAt === null)
        .map(shown)
        .toSorted(byId),
  };
}

function writeAppRow(...[tx, owner, refs]: Parameters<NonNullable<FieldSpec['project']>>): void {
  tx.run(
    'INSERT OR REPLACE INTO app_owner (owner_key, refs) VALUES (?, ?)',
    ownerKey(owner),
    JSON.stringify(refs),
  );
}

function photo(text: string, sizeBytes = 0): CaptureSource {
  return bytesSource(sampleJpeg({ body: text, sizeBytes }), { contentType: 'image/jpeg' });
}

function shown({ id, ref, rank }: RefDelta): Shown {
  return { id, url: ref.url, rank, isPrimary: ref.isPrimary === true };
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1;
}
