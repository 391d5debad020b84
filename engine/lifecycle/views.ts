import type { AttachmentFacts } from '../../machines/attachment/facts.ts';
import {
  type AttachmentRef,
  type MediaId,
  type Owner,
  ownerKey,
  type RefEntry,
} from '../../machines/attachment/types.ts';
import { type AttachmentView, viewOf } from '../../machines/attachment/view.ts';
import type { AttachmentTables } from '../../ports/attachment-tables.ts';
import type { Cancel } from '../../ports/clock.ts';
import type { EventStore, StoreTransaction } from '../../ports/event-store.ts';
import type { Logger } from '../../ports/logger.ts';
import { safely } from '../../ports/safely.ts';
import type { Sentences } from '../guardrails/sentences.ts';
import type { Change } from '../host/definition.ts';
import type { Host } from '../host/host.ts';
import { contextOf } from './consequences.ts';
import type { GateKeeper } from './gates.ts';
import { requireOwnerOf } from './own-account.ts';
import type { Progress, ProgressBoard } from './progress.ts';

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
  /** @throws {LadingError} `invalid_id`, `wrong_account`. */
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
  readonly accountId: string;
  readonly gates: GateKeeper;
  readonly progress: ProgressBoard;
  readonly logger: Logger;
  readonly sentences?: Partial<Sentences> | undefined;
}): Views {
  const { host, events, tables, accountId, gates, progress, logger } = parts;
  const watchers = new Set<Watcher>();

  function viewIn(tx: StoreTransaction, ref: AttachmentRef | MediaId): LiveView {
    const mediaId = typeof ref === 'string' ? ref : ref.mediaId;
    const media = tables.media(tx, mediaId);
    // Another account's is as good as unknown (contract 10.7).
    if (media === undefined || media.accountId !== accountId) {
      const url = typeof ref === 'string' ? 'offline:' : ref.url;
      return url.startsWith('offline:')
        ? { state: 'local_only', waitingFor: 'author' }
        : { state: 'uploaded' };
    }
    return liveView(mediaId, media.facts);
  }

  function liveView(mediaId: MediaId, facts: AttachmentFacts): LiveView {
    const shown = viewOf(facts, gates.current(mediaId), parts.sentences?.faults);
    const live = shown.state === 'uploading' ? progress.get(mediaId) : undefined;
    return live === undefined ? shown : { ...shown, progress: live };
  }

  function view(ref: AttachmentRef | MediaId): LiveView {
    return events.read((tx) => viewIn(tx, ref));
  }

  function list(owner: Owner): readonly ListItem[] {
    requireOwnerOf(accountId, owner);
    return events.read((tx) =>
      tables.refsOfOwner(tx, ownerKey(owner)).map(({ ref, facts }) => ({
        ref,
        view: liveView(ref.mediaId, facts),
      })),
    );
  }

  function watch(watcher: Watcher): Cancel {
    watcher.update();
    watchers.add(watcher);
    return () => void watchers.delete(watcher);
  }

  /** What a screen throws is the screen's: the others, and the upload that made progress, go on. */
  function tell<T>(listener: (shown: T) => void, shown: T): void {
    safely(logger, 'a watcher threw', () => listener(shown));
  }

  function update(concerned?: Concerned): void {
    for (const watcher of watchers) {
      safely(logger, 'a view could not be read', () => watcher.update(concerned));
    }
  }

  const updateAll = (): void => update();
  const unsubscribes = [
    host.subscribe((changes) => {
      for (const change of changes) {
        if (!isUnderWay(change)) progress.clear(change.stream as string as MediaId);
      }
      update(concernedBy(changes));
    }),
    progress.subscribe((mediaId) => update({ media: new Set([mediaId]), owners: NONE })),
    gates.subscribe(updateAll),
    gates.onTraffic(updateAll),
    host.onElsewhere(updateAll),
  ];

  return {
    view,
    list,
    watchOwner(owner, listener) {
      requireOwnerOf(accountId, owner);
      const key = ownerKey(owner);
      let items: readonly ListItem[] | undefined;
      return watch({
        update(concerned) {
          const next = sharing(items, listFor(items, concerned));
          if (next === items) return;
          items = next;
          tell(listener, next);
        },
      });

      /** The list, read anew where its refs changed; else only the entries that are concerned. */
      function listFor(
        before: readonly ListItem[] | undefined,
        concerned: Concerned | undefined,
      ): readonly ListItem[] {
        if (before === undefined || concerned === undefined || concerned.owners.has(key)) {
          return list(owner);
        }
        if (!before.some(({ ref }) => concerned.media.has(ref.mediaId))) return before;
        return before.map((item) =>
          concerned.media.has(item.ref.mediaId) ? { ...item, view: view(item.ref) } : item,
        );
      }
    },
    watchOne(ref, listener) {
      const mediaId = typeof ref === 'string' ? ref : ref.mediaId;
      let last: LiveView | undefined;
      return watch({
        update(concerned) {
          if (concerned !== undefined && !concerned.media.has(mediaId)) return;
          const next = view(ref);
          if (JSON.stringify(next) === JSON.stringify(last)) return;
          last = next;
          tell(listener, next);
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
  /** @param concerned what changed; left out: anything may have. */
  update(concerned?: Concerned): void;
}

interface Concerned {
  readonly media: ReadonlySet<string>;
  /** Lists whose refs changed. */
  readonly owners: ReadonlySet<string>;
}

const NONE: ReadonlySet<string> = new Set();

function concernedBy(changes: readonly Change[]): Concerned {
  const media = new Set<string>();
  const owners = new Set<string>();
  for (const { stream, before, after } of changes) {
    media.add(stream);
    const [old, now] = [before, after].map((state) => state && contextOf(state.context));
    const sameRefs = old?.refs === now?.refs || text(old?.refs) === text(now?.refs);
    if (sameRefs && old?.url === now?.url) continue;
    for (const { key } of [...(old?.refs ?? []), ...(now?.refs ?? [])]) owners.add(key);
  }
  return { media, owners };
}

function text(value: readonly RefEntry[] | ListItem | undefined): string | undefined {
  return JSON.stringify(value);
}

function isUnderWay({ after }: Change): boolean {
  const { transfer } = after.value as { readonly transfer?: { readonly live?: string } | string };
  const live = typeof transfer === 'object' ? transfer.live : undefined;
  return live === 'uploading' || live === 'attaching';
}

/** The new list, with every entry kept as it was that says the same as before, wherever it stands now. */
function sharing(
  before: readonly ListItem[] | undefined,
  after: readonly ListItem[],
): readonly ListItem[] {
  if (before === after) return before;
  const known = new Map(before?.map((item) => [item.ref.mediaId, item]));
  const next = after.map((item) => {
    const old = known.get(item.ref.mediaId);
    return old !== undefined && text(old) === text(item) ? old : frozen(item);
  });
  const isSame =
    next.length === before?.length && next.every((item, index) => item === before[index]);
  return isSame ? before : Object.freeze(next);
}

/** Screens compare by identity: nobody changes what was handed out. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(frozen);
  return Object.freeze(value);
}
