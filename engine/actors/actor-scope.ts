import type { ActorScope } from 'xstate';
import type { MediaId } from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';
import type { CaptureSource } from '../../ports/source.ts';
import type { CaptureOptions } from '../lifecycle/capture.ts';
import type { AttachmentActorEvent, AttachmentActorSnapshot, Shown } from './snapshot.ts';

/** What actors do: each has one mirror while it runs, and may have one capture. */
export interface Acting {
  start(snapshot: AttachmentActorSnapshot, scope: Scope, given: Given | undefined): void;
  tell(scope: Scope, id: MediaId, event: AttachmentActorEvent): void;
  release(scope: Scope): void;
}

/** What an actor was given to capture. */
export interface Given {
  readonly source: CaptureSource;
  readonly options: CaptureOptions;
}

/** What an actor tells itself; no event of an app's. */
export type Own =
  | { readonly type: 'lading.shown'; readonly shown: Shown }
  | {
      readonly type: 'lading.told';
      readonly problem: AttachmentActorSnapshot['context']['problem'];
    }
  | { readonly type: 'lading.refused'; readonly error: unknown }
  | { readonly type: 'lading.cancelled' };
export type Scope = ActorScope<AttachmentActorSnapshot, AttachmentActorEvent>;

/** The actor may be gone meanwhile: XState drops what is sent to a stopped one. */
export function sendSelf(scope: Scope, event: Own): void {
  if (isActive(scope)) scope.self.send(event as unknown as AttachmentActorEvent);
}

export function isActive({ self }: Scope): boolean {
  return self.getSnapshot().status === 'active';
}

/** What an actor asked for could not be done: it stands in its context. */
export function tellProblem(scope: Scope, { type }: AttachmentActorEvent, error: unknown): void {
  const { code, message } = asLadingError(error);
  sendSelf(scope, { type: 'lading.told', problem: { event: type, code, message } });
}

export function asLadingError(error: unknown): { name: string; code: string; message: string } {
  if (error instanceof LadingError) return error;
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return { name, code: 'internal_error', message };
}
