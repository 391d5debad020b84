import type { MediaId } from '../../machines/attachment/types.ts';
import type { AttachmentTables } from '../../ports/attachment-tables.ts';
import { accountPrefix, type BlobKey } from '../../ports/blob-store.ts';
import type { EventStore } from '../../ports/event-store.ts';
import { sidecarIds } from '../../ports/sidecar-name.ts';
import type { SidecarName, SidecarStore } from '../../ports/sidecars.ts';
import { readSidecar } from '../healing/sidecar-text.ts';

/**
 * Files of attachments that were never sent and of whose bytes the log does not know: it was lost, or restored from a
 * backup that is older than they are, and all it may have heard of them since is a delta. One of them may share its file
 * with an attachment that the log does know.
 */
export interface UnknownSidecars {
  /** Whether one of them has this file, or may have it: then only garbage collection decides, after its grace. */
  mayHave(key: BlobKey): Promise<boolean>;
}

/** Sidecars are listed once in a process: one that is written from then on is of bytes that the log knows. */
export function createUnknownSidecars(parts: {
  readonly events: Pick<EventStore, 'read'>;
  readonly tables: Pick<AttachmentTables, 'media'>;
  readonly sidecars: SidecarStore | undefined;
}): UnknownSidecars {
  const { events, tables, sidecars } = parts;
  let looking: Promise<(key: BlobKey) => boolean> | undefined;

  /** It has bytes, had them, or needs none any more: what it holds is counted by its row. */
  function isCounted(mediaId: MediaId): boolean {
    const media = events.read((tx) => tables.media(tx, mediaId));
    return (
      media !== undefined && (media.blobKey !== null || media.url !== null || media.facts.gone)
    );
  }

  async function look(store: SidecarStore): Promise<(key: BlobKey) => boolean> {
    const owners = new Map<BlobKey, MediaId[]>();
    const doubtful: string[] = [];
    for await (const name of store.list()) {
      const ids = sidecarIds(name);
      if (ids === undefined || isCounted(ids.mediaId as MediaId)) continue;
      const key = await keyOf(store, name);
      if (key === 'unreadable') doubtful.push(accountPrefix(ids.accountId));
      else if (key !== undefined) {
        owners.set(key, [...(owners.get(key) ?? []), ids.mediaId as MediaId]);
      }
    }
    return (key) =>
      owners.get(key)?.some((mediaId) => !isCounted(mediaId)) === true ||
      doubtful.some((prefix) => key.startsWith(prefix));
  }

  return {
    async mayHave(key) {
      if (sidecars === undefined) return false;
      looking ??= look(sidecars).catch((error: unknown) => {
        looking = undefined; // asked again by the next removal
        throw error;
      });
      return (await looking)(key);
    },
  };
}

async function keyOf(
  store: SidecarStore,
  name: SidecarName,
): Promise<BlobKey | 'unreadable' | undefined> {
  const text = await store.read(name).catch(() => '');
  if (text === undefined) return undefined; // removed since it was listed
  const read = readSidecar(name, text);
  return read.ok ? read.sidecar.blobKey : 'unreadable';
}
