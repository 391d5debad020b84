import type { ActorLogic, ActorScope, Snapshot } from 'xstate';
import type { AttachmentRef, MediaId } from '../../machines/attachment/types.ts';
import { type ErrorCode, LadingError } from '../../ports/errors.ts';
import type { Logger } from '../../ports/logger.ts';
import type { CaptureSource } from '../../ports/source.ts';
import type { CaptureOptions } from '../lifecycle/capture.ts';
import type { Mirror, Mirrors } from './mirrors.ts';
import {
  type AttachmentActorEvent,
  type AttachmentActorOutput,
  type AttachmentActorSnapshot,
  type AttachmentGoal,
  activeSnapshot,
  blank,
  type Shown,
  withProblem,
  withShown,
} from './snapshot.ts';

/** Whom the actor stands for: an attachment that there is, or one that it captures first. */
export type AttachmentActorInput = {
  /** When the actor is done. Default `gone`. */
  readonly until?: AttachmentGoal;
} & (
  | { readonly ref: AttachmentRef | MediaId | string }
  | {
      /** With an `id` made beforehand, one that was captured already is mirrored and not captured again. */
      readonly capture: { readonly source: CaptureSource; readonly options: CaptureOptions };
    }
);

/** For an app's machine: `setup({ actors: { attachment: lading.attachmentLogic } })`. */
export type AttachmentLogic = ActorLogic<
  AttachmentActorSnapshot,
  AttachmentActorEvent,
  AttachmentActorInput
>;

export interface LogicParts {
  readonly mirrors: Mirrors;
  readonly logger: Logger;
  newMediaId(): MediaId;
  /** @throws {LadingError} `invalid_id`. */
  parse(ref: AttachmentRef | string): AttachmentRef | MediaId;
  isHere(mediaId: MediaId): boolean;
  capture(source: CaptureSource, options: CaptureOptions): Promise<unknown>;
  /** Carries out one event of an actor. */
  tell(mediaId: MediaId, event: AttachmentActorEvent['type']): Promise<void>;
}

/** What an actor tells itself; no event of an app's. */
type Own =
  | { readonly type: 'lading.shown'; readonly shown: Shown }
  | {
      readonly type: 'lading.told';
      readonly problem: AttachmentActorSnapshot['context']['problem'];
    }
  | { readonly type: 'lading.refused'; readonly error: unknown }
  | { readonly type: 'lading.cancelled' };
type Scope = ActorScope<AttachmentActorSnapshot, AttachmentActorEvent>;

/** One that is not durable yet. */
interface Capture {
  readonly done: Promise<unknown>;
  /** Aborted by `cancel`. */
  readonly controller: AbortController;
}

const EVENTS: ReadonlySet<string> = new Set<AttachmentActorEvent['type']>([
  'retry',
  'pause',
  'resume',
  'cancel',
  'pin',
  'unpin',
]);

/**
 * XState actor logic that mirrors one durable attachment. Plain functions, without XState at run time. Stopping the
 * actor stops the mirror and nothing else: what was begun goes on, an upload and also a capture (contract 3.2).
 */
export function createAttachmentLogic(parts: LogicParts): AttachmentLogic {
  /** What was given to be captured, until the actor starts. */
  const wanted = new WeakMap<object, { source: CaptureSource; options: CaptureOptions }>();
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

  function release(scope: Scope): void {
    held.get(scope.self)?.release();
    held.delete(scope.self);
    wanted.delete(scope.self);
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
      const { code, message } = asLadingError(error);
      sendSelf(scope, { type: 'lading.told', problem: { event: event.type, code, message } });
    }
  }

  /** Takes it up where it stands: captured, being captured, or to be captured. */
  async function takeUp(scope: Scope, mediaId: MediaId): Promise<void> {
    const given = wanted.get(scope.self);
    wanted.delete(scope.self);
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
    getInitialSnapshot(scope, input) {
      const { until = 'gone' } = requireInput(input);
      if ('ref' in input) {
        const target = parts.parse(input.ref);
        const before = activeSnapshot(blank(idOf(target)), until);
        return withShown(before, parts.mirrors.look(target));
      }
      const { source, options } = input.capture;
      const id = options.id === undefined ? parts.newMediaId() : idOf(parts.parse(options.id));
      wanted.set(scope.self, { source, options });
      return activeSnapshot(blank(id), until);
    },

    start(snapshot, scope) {
      const { id, ref, view } = snapshot.context;
      if (view === null) void takeUp(scope, id);
      else mirror(scope, ref ?? id);
    },

    transition(before, event, scope) {
      if ((event.type as string) === 'xstate.stop') {
        release(scope);
        return { ...before, status: 'stopped', output: undefined, error: undefined };
      }
      if (EVENTS.has(event.type)) {
        void tell(scope, before.context.id, event);
        return before;
      }
      const after = withOwn(before, event as unknown as Own);
      if (after.status !== 'active') release(scope);
      return after;
    },

    getPersistedSnapshot: (snapshot) => ({ ...snapshot, error: plainError(snapshot) }) as never,

    /** By its id: what is shown comes from the rows, as they are now. */
    restoreSnapshot(persisted) {
      const snapshot = persisted as AttachmentActorSnapshot;
      if (snapshot.status === 'error') {
        const { code, message } = snapshot.error as { code: ErrorCode; message: string };
        return { ...snapshot, error: new LadingError(code, message) };
      }
      return snapshot;
    },
  };
}

function withOwn(before: AttachmentActorSnapshot, event: Own): AttachmentActorSnapshot {
  switch (event.type) {
    case 'lading.shown':
      return withShown(before, event.shown);
    case 'lading.told':
      return withProblem(before, event.problem);
    case 'lading.cancelled':
      return withShown(before, { ref: null, view: { state: 'gone' } });
    case 'lading.refused':
      return { ...before, status: 'error', output: undefined, error: event.error };
    default:
      return before;
  }
}

function idOf(target: AttachmentRef | MediaId): MediaId {
  return typeof target === 'string' ? target : target.mediaId;
}

/** The actor may be gone meanwhile: XState drops what is sent to a stopped one. */
function sendSelf(scope: Scope, event: Own): void {
  if (isActive(scope)) scope.self.send(event as unknown as AttachmentActorEvent);
}

function isActive({ self }: Scope): boolean {
  return self.getSnapshot().status === 'active';
}

function plainError({ status, error }: Snapshot<AttachmentActorOutput>): unknown {
  if (status !== 'error') return undefined;
  const { name, code, message } = asLadingError(error);
  return { name, code, message };
}

function asLadingError(error: unknown): { name: string; code: string; message: string } {
  if (error instanceof LadingError) return error;
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return { name, code: 'internal_error', message };
}

function requireInput(input: AttachmentActorInput | undefined): AttachmentActorInput {
  if (typeof input === 'object' && input !== null && ('ref' in input || 'capture' in input)) {
    return input;
  }
  throw new LadingError(
    'invalid_option',
    'attachmentLogic takes { ref } or { capture: { source, options } } as its input.',
    { details: { name: 'input' } },
  );
}

function neverCaptured(mediaId: MediaId): LadingError {
  return new LadingError(
    'capture_aborted',
    `The app ended before the capture of ${mediaId} was durable: nothing of it is here; capture the file again.`,
    { details: { mediaId } },
  );
}
