import type { MediaId } from '../../machines/attachment/types.ts';
import type { BlobKey, BlobStore } from '../../ports/blob-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { DerivedRecord, DerivedTable } from '../../ports/derived-table.ts';
import { LadingError } from '../../ports/errors.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { Guardrails } from '../guardrails/guardrails.ts';
import type { ResolvedBytes } from '../lifecycle/resolve.ts';
import { safeTypeOf } from '../lifecycle/safe-type.ts';
import { letGo } from './let-go.ts';
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
type ByteRange = Parameters<BlobStore['open']>[1];

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
  const waiting: (() => void)[] = [];
  let freeLanes = AT_ONCE;

  async function inLane<T>(work: () => Promise<T>): Promise<T> {
    if (freeLanes > 0) freeLanes -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) freeLanes += 1;
      else next();
    }
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
    // In no lane: what waits for a network must not hold up what is here.
    const source = await resolve();
    return inLane(() => store(mediaId, name, make, source));
  }

  async function store(
    mediaId: MediaId,
    name: string,
    make: Make,
    source: ResolvedBytes,
  ): Promise<DerivedRecord> {
    ending.throwIfAborted();
    const key = parts.newDerivedKey(accountId);
    const file = { mediaId, isDerived: true };
    // Before anything is made: a stream that nobody reads would keep its attachment's file open.
    const room = await parts.guardrails.reserve([file], 'download', ending);
    let stream: AsyncIterable<Uint8Array> | undefined;
    try {
      const made = make(source, ending);
      if (Symbol.asyncIterator in made) stream = made;
      const bytes = Symbol.asyncIterator in made ? made : once(await unlessEnded(made));
      const { sizeBytes: byteSize } = await blobs.write(key, room.metered(mediaId, bytes), {
        signal: ending,
      });
      const record = { mediaId, name, accountId, key, byteSize };
      const isOurs = await events.transact((tx) => table.put(tx, record, Math.floor(clock.now())));
      if (isOurs) return record;
    } catch (error) {
      if (stream !== undefined) letGo(stream);
      await blobs.remove(key).catch(() => {}); // else it is garbage, which is collected
      ending.throwIfAborted();
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

  /** A decoder that never answers holds up no end. */
  async function unlessEnded<T>(running: Promise<T>): Promise<T> {
    const ended = Promise.withResolvers<never>();
    const onEnd = (): void => ended.reject(ending.reason);
    ending.addEventListener('abort', onEnd);
    try {
      return await Promise.race([running, ended.promise]);
    } finally {
      ending.removeEventListener('abort', onEnd);
      running.catch(() => {}); // what it still finds is nobody's concern
    }
  }

  const read = (key: BlobKey, range?: ByteRange): AsyncIterable<Uint8Array> =>
    readers.reading(key, blobs.open(key, range));

  return {
    async derive(mediaId, name, make, resolve) {
      if (typeof name !== 'string' || !NAME.test(name)) throw badName(name);
      if (typeof make !== 'function') throw noFunction();
      const id = `${mediaId}/${name}`;
      async function get(): Promise<DerivedRecord> {
        const known = await present(mediaId, name);
        if (known !== undefined) return known;
        const running = making.get(id) ?? makeOne(mediaId, name, make, resolve);
        making.set(id, running);
        try {
          return await running;
        } finally {
          if (making.get(id) === running) making.delete(id);
        }
      }
      const { key, byteSize } = await get();
      parts.recency.opened(key);
      const open: ResolvedBytes['open'] = async function* (range) {
        parts.recency.opened(key);
        let isBegun = false;
        try {
          for await (const bytes of read(key, range)) {
            isBegun = true;
            yield bytes;
          }
        } catch (error) {
          const isGone = error instanceof LadingError && error.code === 'blob_missing';
          if (!isGone || isBegun) throw error;
          // Let go since: made again. Other bytes than those that were told of are not given in their place.
          const again = await get();
          if (again.byteSize !== byteSize) throw error;
          yield* read(again.key, range);
        }
      };
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
