import { produce } from 'immer';
import {
  type AttachmentRef,
  type MediaId,
  type Owner,
  ownerKey,
} from '../../machines/attachment/types.ts';
import { type AttachmentView, type Gates, viewOf } from '../../machines/attachment/view.ts';
import type { AttachmentTables } from '../../ports/attachment-tables.ts';
import type { Cancel } from '../../ports/clock.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { Host } from '../host/host.ts';
import { contextOf } from './consequences.ts';
import type { GateKeeper } from './gates.ts';
import type { Progress, ProgressBoard } from './progress.ts';
import type { UploadSlots } from './slots.ts';

/** What a screen shows of one attachment: its state, and while it uploads, how far it is (contract 2). */
export interface LiveView extends AttachmentView {
  readonly progress?: Progress;
}

/** One entry of an owner's list. */
export interface ListItem {
  readonly ref: AttachmentRef;
  readonly view: LiveView;
}

/** Reads and watches from rows; nothing is loaded into memory for it (design 2). */
export interface Views {
  /** An `offline://` ref without a local record shows as waiting for its author, never as failed. */
  view(ref: AttachmentRef | MediaId): LiveView;
  list(owner: Owner): readonly ListItem[];
  /** Calls `listener` at once and after each change; entries that did not change keep their identity. */
  watchOwner(owner: Owner, listener: (items: readonly ListItem[]) => void): Cancel;
  watchOne(ref: AttachmentRef | MediaId, listener: (view: LiveView) => void): Cancel;
  close(): void;
}

export function createViews(parts: {
  readonly host: Host;
  readonly events: EventStore;
  readonly tables: AttachmentTables;
  readonly gates: GateKeeper;
  readonly slots: UploadSlots;
  readonly progress: ProgressBoard;
}): Views {
  const { host, events, tables, gates, slots, progress } = parts;
  const watchers = new Set<Watcher>();

  const currentGates = (): Gates => ({ ...gates.current(), slotFree: slots.free > 0 });

  function view(ref: AttachmentRef | MediaId): LiveView {
    const mediaId = typeof ref === 'string' ? ref : ref.mediaId;
    const media = events.read((tx) => tables.media(tx, mediaId));
    if (media === undefined) {
      const url = typeof ref === 'string' ? 'offline:' : ref.url;
      return url.startsWith('offline:')
        ? { state: 'local_only', waitingFor: 'author' }
        : { state: 'uploaded' };
    }
    const shown = viewOf(media.facts, currentGates());
    const live = shown.state === 'uploading' ? progress.get(mediaId) : undefined;
    return live === undefined ? shown : { ...shown, progress: live };
  }

  function list(owner: Owner): readonly ListItem[] {
    const rows = events.read((tx) => tables.refsOfOwner(tx, ownerKey(owner)));
    return rows.map(({ ref }) => ({ ref, view: view(ref) }));
  }

  function watch(watcher: Watcher): Cancel {
    watchers.add(watcher);
    watcher.update();
    return () => void watchers.delete(watcher);
  }

  const updateAll = (): void => {
    for (const watcher of watchers) watcher.update();
  };
  const unsubscribes = [
    host.subscribe((changes) => {
      const media = new Set<string>();
      const owners = new Set<string>();
      for (const { stream, before, after } of changes) {
        media.add(stream);
        for (const state of [before, after]) {
          for (const { key } of state === null ? [] : contextOf(state.context).refs) {
            owners.add(key);
          }
        }
      }
      for (const watcher of watchers) if (watcher.concerns(media, owners)) watcher.update();
    }),
    progress.subscribe((mediaId) => {
      const media = new Set<string>([mediaId]);
      for (const watcher of watchers) if (watcher.concerns(media, NONE)) watcher.update();
    }),
    gates.subscribe(updateAll),
  ];

  return {
    view,
    list,
    watchOwner(owner, listener) {
      const key = ownerKey(owner);
      let items: readonly ListItem[] | undefined;
      return watch({
        concerns: (media, owners) =>
          owners.has(key) || items?.some(({ ref }) => media.has(ref.mediaId)) === true,
        update() {
          const next = sharing(items, list(owner));
          if (next === items) return;
          items = next;
          listener(next);
        },
      });
    },
    watchOne(ref, listener) {
      const mediaId = typeof ref === 'string' ? ref : ref.mediaId;
      let last: LiveView | undefined;
      return watch({
        concerns: (media) => media.has(mediaId),
        update() {
          const next = view(ref);
          if (JSON.stringify(next) === JSON.stringify(last)) return;
          last = next;
          listener(next);
        },
      });
    },
    close() {
      for (const unsubscribe of unsubscribes) unsubscribe();
      watchers.clear();
    },
  };
}

interface Watcher {
  concerns(media: ReadonlySet<string>, owners: ReadonlySet<string>): boolean;
  update(): void;
}

const NONE: ReadonlySet<string> = new Set();

/** The new list, with every entry that is equal to the one at its place before kept as it was. */
function sharing(
  before: readonly ListItem[] | undefined,
  after: readonly ListItem[],
): readonly ListItem[] {
  if (before === undefined) return after;
  return produce(before, (draft) => {
    draft.length = Math.min(draft.length, after.length);
    after.forEach((item, index) => {
      if (JSON.stringify(before[index]) !== JSON.stringify(item)) {
        (draft as ListItem[])[index] = item;
      }
    });
  });
}
