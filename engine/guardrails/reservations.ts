import type { MediaId } from '../../machines/attachment/types.ts';
import type { AttachmentTables } from '../../ports/attachment-tables.ts';
import { LadingError } from '../../ports/errors.ts';
import type { EventStore, StoreTransaction } from '../../ports/event-store.ts';
import type { Sampler } from './sampler.ts';
import type { Say } from './sentences.ts';
import { spacesOf } from './spaces.ts';
import { refusalOf, type Space, type StorageRefusal, shortBytes } from './thresholds.ts';

export { createSampler } from './sampler.ts';

/**
 * `always`: refused past either limit. `offline`: so too without a network; with one never, but others see what it
 * takes. `download`: only past the whole, since somebody asked to see it.
 */
export type ReservationRule = 'always' | 'offline' | 'download';

/** Evicts until `missing`, asked anew, is made up for; see `Cache.freeRoom`. */
export type FreeRoom = (
  missing: () => number,
  options?: { readonly signal?: AbortSignal | undefined; readonly whole?: boolean },
) => Promise<number>;

/** A file that is about to be written. */
interface ReservedFile {
  readonly mediaId: MediaId;
  /** It is made of the attachment, whose own bytes may be here: those are not it. */
  readonly isDerived?: boolean;
}

/** Room for files that are about to be written: nobody else is given it (contract 7.3). */
export interface Reservation {
  /**
   * The same bytes; room for those beyond what was reserved is taken while they come.
   * The iteration throws {@link LadingError} `storage_full`, `storage_nearly_full` when there is none.
   */
  metered(mediaId: MediaId, source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /**
   * For the end of the commit that takes the files over: another process may have taken the room meanwhile.
   * @throws {LadingError} `storage_full`.
   */
  confirm(tx: StoreTransaction): void;
  /** Gives the room back: the files are committed, or gone. Idempotent. */
  release(): void;
}

export interface Reservations {
  /**
   * Room for all of these files together.
   * @throws {LadingError} `storage_full`, `storage_nearly_full`: nothing is reserved.
   */
  reserve(
    files: readonly (ReservedFile & { readonly sizeBytes?: number | undefined })[],
    rule: ReservationRule,
    signal?: AbortSignal,
  ): Promise<Reservation>;
  /** Committed attachments, and what is written of those that are not. */
  ownBytes(): number;
}

/** What a file of unknown size takes at a time. */
const STEP_BYTES = 1024 * 1024;

interface Entry extends ReservedFile {
  reservedBytes: number;
  writtenBytes: number;
}

export function createReservations(parts: {
  readonly events: EventStore;
  readonly tables: AttachmentTables;
  readonly sampler: Sampler | undefined;
  readonly budgetBytes: number | undefined;
  readonly say: Say;
  isOnline(): boolean;
  readonly freeRoom: FreeRoom;
}): Reservations {
  const { events, tables, sampler, budgetBytes, say } = parts;
  const live = new Set<Entry>();
  let reservedBytes = 0;

  const spaces = (ownBytes: number): readonly Space[] =>
    spacesOf(sampler?.sample, budgetBytes, ownBytes);
  const ownNow = (): number => events.read((tx) => tables.totalBytes(tx));

  /** Between a commit and the release after it a file would count twice: exact, where that would refuse somebody. */
  function uncommitted(of: 'reservedBytes' | 'writtenBytes'): number {
    return events.read((tx) => {
      let sum = 0;
      for (const entry of live) {
        if (entry.isDerived || tables.media(tx, entry.mediaId)?.hasBytes !== true) sum += entry[of];
      }
      return sum;
    });
  }

  function refusal(bytes: number, rule: ReservationRule): Refused | undefined {
    if (rule === 'offline' && parts.isOnline()) return undefined;
    const ownBytes = ownNow();
    return (
      refusedBy(spaces(ownBytes), reservedBytes + bytes, rule) &&
      refusedBy(spaces(ownBytes), uncommitted('reservedBytes') + bytes, rule)
    );
  }

  function lacking(bytes: number, rule: ReservationRule): number {
    if (refusal(bytes, rule) === undefined) return 0;
    const limit = rule === 'download' ? 'whole' : 'critical';
    const incoming = uncommitted('reservedBytes') + bytes;
    return Math.max(0, ...spaces(ownNow()).map((space) => shortBytes(space, incoming, limit)));
  }

  /** Nothing waits between the look and `accept`, so that two cannot be given the same room. */
  async function admit(
    bytes: number,
    rule: ReservationRule,
    signal: AbortSignal | undefined,
    accept: () => void,
  ): Promise<void> {
    await sampler?.first(signal);
    let refused = refusal(bytes, rule);
    const wholeOwn = ownNow() + reservedBytes + bytes;
    const sample = sampler?.sample;
    // It may be half a minute old: the user may have made room, and the database fills the disk too.
    if (sample !== undefined && (refused !== undefined || wholeOwn >= sample.askAgainAtBytes)) {
      await sampler?.again(signal);
      refused = refusal(bytes, rule);
    }
    signal?.throwIfAborted();
    if (refused === undefined) return accept();
    // What can be freed is freed before anybody is refused (contract 6); it is not begun where it would not do. Taken
    // at once when it is there: the next one to be freed for must see it.
    let isAccepted = false;
    const missing = (): number => {
      if (isAccepted || signal?.aborted === true) return 0;
      const left = lacking(bytes, rule);
      if (left > 0) return left;
      isAccepted = true;
      accept();
      return 0;
    };
    // What goes wrong there is not what the user asked for: he is told that there is no room.
    await parts.freeRoom(missing, { signal, whole: true }).catch(() => 0);
    if (isAccepted) return;
    signal?.throwIfAborted();
    throw asError(refusal(bytes, rule) ?? refused, bytes);
  }

  function resize(entry: Entry, bytes: number): void {
    if (!live.has(entry)) return;
    reservedBytes += bytes - entry.reservedBytes;
    entry.reservedBytes = bytes;
  }

  async function grow(
    entry: Entry,
    needBytes: number,
    rule: ReservationRule,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const step = Math.max(needBytes, STEP_BYTES);
    const bytes = refusal(step, rule) === undefined ? step : needBytes;
    await admit(bytes, rule, signal, () => resize(entry, entry.reservedBytes + bytes));
  }

  function asError({ code, space }: Refused, incomingBytes: number): LadingError {
    return new LadingError(code, say(code), { details: { ...space, incomingBytes } });
  }

  return {
    ownBytes: () => ownNow() + uncommitted('writtenBytes'),

    async reserve(files, rule, signal) {
      const entries = files.map(({ mediaId, isDerived = false, sizeBytes }): Entry => {
        // What a source says of itself is checked while it is read.
        const isSaid = Number.isFinite(sizeBytes) && Number(sizeBytes) > 0;
        return {
          mediaId,
          isDerived,
          reservedBytes: isSaid ? Math.ceil(Number(sizeBytes)) : 0,
          writtenBytes: 0,
        };
      });
      const sum = entries.reduce((bytes, entry) => bytes + entry.reservedBytes, 0);
      let limits: readonly Space[] = [];
      await admit(sum, rule, signal, () => {
        for (const entry of entries) live.add(entry);
        reservedBytes += sum;
        limits = spaces(0);
      });

      return {
        async *metered(mediaId, source) {
          const entry = entries.find((one) => one.mediaId === mediaId);
          if (entry === undefined) throw new Error(`nothing is reserved for ${mediaId}`);
          entry.writtenBytes = 0; // the second time, when the disk was full the first
          for await (const bytes of source) {
            const missing = entry.writtenBytes + bytes.byteLength - entry.reservedBytes;
            if (missing > 0) await grow(entry, missing, rule, signal);
            entry.writtenBytes += bytes.byteLength;
            yield bytes;
          }
          resize(entry, entry.writtenBytes);
        },
        confirm(tx) {
          if (rule === 'offline' && parts.isOnline()) return;
          const ownBytes = tables.totalBytes(tx);
          const before = limits.map(({ usedBytes, totalBytes }) => ({
            usedBytes: usedBytes + ownBytes,
            totalBytes,
          }));
          // Room that came or went meanwhile is not held against a file that was given its own.
          const refused =
            refusedBy(before, 0, 'download') && refusedBy(spaces(ownBytes), 0, 'download');
          if (refused !== undefined) throw asError(refused, sum);
        },
        release() {
          for (const entry of entries) {
            resize(entry, 0);
            live.delete(entry);
          }
        },
      };
    },
  };
}

interface Refused {
  readonly code: StorageRefusal;
  readonly space: Space;
}

function refusedBy(
  spaces: readonly Space[],
  incomingBytes: number,
  rule: ReservationRule,
): Refused | undefined {
  let nearly: Refused | undefined;
  for (const space of spaces) {
    const code = refusalOf(space, incomingBytes);
    if (code === 'storage_full') return { code, space };
    if (code !== undefined && rule !== 'download') nearly ??= { code, space };
  }
  return nearly;
}
