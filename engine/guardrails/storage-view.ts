import type { AttachmentTables } from '../../ports/attachment-tables.ts';
import type { Cancel } from '../../ports/clock.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { Logger } from '../../ports/logger.ts';
import { createWatched } from '../observe/watched.ts';
import type { Say } from './sentences.ts';
import { sizeText } from './size-text.ts';
import { type Sample, spacesOf, tightest } from './spaces.ts';
import { levelOf, percentOf, type Space, type StorageLevel } from './thresholds.ts';

/** What a screen shows about room for attachments (contract 7.1, 7.2). */
export interface StorageView {
  /** Bytes of this account's attachments on this device. */
  readonly usedBytes: number;
  /** Files of this account on this device; empty ones are not counted. */
  readonly files: number;
  /** Of `usedBytes`, what would be fetched again when needed: it goes first when room is short (contract 6). */
  readonly evictableBytes: number;
  readonly level: StorageLevel;
  /**
   * What the level follows from: the platform's estimate or the app's budget, whichever is filled more, with the
   * attachments of all accounts in this database. Absent where nothing is known. `percent` is whole, rounded down.
   */
  readonly space?: Space & { readonly percent: number };
  /** What to show; absent where there is nothing to warn of, and once it was dismissed. */
  readonly banner?: StorageBanner;
  /** Takes the banner away until Lading is opened again, whatever the level becomes. Nothing happens without one. */
  dismiss(): void;
}

export interface StorageBanner {
  readonly title: string;
  readonly line: string;
  /** What to do, at `critical`. */
  readonly more?: string;
}

export interface StorageViews {
  view(): StorageView;
  /** Calls `listener` at once, and after each change. */
  watch(listener: (view: StorageView) => void): Cancel;
  /** Something may have changed. */
  update(): void;
  close(): void;
}

export function createStorageViews(parts: {
  readonly events: EventStore;
  readonly tables: AttachmentTables;
  readonly accountId: string;
  readonly budgetBytes: number | undefined;
  readonly say: Say;
  readonly logger: Logger;
  sample(): Sample | undefined;
}): StorageViews {
  const { events, tables, accountId, budgetBytes, say, logger } = parts;
  const watched = createWatched(view, logger);
  let isDismissed = false;

  function view(): StorageView {
    const { mine, ownBytes } = events.read((tx) => ({
      mine: tables.usage(tx, accountId),
      ownBytes: tables.totalBytes(tx),
    }));
    const space = tightest(spacesOf(parts.sample(), budgetBytes, ownBytes));
    const percent = space === undefined ? 0 : percentOf(space);
    const level = space === undefined ? 'unknown' : levelOf(percent);
    const banner = space && bannerOf(say, level, { ...space, percent });
    return {
      usedBytes: mine.bytes,
      files: mine.blobs,
      evictableBytes: mine.evictableBytes,
      level,
      ...(space === undefined ? {} : { space: { ...space, percent } }),
      ...(banner === undefined || isDismissed ? {} : { banner }),
      dismiss,
    };
  }

  function dismiss(): void {
    if (view().banner === undefined) return;
    isDismissed = true;
    watched.update();
  }

  return {
    view,
    watch: (listener) => watched.watch(listener),
    update: () => watched.update(),
    close: () => watched.close(),
  };
}

function bannerOf(
  say: Say,
  level: StorageLevel,
  { usedBytes, totalBytes, percent }: Space & { readonly percent: number },
): StorageBanner | undefined {
  if (level !== 'warning' && level !== 'critical') return undefined;
  const values = { used: sizeText(usedBytes), total: sizeText(totalBytes), percent };
  return {
    title: say(`banner_${level}`),
    line: say('banner_line', values),
    ...(level === 'critical' ? { more: say('banner_critical_more') } : {}),
  };
}
