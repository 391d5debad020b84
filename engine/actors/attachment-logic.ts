import type { ActorLogic, Snapshot } from 'xstate';
import type { AttachmentRef, MediaId } from '../../machines/attachment/types.ts';
import { type ErrorCode, LadingError } from '../../ports/errors.ts';
import type { Part } from '../../ports/part.ts';
import type { CaptureSource } from '../../ports/source.ts';
import type { CaptureOptions } from '../lifecycle/capture.ts';
import {
  type Acting,
  asLadingError,
  type Given,
  type Own,
  type Scope,
  sendSelf,
  tellProblem,
} from './actor-scope.ts';
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
  /** What acts for actors. */
  readonly acting: Part<Acting>;
  readonly newMediaId: () => MediaId;
  /** @throws {LadingError} `invalid_id`. */
  readonly parse: (ref: AttachmentRef | string) => AttachmentRef | MediaId;
  readonly look: (target: AttachmentRef | MediaId) => Shown;
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
 * Only what an actor shows is here; what it does is loaded with the first one that starts.
 */
export function createAttachmentLogic({
  acting,
  newMediaId,
  parse,
  look,
}: LogicParts): AttachmentLogic {
  /** What was given to be captured, until the actor starts. */
  const wanted = new WeakMap<object, Given>();

  function act(run: (loaded: Acting) => void, refused: (error: unknown) => void): void {
    if (acting.here === undefined) acting().then(run).catch(refused);
    else run(acting.here);
  }

  function release(scope: Scope): void {
    wanted.delete(scope.self);
    acting.here?.release(scope);
  }

  return {
    getInitialSnapshot(scope, input) {
      const { until = 'gone' } = requireInput(input);
      if ('ref' in input) {
        const target = parse(input.ref);
        return withShown(activeSnapshot(blank(idOf(target)), until), look(target));
      }
      const { source, options } = input.capture;
      const id = options.id === undefined ? newMediaId() : idOf(parse(options.id));
      wanted.set(scope.self, { source, options });
      return activeSnapshot(blank(id), until);
    },

    start(snapshot, scope) {
      // Taken now: a capture that was begun goes on, also when its actor stops while the part is loaded.
      const given = wanted.get(scope.self);
      wanted.delete(scope.self);
      act(
        (loaded) => loaded.start(snapshot, scope, given),
        (error) => sendSelf(scope, { type: 'lading.refused', error }),
      );
    },

    transition(before, event, scope) {
      if ((event.type as string) === 'xstate.stop') {
        release(scope);
        return { ...before, status: 'stopped', output: undefined, error: undefined };
      }
      if (EVENTS.has(event.type)) {
        act(
          (loaded) => loaded.tell(scope, before.context.id, event),
          (error) => tellProblem(scope, event, error),
        );
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

function plainError({ status, error }: Snapshot<AttachmentActorOutput>): unknown {
  if (status !== 'error') return undefined;
  const { name, code, message } = asLadingError(error);
  return { name, code, message };
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
