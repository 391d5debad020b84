/** The part of a WebSocket that is used; browsers and Node 22 have one. */
export interface SocketLike {
  readonly readyState: number;
  readonly bufferedAmount: number;
  send(text: string): void;
  close(): void;
  addEventListener(type: 'open' | 'close' | 'error', listener: () => void): void;
}

/** Sends frames to a listener that may come late, go, or be slow. Never throws, never waits, never grows. */
export interface FrameSocket {
  /** @param session frames of one are sent again, the newest of each kind, to a listener that comes anew. */
  send(frame: { readonly type: string; readonly sessionId: string }): void;
  close(): void;
}

const OPEN = 1;
const RETRY_MS = 5_000;
/** Frames that wait for a listener; the oldest go first. */
const MOST_WAITING = 500;
const MOST_SESSIONS = 200;
/** What a slow listener may leave unread before frames are dropped. */
const MOST_BUFFERED_BYTES = 4 * 1024 * 1024;

/** @param connect makes a socket; may throw. */
export function frameSocket(
  connect: () => SocketLike,
  schedule: (delayMs: number, run: () => void) => () => void = afterwards,
): FrameSocket {
  let socket: SocketLike | undefined;
  let cancelRetry: (() => void) | undefined;
  let closed = false;
  let complete = true;
  let waiting: string[] = [];
  /** What a listener that comes anew has to know: who there is, and its newest state. */
  const sessions = new Map<string, Map<string, string>>();

  function open(): void {
    if (closed) return;
    const retry = (): void => {
      if (socket !== mine || closed) return;
      socket = undefined;
      cancelRetry = schedule(RETRY_MS, open);
    };
    let mine: SocketLike | undefined;
    try {
      mine = connect();
      socket = mine;
      mine.addEventListener('open', flush);
      // After an error comes a close; some tell only one of the two.
      mine.addEventListener('close', retry);
      mine.addEventListener('error', retry);
    } catch {
      retry();
    }
  }

  function flush(): void {
    const missed = complete ? waiting : [...sessions.values()].flatMap((one) => [...one.values()]);
    waiting = [];
    complete = false; // the next one that comes knows nothing
    for (const text of missed) write(text);
  }

  function write(text: string): void {
    if (socket === undefined || socket.bufferedAmount > MOST_BUFFERED_BYTES) return;
    try {
      socket.send(text);
    } catch {
      // It closed this moment: its `close` tells, and the next one is told all that counts.
    }
  }

  function remember(session: string, type: string, text: string): void {
    if (type === '@xstate.event') return;
    const known = sessions.get(session) ?? new Map<string, string>();
    known.set(type, text);
    sessions.delete(session);
    sessions.set(session, known);
    const oldest = sessions.keys().next().value;
    if (sessions.size > MOST_SESSIONS && oldest !== undefined) sessions.delete(oldest);
  }

  open();
  return {
    send(frame) {
      if (closed) return;
      const text = JSON.stringify(frame);
      remember(frame.sessionId, frame.type, text);
      if (socket?.readyState === OPEN) {
        write(text);
        return;
      }
      waiting.push(text);
      if (waiting.length <= MOST_WAITING) return;
      waiting.shift();
      complete = false;
    },
    close() {
      closed = true;
      cancelRetry?.();
      try {
        socket?.close();
      } catch {
        // One that never opened has nothing to close.
      }
    },
  };
}

/** A developer's tool keeps no process alive. */
function afterwards(delayMs: number, run: () => void): () => void {
  const timer = setTimeout(run, delayMs);
  if (typeof timer === 'object') timer.unref();
  return () => clearTimeout(timer);
}
