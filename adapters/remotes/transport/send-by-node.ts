import { type ClientRequest, type IncomingMessage, Agent as PlainAgent, request } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import {
  beginningOf,
  type Incoming,
  OldConnectionError,
  type Outgoing,
  type Send,
} from './send.ts';

/**
 * So long a connection is kept that nobody uses: less where the server says so (`Keep-Alive: timeout`). What keeps state
 * of it in between, a NAT or a balancer, forgets it after half a minute to a few, and does not always say so.
 */
const IDLE_MS = 15_000;

/** Connections of Lading alone, whatever the app does with the global ones. Idle ones keep no process alive. */
interface Agents {
  readonly plain: PlainAgent;
  readonly secure: SecureAgent;
}

/**
 * Sends by `node:http`: a body goes out as fast as the socket takes it, and no faster. The sender throws what the
 * connection, the signal or the body throws.
 */
export function nodeSender({ idleMs = IDLE_MS } = {}): Send {
  const kept = { keepAlive: true, timeout: idleMs };
  const agents = { plain: new PlainAgent(kept), secure: new SecureAgent(kept) };
  return (outgoing) => send(agents, outgoing);
}

export const sendByNode: Send = nodeSender();

async function send(
  { plain, secure }: Agents,
  {
    method,
    url,
    headers,
    signal,
    body,
    longestBody,
    expectContinue = false,
    isAlone = false,
    onAnswering,
  }: Outgoing,
): Promise<Incoming> {
  signal.throwIfAborted();
  const expect = expectContinue ? { expect: '100-continue' } : {};
  const options = { method, headers: { ...Object.fromEntries(headers), ...expect } };
  const sent = url.startsWith('https:')
    ? secureRequest(url, { ...options, agent: isAlone ? false : secure })
    : request(url, { ...options, agent: isAlone ? false : plain });
  const stop = (): void => void sent.destroy(signal.reason as Error);
  signal.addEventListener('abort', stop, { once: true });
  const closed = new Promise((resolve) => sent.once('close', resolve));
  try {
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      sent.once('response', resolve).on('error', (error: NodeJS.ErrnoException) => {
        const isOld = sent.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        reject(isOld ? new OldConnectionError(error.message, { cause: error }) : error);
      });
      // A 101 that nobody asked for ends so: Node tells neither an answer nor an error.
      sent.once('close', () => reject(new Error('The connection ended without an answer.')));
    });
    // What the body throws is the answer; what the connection throws is told by `answered`.
    const [answer] = await Promise.all([
      answered,
      expectContinue
        ? wanted(sent, answered).then(() => pump(sent, body, answered))
        : pump(sent, body, answered),
    ]);
    const { statusCode: status = 0 } = answer;
    const text = await beginningOf(answer, longestBody, onAnswering);
    // Its connection is free a moment later: who asks at once would open another one.
    if (sent.writableFinished) await closed;
    return { status, headers: headersOf(answer), body: text };
  } finally {
    signal.removeEventListener('abort', stop);
    // Answered before all was sent: the rest of it must not be taken for the next request.
    if (!sent.writableFinished) sent.destroy();
  }
}

/** How long a server may take to say that it wants the body; one that says nothing gets it. */
const LONGEST_EXPECTATION_MS = 1_000;

/**
 * A refusal comes before the body is sent. Afterwards the server might close the connection on what is still on its way,
 * and the refusal would be lost.
 */
async function wanted(sent: ClientRequest, answered: Promise<unknown>): Promise<void> {
  sent.flushHeaders();
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve) => {
      sent.once('continue', resolve);
      answered.then(
        () => resolve(),
        () => resolve(),
      );
      timer = setTimeout(resolve, LONGEST_EXPECTATION_MS);
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Writes the body until it ends, or until nobody wants more of it. */
async function pump(
  sent: ClientRequest,
  body: AsyncIterable<Uint8Array> | undefined,
  answered: Promise<unknown>,
): Promise<void> {
  if (body === undefined) return void sent.end();
  let isOver = false;
  const over = (): void => {
    isOver = true;
    sent.emit('drain'); // whoever waits for the socket waits no longer
  };
  answered.then(over, over);
  for await (const bytes of body) {
    if (isOver) return;
    if (!sent.write(bytes)) await new Promise<void>((resolve) => sent.once('drain', resolve));
    if (isOver) return;
  }
  sent.end();
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    try {
      headers.append(rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '');
    } catch {
      // Not a header by the rules of the web: as if it were not there.
    }
  }
  return headers;
}
