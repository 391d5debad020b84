import type { Lading, LiveView, MediaId } from 'lading';
import type { ShownItem } from '../messages.ts';
import { REPORTS } from './reports.ts';

const SCREEN_MS = 80;

/** What the app would draw: changes are gathered, and sent a dozen times a second at most. */
export interface AppScreen {
  add(mediaId: MediaId): void;
  /** Sends what changed since the last time. */
  now(): void;
  stop(): void;
}

/** Watches each attachment by itself: what it costs does not grow with the length of the lists. */
export function showOn(send: (items: readonly ShownItem[]) => void, lading: Lading): AppScreen {
  const changed = new Map<MediaId, ShownItem>();
  const stops: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;

  const now = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (changed.size > 0) send([...changed.values()]);
    changed.clear();
  };
  const add = (mediaId: MediaId): void => {
    const stop = lading.watch(mediaId, (view: LiveView) => {
      changed.set(mediaId, line(mediaId, view));
      timer ??= setTimeout(now, SCREEN_MS);
    });
    stops.push(stop);
  };
  for (const owner of REPORTS) for (const { ref } of lading.list(owner)) add(ref.mediaId);

  return {
    add,
    now,
    stop() {
      for (const stop of stops) stop();
      now();
    },
  };
}

function line(mediaId: MediaId, view: LiveView): ShownItem {
  return {
    mediaId,
    state: view.state,
    waitingFor: view.waitingFor ?? null,
    sentBytes: view.progress?.sentBytes ?? null,
    error: view.error?.message ?? null,
  };
}
