/**
 * `lading/inspect`: shows every hosted attachment in the Stately inspector, over a WebSocket to a listener on your own
 * machine. Needs `@statelyai/inspect`. Nothing is opened and nothing is asked of the internet.
 */
import { LadingError } from '../../ports/errors.ts';
import type { Inspect, InspectedState } from '../../ports/inspect.ts';
import { loadSdk } from '../../ports/load-sdk.ts';
import { defaultRedaction, type InspectRedaction, redactedEvent, redactedState } from './redact.ts';
import { type FrameSocket, frameSocket, type SocketLike } from './socket.ts';

export { defaultRedaction, type InspectRedaction, noRedaction } from './redact.ts';

type InspectModule = Pick<typeof import('@statelyai/inspect'), 'createInspector'>;

/** What is used of an inspector that `createInspector` and its kin of `@statelyai/inspect` make. */
export interface StatelyInspector {
  actor(actor: never, snapshot?: never): void;
  event(actor: string, event: never): void;
  snapshot(actor: string, snapshot: never, info?: never): void;
  stop(): void;
}

export interface StatelyInspectOptions {
  /** Where a listener is. Default `ws://localhost:8080`. It may come later, go, and come again. */
  readonly url?: string;
  /** One of your own, instead of `url`: `createBrowserInspector(…)`. Never one that sends to a server of others. */
  readonly inspector?: StatelyInspector;
  /** What is shown of contexts and payloads. Default {@link defaultRedaction}: ids, states, kinds, sizes, codes. */
  readonly redact?: InspectRedaction;
  /** Default the platform's own WebSocket. */
  readonly connect?: (url: string) => SocketLike;
}

/**
 * What `openLading({ inspect })` takes. An inspector that is not there, slow or broken disturbs nothing.
 * @throws {LadingError} `sdk_missing`, with the command that installs it; `invalid_option` for a url that is none.
 */
export async function statelyInspect(options: StatelyInspectOptions = {}): Promise<Inspect> {
  const redaction = options.redact ?? defaultRedaction;
  const inspector = (options.inspector ?? (await overSocket(options))) as LooseInspector;
  const shown = (state: InspectedState) => {
    const { status, value, context } = redactedState(redaction, state);
    return { status, value, context };
  };
  return {
    actor({ id, machine, definition }, state) {
      const config = { ...(definition as object), id: `${machine}-${id}` };
      inspector.actor({ sessionId: id, id, logic: { config } }, shown(state));
    },
    event(id, event) {
      const { type, version, at, payload } = redactedEvent(redaction, event);
      inspector.event(id, { ...payload, type, version, at });
    },
    snapshot(id, state, event) {
      const { type, version, at, payload } = redactedEvent(redaction, event);
      inspector.snapshot(id, shown(state), { event: { ...payload, type, version, at } });
    },
    close: () => inspector.stop(),
  };
}

/**
 * `createInspector` of @statelyai/inspect, when it is asked for.
 * @throws {LadingError} `sdk_missing`, with the command that installs it.
 */
export async function loadInspect(
  importer: () => Promise<InspectModule> = () => import('@statelyai/inspect'),
): Promise<InspectModule> {
  return loadSdk(
    importer,
    'The inspector needs @statelyai/inspect: npm install @statelyai/inspect@0.7.2',
  );
}

/** As it is called: its own types ask for whole actors, of which it reads these members. */
interface LooseInspector {
  actor(actor: object, snapshot: object): void;
  event(actor: string, event: object): void;
  snapshot(actor: string, snapshot: object, info: object): void;
  stop(): void;
}

/**
 * Its own WebSocket never ends to try, which keeps a process alive, and what a slow listener does not read grows: the
 * frames are its, the socket is ours.
 */
async function overSocket(options: StatelyInspectOptions): Promise<LooseInspector> {
  const url = requireSocketUrl(options.url ?? 'ws://localhost:8080');
  const connect = options.connect ?? ((to: string): SocketLike => new WebSocket(to));
  const { createInspector } = await loadInspect();
  const socket: FrameSocket = frameSocket(() => connect(url));
  const inspector = createInspector({ send: (frame) => socket.send(frame) });
  return {
    actor: (...args) => inspector.actor(...(args as unknown as Parameters<typeof inspector.actor>)),
    event: (...args) => inspector.event(...(args as unknown as Parameters<typeof inspector.event>)),
    snapshot: (...args) =>
      inspector.snapshot(...(args as unknown as Parameters<typeof inspector.snapshot>)),
    stop: () => socket.close(),
  };
}

function requireSocketUrl(url: string): string {
  if (URL.canParse(url) && /^wss?:$/.test(new URL(url).protocol)) return url;
  throw new LadingError(
    'invalid_option',
    'url is where an inspector listens: ws://localhost:8080.',
    {
      details: { name: 'url' },
    },
  );
}
