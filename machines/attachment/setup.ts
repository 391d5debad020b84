import { assign, fromPromise, setup } from 'xstate';
import { type Assign, assigns } from './assigns.ts';
import type { AttachmentContext } from './context.ts';
import { type Delay, delays } from './delays.ts';
import type { AttachmentEvent } from './events.ts';
import { type Guard, guards } from './guards.ts';
import type {
  AttachInput,
  AttachmentInput,
  AttachOutput,
  DownloadInput,
  DownloadOutput,
  LocalInput,
  LocalOutput,
  RemoveRemoteInput,
  RemoveRemoteOutput,
  UploadInput,
  UploadOutput,
} from './types.ts';

/**
 * The names that the machine's regions may use, and what they mean: the only file of the attachment that knows
 * XState's way of saying it. Guards, assigns and delays are the named pure functions of their own files.
 */
export const lading = setup({
  types: {
    context: {} as AttachmentContext,
    events: {} as AttachmentEvent,
    input: {} as AttachmentInput,
  },
  actors: {
    upload: runByHost<UploadOutput, UploadInput>(),
    attach: runByHost<AttachOutput, AttachInput>(),
    removeRemote: runByHost<RemoveRemoteOutput, RemoveRemoteInput>(),
    evict: runByHost<LocalOutput, LocalInput>(),
    download: runByHost<DownloadOutput, DownloadInput>(),
    purge: runByHost<LocalOutput, LocalInput>(),
  },
  guards: namedGuards(guards),
  actions: namedAssigns(assigns),
  delays: namedDelays(delays),
});

/** A service as XState must see it: typed, and never run in process. */
function runByHost<Output, Input extends object>() {
  return fromPromise<Output, Input>(async () => {
    throw new Error('services of the attachment machine are run by its host');
  });
}

interface Turn {
  readonly context: AttachmentContext;
  readonly event: AttachmentEvent;
}

function namedGuards<Name extends string>(functions: Readonly<Record<Name, Guard>>) {
  return mapValues(
    functions,
    (guard) =>
      ({ context, event }: Turn): boolean =>
        guard(context, event),
  );
}

function namedAssigns<Name extends string>(functions: Readonly<Record<Name, Assign>>) {
  return mapValues(functions, (change) =>
    assign<AttachmentContext, AttachmentEvent, undefined, AttachmentEvent, never>(
      ({ context, event }) => change(context, event),
    ),
  );
}

function namedDelays<Name extends string>(functions: Readonly<Record<Name, Delay>>) {
  return mapValues(
    functions,
    (delay) =>
      ({ context }: { readonly context: AttachmentContext }): number =>
        delay(context),
  );
}

function mapValues<Name extends string, From, To>(
  from: Readonly<Record<Name, From>>,
  map: (value: From) => To,
): Record<Name, To> {
  const entries = Object.entries<From>(from).map(([name, value]) => [name, map(value)]);
  return Object.fromEntries(entries) as Record<Name, To>;
}
