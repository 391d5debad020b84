import type { AttachmentRef, MediaId } from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';
import type { Logger } from '../../ports/logger.ts';
import type { CaptureSource } from '../../ports/source.ts';
import type { CaptureOptions } from '../lifecycle/capture.ts';
import {
  type Acting,
  asLadingError,
  type Given,
  isActive,
  type Scope,
  sendSelf,
  tellProblem,
} from './actor-scope.ts';
import type { Mirror, Mirrors } from './mirrors.ts';
import type { AttachmentActorEvent } from './snapshot.ts';

export interface ActingParts {
  readonly mirrors: Mirrors;
  readonly logger: Logger;
  isHere(mediaId: MediaId): boolean;
  capture(source: CaptureSource, options: CaptureOptions): Promise<unknown>;
  /** Carries out one event of an actor. */
  tell(mediaId: MediaId, event: AttachmentActorEvent['type']): Promise<void>;
}

/** One that is not durable yet. */
interface Capture {
  readonly done: Promise<unknown>;
  /** Aborted by `cancel`. */
  readonly controller: AbortController;
}

export function createActing(parts: ActingParts): Acting {
  const held = new WeakMap<object, Mirror>();
  /** Captures that are not durable yet, whoever asked: an actor that is restored meanwhile waits for them. */
  const underWay = new Map<MediaId, Capture>();

  function begin(mediaId: MediaId, source: CaptureSource, options: CaptureOptions): void {
    const controller = new AbortController();
    const signal =
      options.signal === undefined
        ? controller.signal
        : AbortSignal.any([options.signal, controller.signal]);
    const done = parts.capture(source, { ...options, id: mediaId, signal });
    const forget = (): void => void underWay.delete(mediaId);
    done.then(forget, forget);
    underWay.set(mediaId, { done, controller });
  }

  function mirror(scope: Scope, target: AttachmentRef | MediaId): void {
    if (!isActive(scope)) return;
    const found = parts.mirrors.open(target);
    held.set(scope.self, found);
    const show = (): void => sendSelf(scope, { type: 'lading.shown', shown: found.shown });
    found.subscribe(show);
    show();
  }

  async function tell(scope: Scope, id: MediaId, event: AttachmentActorEvent): Promise<void> {
    const capture = underWay.get(id);
    if (event.type === 'cancel' && capture !== undefined) {
      capture.controller.abort();
      const captured = await capture.done.then(
        () => true,
        () => false,
      );
      if (!captured) return;
    }
    try {
      await capture?.done;
      await parts.tell(id, event.type);
      sendSelf(scope, { type: 'lading.told', problem: null });
    } catch (error) {
      tellProblem(scope, event, error);
    }
  }

  /** Takes it up where it stands: captured, being captured, or to be captured. */
  async function takeUp(scope: Scope, mediaId: MediaId, given: Given | undefined): Promise<void> {
    let capture: Capture | undefined;
    try {
      if (!parts.isHere(mediaId)) {
        if (!underWay.has(mediaId)) {
          if (given === undefined) throw neverCaptured(mediaId);
          begin(mediaId, given.source, given.options);
        }
        capture = underWay.get(mediaId);
        await capture?.done;
      }
      mirror(scope, mediaId);
    } catch (error) {
      if (capture?.controller.signal.aborted === true)
        sendSelf(scope, { type: 'lading.cancelled' });
      else if (isActive(scope)) sendSelf(scope, { type: 'lading.refused', error });
      else {
        // Not the error itself: it says the file's name.
        const { code } = asLadingError(error);
        parts.logger.warn('a capture was refused, and its actor was stopped', { mediaId, code });
      }
    }
  }

  return {
    start(snapshot, scope, given) {
      const { id, ref, view } = snapshot.context;
      if (view === null) void takeUp(scope, id, given);
      else mirror(scope, ref ?? id);
    },
    tell: (scope, id, event) => void tell(scope, id, event),
    release(scope) {
      held.get(scope.self)?.release();
      held.delete(scope.self);
    },
  };
}

function neverCaptured(mediaId: MediaId): LadingError {
  return new LadingError(
    'capture_aborted',
    `The app ended before the capture of ${mediaId} was durable: nothing of it is here; capture the file again.`,
    { details: { mediaId } },
  );
}
