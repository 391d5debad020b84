import type { AttachmentRef, MediaId } from '../../machines/attachment/types.ts';
import type { Cancel } from '../../ports/clock.ts';
import type { Logger } from '../../ports/logger.ts';
import { safely } from '../../ports/safely.ts';
import type { Host } from '../host/host.ts';
import type { Views } from '../lifecycle/views.ts';
import { kept, type Shown } from './snapshot.ts';

/** One attachment as it is shown, kept up to date while somebody holds it. */
export interface Mirror {
  readonly shown: Shown;
  subscribe(listener: () => void): Cancel;
  release(): void;
}

/** Mirrors are made of rows: they load no machine, and all that look at one attachment share one (design 2). */
export interface Mirrors {
  open(target: AttachmentRef | MediaId): Mirror;
}

export interface MirrorParts {
  readonly host: Pick<Host, 'subscribe' | 'onElsewhere'>;
  readonly views: Pick<Views, 'watchOne'>;
  readonly logger: Pick<Logger, 'error'>;
  /** The ref as entities store it; null where this device has no record of it. */
  readonly refOf: (mediaId: MediaId) => AttachmentRef | null;
}

interface Entry {
  readonly mediaId: string;
  shown: Shown;
  holders: number;
  readonly listeners: Set<() => void>;
  refresh(): void;
  stop: Cancel;
}

export function createMirrors({ host, views, logger, refOf }: MirrorParts): Mirrors {
  /** By what they were opened with: a ref says where the bytes are also where this device has no record (contract 1). */
  const entries = new Map<string, Entry>();
  let unsubscribes: readonly Cancel[] = [];

  /** A url may change where the view does not. */
  function listen(): void {
    unsubscribes = [
      host.subscribe((changes) => {
        const changed = new Set<string>(changes.map(({ stream }) => stream));
        for (const entry of entries.values()) if (changed.has(entry.mediaId)) entry.refresh();
      }),
      host.onElsewhere(() => {
        for (const entry of entries.values()) entry.refresh();
      }),
    ];
  }

  function add(key: string, target: AttachmentRef | MediaId): Entry {
    const given = typeof target === 'string' ? null : target;
    const mediaId = typeof target === 'string' ? target : target.mediaId;
    const update = (next: Shown): void => {
      const { ref, view } = entry.shown;
      const shown = { ref: kept(ref, next.ref), view: kept(view, next.view) };
      if (shown.ref === ref && shown.view === view) return;
      entry.shown = shown;
      // The other screens are shown it all the same.
      for (const listener of entry.listeners) safely(logger, 'a subscriber threw', listener);
    };
    const read = (): AttachmentRef | null => refOf(mediaId) ?? given;
    const entry: Entry = {
      mediaId,
      shown: { ref: null, view: { state: 'local_only' } },
      holders: 0,
      listeners: new Set(),
      refresh: () => update({ ref: read(), view: entry.shown.view }),
      stop: () => {},
    };
    entry.stop = views.watchOne(target, (view) => update({ ref: read(), view }));
    if (entries.size === 0) listen();
    entries.set(key, entry);
    return entry;
  }

  function drop(key: string, entry: Entry): void {
    entry.holders -= 1;
    if (entry.holders > 0) return;
    entry.stop();
    entries.delete(key);
    if (entries.size > 0) return;
    for (const unsubscribe of unsubscribes) unsubscribe();
  }

  return {
    open(target) {
      const key = JSON.stringify(target);
      const entry = entries.get(key) ?? add(key, target);
      entry.holders += 1;
      let held = true;
      const stops = new Set<Cancel>();
      return {
        get shown() {
          return entry.shown;
        },
        subscribe(listener) {
          const own = (): void => listener();
          const stop: Cancel = () => {
            stops.delete(stop);
            entry.listeners.delete(own);
          };
          entry.listeners.add(own);
          stops.add(stop);
          return stop;
        },
        release() {
          if (!held) return;
          held = false;
          for (const stop of stops) stop();
          drop(key, entry);
        },
      };
    },
  };
}
