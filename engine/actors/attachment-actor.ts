import type { AttachmentRef, MediaId } from '../../machines/attachment/types.ts';
import type { Cancel } from '../../ports/clock.ts';
import { LadingError } from '../../ports/errors.ts';
import type { Logger } from '../../ports/logger.ts';
import { safely } from '../../ports/safely.ts';
import type { Mirror, Mirrors } from './mirrors.ts';
import {
  type AttachmentActorEvent,
  type AttachmentActorSnapshot,
  activeSnapshot,
  blank,
  withProblem,
  withShown,
} from './snapshot.ts';

/** One attachment as an actor: for `useSelector(actor, …)` of `@xstate/react`, and for whoever knows XState. */
export interface AttachmentActor {
  readonly id: MediaId;
  /** Asks something of it; what could not be done stands in `context.problem`. */
  send(event: AttachmentActorEvent): void;
  /** Calls after each change, never at once. */
  subscribe(listener?: ((snapshot: AttachmentActorSnapshot) => void) | AttachmentActorObserver): {
    readonly unsubscribe: () => void;
  };
  /** The same object as long as nothing changed. */
  readonly getSnapshot: () => AttachmentActorSnapshot;
  /** Lets it go from memory; the attachment itself, its upload too, goes on. The last snapshot stays readable. */
  stop(): void;
}

export interface AttachmentActorObserver {
  readonly next?: (snapshot: AttachmentActorSnapshot) => void;
  readonly error?: (error: unknown) => void;
  readonly complete?: () => void;
}

export interface ActorParts {
  readonly mirrors: Mirrors;
  readonly logger: Pick<Logger, 'error'>;
  /** Loads its machine and keeps it in memory. */
  pin(mediaId: MediaId): Cancel;
  tell(mediaId: MediaId, event: AttachmentActorEvent['type']): Promise<void>;
}

/** @param isHere whether this device has a record of it; of others there is only the ref, and nothing to load. */
export function openAttachmentActor(
  parts: ActorParts,
  target: AttachmentRef | MediaId,
  isHere: boolean,
): AttachmentActor {
  const id = typeof target === 'string' ? target : target.mediaId;
  const mirror: Mirror = parts.mirrors.open(target);
  const unpin = isHere ? parts.pin(id) : (): void => {};
  const observers = new Set<AttachmentActorObserver>();
  let snapshot = withShown(activeSnapshot(blank(id), 'gone'), mirror.shown);
  let stopped = false;

  function become(next: AttachmentActorSnapshot): void {
    if (next === snapshot) return;
    snapshot = next;
    for (const observer of observers) told(() => observer.next?.(next));
    if (next.status === 'active') return;
    for (const observer of observers) told(() => observer.complete?.());
    stop();
  }

  /** A screen that throws keeps nothing from the others. */
  function told(tell: () => unknown): void {
    safely(parts.logger, 'a subscriber threw', tell);
  }

  function stop(): void {
    if (stopped) return;
    stopped = true;
    observers.clear();
    mirror.release();
    unpin();
  }

  mirror.subscribe(() => become(withShown(snapshot, mirror.shown)));
  if (snapshot.status !== 'active') stop();

  return {
    id,
    send({ type }) {
      parts.tell(id, type).then(
        () => become(withProblem(snapshot, null)),
        (error: unknown) => {
          const { message } = error instanceof Error ? error : new Error(String(error));
          const code = error instanceof LadingError ? error.code : 'internal_error';
          become(withProblem(snapshot, { event: type, code, message }));
        },
      );
    },
    subscribe(listener) {
      const observer = typeof listener === 'function' ? { next: listener } : { ...listener };
      if (!stopped) observers.add(observer);
      return { unsubscribe: () => void observers.delete(observer) };
    },
    getSnapshot: () => snapshot,
    stop,
  };
}
