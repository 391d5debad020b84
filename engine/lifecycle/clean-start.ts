import type { Fault, UploadInput } from '../../machines/attachment/types.ts';
import type { JsonObject } from '../../machines/json.ts';
import type { StoredEvent } from '../../ports/event-store.ts';
import { objectKey, type Remote, sourceFaultOf } from '../../ports/remote.ts';
import type { CheckedBytes } from './checked-bytes.ts';

/**
 * Whether the remote may hold bytes of this attachment that are not those captured, finished or not: they were found
 * wrong here after some were sent, or there. Going on from them would complete a wrong object.
 */
export function isTainted(log: readonly StoredEvent[]): boolean {
  const since = log.findLastIndex(({ type, payload }) => isBad(type, payload['output']));
  // Each of these comes after a clean start only.
  const cleared = log.findLastIndex(({ type }) => CLEARED.has(type));
  return since > cleared;
}

const CLEARED: ReadonlySet<string> = new Set(['upload.opened', 'upload.succeeded']);

function isBad(type: string, output: unknown): boolean {
  if (type !== 'upload.failed' && type !== 'attach.failed') return false;
  const { class: cls, code } = output as JsonObject;
  return cls === 'mismatch' || code === 'source_changed';
}

/**
 * Takes away what such an attempt left, once the bytes here are known to be right: they may be the better ones (field
 * case 55). An object that was attached once is not this device's to delete.
 * @returns what is in the way, if anything is.
 */
export async function cleanStart(
  remote: Remote,
  { accountId, mediaId }: Pick<UploadInput, 'accountId' | 'mediaId'>,
  options: {
    readonly bytes: CheckedBytes;
    readonly handle: string | null;
    readonly isAttached: boolean;
    readonly signal: AbortSignal;
  },
): Promise<{ readonly ok: true } | Fault> {
  const { bytes, handle, isAttached, signal } = options;
  try {
    await bytes.prove();
  } catch (error) {
    signal.throwIfAborted();
    return sourceFaultOf(error);
  }
  if (isAttached) return { ok: true };
  const removed = await remote.remove(objectKey(accountId, mediaId), { handle, signal });
  return !removed.ok && removed.class === 'absent' ? { ok: true } : removed;
}
