import type { BlobKey, StoredBlob } from '../../ports/blob-store.ts';
import { accountPrefix } from '../../ports/blob-store.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { HealingRows } from '../../ports/healing-rows.ts';
import { sidecarIds } from '../../ports/sidecar-name.ts';
import type { SidecarName, SidecarStore } from '../../ports/sidecars.ts';
import type { Host } from '../host/host.ts';
import { asStream } from '../lifecycle/as-stream.ts';
import { isObsolete, readSidecar } from './sidecar-text.ts';

/**
 * Why a file that the log does not know must stay. `sidecar`: it belongs to an attachment that was never sent, and
 * `recover` can bring it back. `sidecar_unreadable`: a sidecar of its account cannot be read, and may be about it.
 * `older_than_database`: it was here before this database, which was lost, begun anew or recovered since. `no_sidecars`: the
 * store has none, so that nobody can say whether it is a leftover, or what another database, or a newer state of this
 * one, has captured and never sent.
 */
export type ProtectedReason =
  | 'sidecar'
  | 'sidecar_unreadable'
  | 'older_than_database'
  | 'no_sidecars';

/** What of the files that the log does not know is protected, as of now: made anew for each collection of garbage. */
export interface Protection {
  /** Null: nothing that is known here speaks for it. Never asked about a file that the log knows. */
  isProtected(key: BlobKey, file: Pick<StoredBlob, 'modifiedAt'>): Promise<ProtectedReason | null>;
}

export interface ProtectionParts {
  readonly host: Pick<Host, 'state'>;
  readonly events: Pick<EventStore, 'read'>;
  readonly rows: HealingRows;
  /** Absent where the blob store has none. */
  readonly sidecars?: SidecarStore | undefined;
}

/**
 * Reads every sidecar, of all accounts. One that cannot be read protects all unknown files of its account.
 * @throws what listing them throws: then nothing may be collected.
 */
export async function createProtection(parts: ProtectionParts): Promise<Protection> {
  const { events, rows, sidecars } = parts;
  const begunAt = events.read((tx) => rows.begunAt(tx));
  const keys = new Set<BlobKey>();
  const doubtful = new Set<string>();
  if (sidecars !== undefined) {
    for await (const name of sidecars.list()) {
      const key = await keyOf(parts, sidecars, name);
      if (key === 'unreadable') doubtful.add(prefixOf(name));
      else if (key !== undefined) keys.add(key);
    }
  }
  return {
    async isProtected(key, { modifiedAt }) {
      if (sidecars === undefined) return 'no_sidecars';
      if (keys.has(key)) return 'sidecar';
      if (doubtful.has(`${key.slice(0, key.indexOf('/'))}/`)) return 'sidecar_unreadable';
      return modifiedAt < begunAt ? 'older_than_database' : null;
    },
  };
}

/** Undefined where the log knows the attachment and says that nobody needs its bytes from here. */
async function keyOf(
  { host }: ProtectionParts,
  sidecars: SidecarStore,
  name: SidecarName,
): Promise<BlobKey | 'unreadable' | undefined> {
  const text = await sidecars.read(name).catch(() => 'unreadable');
  if (text === undefined) return undefined; // removed since it was listed
  const read = readSidecar(name, text);
  if (!read.ok) return 'unreadable';
  const state = host.state(asStream(read.sidecar.mediaId));
  return state !== undefined && isObsolete(state) ? undefined : read.sidecar.blobKey;
}

function prefixOf(name: SidecarName): string {
  const accountId = sidecarIds(name)?.accountId;
  return accountId === undefined ? '' : accountPrefix(accountId);
}
