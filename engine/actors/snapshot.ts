import type { Snapshot } from 'xstate';
import type { AttachmentRef, MediaId } from '../../machines/attachment/types.ts';
import type { LiveView } from '../lifecycle/views.ts';

/**
 * What an app's machine may ask of an attachment. Verbs about one owner's ref (remove, move …) return something and
 * take `inTransaction`: they stay verbs of `lading`.
 */
export interface AttachmentActorEvent {
  readonly type: 'retry' | 'pause' | 'resume' | 'cancel' | 'pin' | 'unpin';
}

/** What an actor shows. Plain JSON; a part that did not change keeps its identity. */
export interface AttachmentActorContext {
  readonly id: MediaId;
  /** As entities store it, without `isPrimary`, which is each owner's. Null while its capture is not durable. */
  readonly ref: AttachmentRef | null;
  /** What a screen shows now. Null while its capture is not durable. */
  readonly view: LiveView | null;
  /** The last event that could not be carried out; null again after the next one that was. */
  readonly problem: {
    readonly event: string;
    readonly code: string;
    readonly message: string;
  } | null;
}

/** What the attachment had come to when the actor was done. */
export interface AttachmentActorOutput {
  readonly id: MediaId;
  readonly ref: AttachmentRef | null;
  /** `gone` also ends an actor that waited for something else. */
  readonly view: LiveView;
}

/**
 * When the actor is done: `captured`: the capture is durable; `uploaded`; `gone`: it can never come back. Each also
 * when it is gone.
 */
export type AttachmentGoal = 'captured' | 'uploaded' | 'gone';

export type AttachmentActorSnapshot = Snapshot<AttachmentActorOutput> & {
  readonly context: AttachmentActorContext;
  readonly until: AttachmentGoal;
};

/** What a mirror of an attachment shows at one moment. */
export interface Shown {
  readonly ref: AttachmentRef | null;
  readonly view: LiveView;
}

export function activeSnapshot(
  context: AttachmentActorContext,
  until: AttachmentGoal,
): AttachmentActorSnapshot {
  return { status: 'active', output: undefined, error: undefined, context, until };
}

/** Before anything is known. */
export function blank(id: MediaId): AttachmentActorContext {
  return { id, ref: null, view: null, problem: null };
}

/** The next snapshot; the same one where nothing changed. */
export function withShown(
  before: AttachmentActorSnapshot,
  { ref, view }: Shown,
): AttachmentActorSnapshot {
  if (before.status !== 'active') return before;
  const old = before.context;
  const [nextRef, nextView] = [kept(old.ref, ref), kept(old.view, view)];
  const same = old.ref === nextRef && old.view === nextView;
  const context = same ? old : { ...old, ref: nextRef, view: nextView };
  if (isReached(view, before.until)) {
    return {
      ...before,
      context,
      status: 'done',
      output: { id: context.id, ref, view },
      error: undefined,
    };
  }
  return same ? before : { ...before, context };
}

export function withProblem(
  before: AttachmentActorSnapshot,
  problem: AttachmentActorContext['problem'],
): AttachmentActorSnapshot {
  if (before.status !== 'active' || before.context.problem === problem) return before;
  return { ...before, context: { ...before.context, problem } };
}

/** The old value where the new one says the same, so that selectors see no change. */
export function kept<T>(old: T, next: T): T {
  return JSON.stringify(old) === JSON.stringify(next) ? old : next;
}

function isReached(view: LiveView, until: AttachmentGoal): boolean {
  // A removal that can be undone is not the end.
  if (view.state === 'gone') return view.waitingFor !== 'undo';
  return until === 'captured' || (until === 'uploaded' && view.state === 'uploaded');
}
