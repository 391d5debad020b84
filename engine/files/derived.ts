import type { MediaId } from '../../machines/attachment/types.ts';
import type { BlobKey, BlobStore } from '../../ports/blob-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { DerivedRecord, DerivedTable } from '../../ports/derived-table.ts';
import { LadingError } from '../../ports/errors.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { Guardrails } from '../guardrails/guardrails.ts';
import type { ResolvedBytes } from '../lifecycle/resolve.ts';
import { safeTypeOf } from '../lifecycle/safe-type.ts';
import type { Readers } from './readers.ts';
import type { Recency } from './recency.ts';

/** Makes bytes of an attachment's bytes: a thumbnail, a preview. Gives all of them, or a stream. */
export type Make = (
  source: ResolvedBytes,
  signal: AbortSignal,
) => Promise<Uint8Array> | AsyncIterable<Uint8Array>;

/** Files that are made of attachments and go with them (field case 68). */
export interface DerivedFiles {
  /**
   * The derived file of that name, made when it is not there. Who asks at the same time waits for the same making.
   * @param resolve the bytes to make it of; fetched if need be.
   */
  derive(
    mediaId: MediaId,
    name: string,
    make: Make,
    resolve: () => Promise<ResolvedBytes>,
  ): Promise<ResolvedBytes>;
}

/** Decoding pictures is heavy: more at once only make each of them later. */
const AT_ONCE = 2;
const NAME = /^[a-z0-9][a-z0-9-]{0,39}$/;

export function createDerivedFiles(parts: {
  readonly accountId: string;
  readonly events: EventStore;
  readonly table: DerivedTable;
  readonly blobs: BlobStore;
  readonly readers: Readers;
  readonly recency: Pick<Recency, 'opened'>;
  readonly clock: Clock;
  readonly ending: AbortSignal;
  readonly guardrails: Pick<Guardrails, 'reserve'>;
  newDerivedKey(accountId: string): BlobKey;
}): DerivedFiles {
  const { accountId, events, table, blobs, readers, clock, ending } = parts;
  const making = new Map<string, Promise<DerivedRecord>>();
  const lanes: Promise<unknown>[] = Array.from({ length: AT_ONCE }, () => Promise.resolve());
  let nextLane = 0;

  function inLane<T>(work: () => Promise<T>): Promise<T> {
    const lane = nextLane;
    nextLane = (nextLane + 1) % AT_ONCE;
    const running = (lanes[lane] ?? Promise.resolve()).then(work);
    lanes[lane] = running.catch(() => {});
    return running;
  }

  /** Its row, where the file is there too: somebody may have cleared the folder. */
  async function present(mediaId: MediaId, name: string): Promise<DerivedRecord | undefined> {
    const found = events.read((tx) => table.find(tx, mediaId, name));
    if (found === undefined) return undefined;
    if ((await blobs.stat(found.key))?.sizeBytes === found.byteSize) return found;
    await events.transact((tx) => table.drop(tx, found.key));
    await blobs.remove(found.key);
    return undefined;
  }

  async function makeOne(
    mediaId: MediaId,
    name: string,
    make: Make,
    resolve: () => Promise<ResolvedBytes>,
  ): Promise<DerivedRecord> {
    const known = await present(mediaId, name); // another process may have made it meanwhile
    if (known !== undefined) return known;
    const source = await resolve();
    const made = make(source, ending);
    const bytes = Symbol.asyncIterator in made ? made : once(await made);
    const key = parts.newDerivedKey(accountId);
    const room = await parts.guardrails.reserve([{ mediaId }], 'download', ending);
    try {
      const { sizeBytes: byteSize } = await blobs.write(key, room.metered(mediaId, bytes), {
        signal: ending,
      });
      const record = { mediaId, name, accountId, key, byteSize };
      const isOurs = await events.transact((tx) => table.put(tx, record, Math.floor(clock.now())));
      if (isOurs) return record;
    } catch (error) {
      await blobs.remove(key).catch(() => {}); // else it is garbage, which is collected
      throw error;
    } finally {
      room.release();
    }
    await blobs.remove(key);
    const other = events.read((tx) => table.find(tx, mediaId, name));
    if (other !== undefined) return other;
    throw new LadingError('already_gone', `Attachment ${mediaId} was removed.`, {
      details: { mediaId },
    });
  }

  return {
    async derive(mediaId, name, make, resolve) {
      if (typeof name !== 'string' || !NAME.test(name)) throw badName(name);
      if (typeof make !== 'function') throw noFunction();
      const id = `${mediaId}/${name}`;
      let record = await present(mediaId, name);
      if (record === undefined) {
        const running = making.get(id) ?? inLane(() => makeOne(mediaId, name, make, resolve));
        making.set(id, running);
        try {
          record = await running;
        } finally {
          if (making.get(id) === running) making.delete(id);
        }
      }
      const { key, byteSize } = record;
      parts.recency.opened(key);
      const open: ResolvedBytes['open'] = (range) => readers.reading(key, blobs.open(key, range));
      return { mediaId, contentType: await safeTypeOf(open), byteSize, open };
    },
  };
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

function badName(name: unknown): LadingError {
  return new LadingError(
    'invalid_option',
    `A derived file needs a name of "a-z", "0-9" and "-", as "thumb-200", at most 40 long; this is ${JSON.stringify(String(name).slice(0, 40))}.`,
    { details: { name: 'name' } },
  );
}

function noFunction(): LadingError {
  return new LadingError('invalid_option', 'derive needs a function that makes the bytes.', {
    details: { name: 'make' },
  });
}
