import type { Lading } from 'lading';
import { expect } from 'vitest';
import type { UndoToken } from '../../engine/lifecycle/undo-token.ts';
import type { AttachmentInput, MediaId } from '../../machines/attachment/types.ts';
import { toMachineEvent } from '../../machines/durable/event-names.ts';
import type { EventStore, StreamId } from '../../ports/event-store.ts';
import { objectKey } from '../../ports/remote.ts';
import type { ScheduledRemote } from './scheduled-remote.ts';
import { type StreamModel, streamModel } from './stream-model.ts';

/** The object of an attachment. */
export function keyOf({ accountId, mediaId }: StreamModel['context']) {
  return objectKey(accountId, mediaId);
}

/** The log alone, stepped by the pure machine. */
export function modelsOf(events: EventStore): readonly StreamModel[] {
  return events.read((tx) =>
    tx.log.streams('', 100).map((stream: StreamId) => {
      const [first, ...rest] = tx.log.read(stream);
      if (first === undefined) throw new Error(`stream ${stream} is empty`);
      const input = first.payload['input'] as unknown as AttachmentInput;
      const { at, jitter } = first;
      const model = streamModel({ ...input, at, jitter } as AttachmentInput, at);
      let wasGone = false;
      for (const event of rest) {
        const stamp = { at: event.at, jitter: event.jitter };
        model.step(toMachineEvent(event.type, event.payload, stamp), stamp);
        expect(event.state, `the state after ${event.type}`).toEqual(model.value);
        expect(wasGone && !model.context.gone, 'what is gone comes back').toBe(false);
        wasGone = model.context.gone;
      }
      expect(tx.tasks.of(stream), 'tasks that nobody waits for').toEqual([]);
      expect(model.tasks, 'tasks that the log asks for').toEqual([]);
      return model;
    }),
  );
}

/** What the contract promises of one attachment once all is done. */
export function expectEnd(
  { context, value }: StreamModel,
  lading: Lading,
  remote: ScheduledRemote,
  isWanted: boolean,
): void {
  const key = keyOf(context);
  const view = lading.view(context.mediaId);
  if (!isWanted) {
    expect(context.refs, 'a late success resurrected it').toEqual([]);
    expect(value, 'the end of what nobody wants').toMatchObject({
      localCopy: 'purged',
      transfer: 'none',
    });
    // What was attached is the backend's to delete, by an outbox op (contract 5.2).
    if (!context.attached) expect(remote.objects.has(key), 'an orphan at the remote').toBe(false);
    return;
  }
  expect(['uploaded', 'failed', 'local_only'], 'nothing is under way').toContain(view.state);
  if (view.state === 'uploaded') {
    expect(remote.objects.has(key), 'an uploaded object').toBe(true);
    expect(remote.completions.get(key), 'completed objects').toBe(1);
  }
  if (view.state === 'failed') expect(view.error?.code, 'why it failed').toBeTruthy();
  if (view.state === 'local_only') expect(view.waitingFor, 'what it waits for').toBeTruthy();
}

/** Whatever waits says for what (contract 2). */
export function expectReport(report: Awaited<ReturnType<Lading['settled']>>): void {
  for (const one of report.waiting) {
    expect(one.state === 'failed' || one.waitingFor !== null, 'all that waits says for what').toBe(
      true,
    );
  }
}

/** What the user wanted, as the answers to the verbs say. */
export function createIntents() {
  const wanted = new Map<MediaId, boolean>();
  const tokens: { readonly token: UndoToken; readonly id: MediaId; readonly by: MediaId | null }[] =
    [];
  const ids = {
    get ids(): readonly MediaId[] {
      return [...wanted.keys()];
    },
    alive: (id: MediaId): boolean => wanted.get(id) === true,
    captured(made: { readonly id: MediaId } | null): void {
      if (made !== null) wanted.set(made.id, true);
    },
    removed(id: MediaId, token: UndoToken | null): void {
      if (token === null) return;
      wanted.set(id, false);
      tokens.push({ token, id, by: null });
    },
    replaced(
      id: MediaId,
      done: { readonly attachment: { readonly id: MediaId }; readonly undo: UndoToken } | null,
    ): void {
      if (done === null) return;
      wanted.set(id, false);
      wanted.set(done.attachment.id, true);
      tokens.push({ token: done.undo, id, by: done.attachment.id });
    },
    cancelled(id: MediaId | null): void {
      if (id !== null && wanted.has(id)) wanted.set(id, false);
    },
    lastToken: () => tokens.pop(),
    undone(token: (typeof tokens)[number] | null): void {
      if (token === null) return;
      wanted.set(token.id, true);
      if (token.by !== null) wanted.set(token.by, false);
    },
  };
  return ids;
}
