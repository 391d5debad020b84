import { serviceCrash, serviceResult, timerElapsed } from '../../machines/durable/event-names.ts';
import type { Json, JsonObject } from '../../machines/json.ts';
import { type EventCase, inputs } from '../../model-based-tests/support/cases.ts';
import type { MachinePath } from '../../model-based-tests/support/paths.ts';
import type { NewEvent, StoredEvent, StreamId } from '../../ports/event-store.ts';

/** A path through the machine as a log would hold it, without the states that resulted. */
export function eventsOf({ input, steps }: MachinePath): readonly StoredEvent[] {
  const { capturedAt } = inputs[input];
  return [
    stored('attachment.created', { input: inputs[input] as unknown as Json }, capturedAt, 1),
    ...steps.map(({ event, at }, index) => {
      const { type, payload } = logged(event);
      return stored(type, payload, at, index + 2);
    }),
  ];
}

function logged(event: EventCase): Pick<NewEvent, 'type' | 'payload'> {
  const [, kind, name = ''] = /^xstate\.(done|error)\.actor\.(\w+)$/.exec(event.type) ?? [];
  if (kind === 'done') return serviceResult(name, (event as { readonly output: Json }).output);
  if (kind === 'error') return serviceCrash(name, { name: 'TypeError', message: 'x', code: null });
  if (event.type.startsWith('xstate.after.')) return timerElapsed(event.type);
  const { type, ...payload } = event;
  return { type, payload: payload as unknown as JsonObject };
}

export function stored(
  type: string,
  payload: JsonObject,
  at: number,
  version: number,
): StoredEvent {
  const stream = inputs.captured.mediaId as string as StreamId;
  const jitter = 0.5;
  return {
    stream,
    version,
    position: version,
    type,
    schemaVersion: 1,
    at,
    jitter,
    payload,
    state: null,
    key: null,
  };
}
