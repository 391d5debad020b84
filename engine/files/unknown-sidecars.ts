import type { MediaId } from '../../machines/attachment/types.ts';
import { accountPrefix, type BlobKey } from '../../ports/blob-store.ts';
import type { EventStore } from '../../ports/event-store.ts';
import { sidecarIds } from '../../ports/sidecar-name.ts';
import type { SidecarName, SidecarStore } from '../../ports/sidecars.ts';
import { readSidecar } from '../healing/sidecar-text.ts';
import { asStream } from '../lifecycle/as-stream.ts';

/**
 * Files of attachments that were never sent and that the log does not know: it was lost, or restored from a backup that
 * is older than they are. One of them may share its file with an attachment that the log does know.
 */
export interface UnknownSidecars {
  /** Whether one of them has this file, or may have it: then only garbage collection decides, after its grace. */
  mayHave(key: BlobKey): Promise<boolean>;
}

/** What is found the first time is good for this process: a sidecar that is written from then on is of a known stream. */
export function createUnknownSidecars(parts: {
  readonly events: Pick<EventStore, 'read'>;
  readonly sidecars: SidecarStore | undefined;
}): UnknownSidecars {
  const { events, sidecars } = parts;
  let looking: Promise<(key: BlobKey) => boolean> | undefined;

  async function look(store: SidecarStore): Promise<(key: BlobKey) => boolean> {
    const keys = new Set<BlobKey>();
    const doubtful: string[] = [];
    for await (const name of store.list()) {
      const ids = sidecarIds(name);
      if (ids === undefined) continue;
      const isKnown =
        events.read((tx) => tx.log.head(asStream(ids.mediaId as MediaId))) !== undefined;
      if (isKnown) continue;
      const key = await keyOf(store, name);
      if (key === 'unreadable') doubtful.push(accountPrefix(ids.accountId));
      else if (key !== undefined) keys.add(key);
    }
    return (key) => keys.has(key) || doubtful.some((prefix) => key.startsWith(prefix));
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
