import type { AttachmentTables } from '../../ports/attachment-tables.ts';
import type { Clock } from '../../ports/clock.ts';
import { LadingError } from '../../ports/errors.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { Logger } from '../../ports/logger.ts';
import { made, type Part } from '../../ports/part.ts';
import type { StorageEstimate } from '../../ports/storage-estimate.ts';
import type { FreeRoom, Reservations } from './reservations.ts';
import type { Sampler } from './sampler.ts';
import type { Say } from './sentences.ts';
import { spacesOf } from './spaces.ts';
import { createStorageViews, type StorageViews } from './storage-view.ts';
import { shortBytes } from './thresholds.ts';

/** Keeps attachments from filling the device, and says in time how full it is (contract 7). */
export interface Guardrails
  extends Pick<Reservations, 'reserve'>,
    Pick<StorageViews, 'view' | 'watch' | 'update'> {
  /**
   * Begins to ask the platform; the store is open.
   * @throws {LadingError} `part_not_loaded`: then the first file that is to be written begins it.
   */
  start(): Promise<void>;
  /** Bytes that would have to go for the level to be less than `critical`. */
  shortBytes(): number;
  close(): void;
}

export interface GuardrailsParts {
  readonly events: EventStore;
  readonly tables: AttachmentTables;
  readonly accountId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly say: Say;
  isOnline(): boolean;
  readonly storageEstimate?: StorageEstimate | undefined;
  readonly storageBudgetBytes?: number | undefined;
  readonly freeRoom: FreeRoom;
  /** Needed to ask the platform, and for the first file that is to be written. */
  readonly reservations: Part<
    Pick<typeof import('./reservations.ts'), 'createReservations' | 'createSampler'>
  >;
}

/** @throws {LadingError} `invalid_option` for a budget that is no number of bytes. */
export function createGuardrails(parts: GuardrailsParts): Guardrails {
  const { storageEstimate: estimate, storageBudgetBytes: budgetBytes } = parts;
  if (budgetBytes !== undefined && !(Number.isSafeInteger(budgetBytes) && budgetBytes > 0)) {
    throw new LadingError(
      'invalid_option',
      'storageBudgetBytes must be a whole number of 1 or more.',
      { details: { name: 'storageBudgetBytes' } },
    );
  }
  let sampler: Sampler | undefined;
  let isClosed = false;
  const reservations: Part<Reservations> = made(
    parts.reservations,
    ({ createReservations, createSampler }) => {
      sampler = estimate && createSampler({ ...parts, estimate, ownBytes, onSample });
      return createReservations({ ...parts, sampler, budgetBytes });
    },
  );
  async function begun(): Promise<Reservations> {
    const here = reservations.here ?? (await reservations());
    if (!isClosed) sampler?.start();
    return here;
  }
  const ownBytes = (): number =>
    reservations.here?.ownBytes() ?? parts.events.read((tx) => parts.tables.totalBytes(tx));
  function onSample(): void {
    views.update();
    if (short() === 0) return;
    // Tried again by the next sample.
    parts.freeRoom(short).catch((error: unknown) => {
      if (!isClosed) parts.logger.warn('room could not be made', { error });
    });
  }
  const views = createStorageViews({ ...parts, budgetBytes, sample: () => sampler?.sample });
  const short = (): number => {
    const storedBytes = parts.events.read((tx) => parts.tables.totalBytes(tx));
    const spaces = spacesOf(sampler?.sample, budgetBytes, storedBytes);
    return Math.max(0, ...spaces.map((space) => shortBytes(space, 0, 'critical')));
  };
  return {
    shortBytes: short,
    reserve: async (...asked) => (await begun()).reserve(...asked),
    ...views,
    async start() {
      if (estimate !== undefined) await begun();
    },
    close() {
      isClosed = true;
      sampler?.close();
      views.close();
    },
  };
}
