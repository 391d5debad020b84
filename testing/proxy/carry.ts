import { once } from 'node:events';
import { type Agent, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { type Clock, sleep } from '../../ports/clock.ts';
import type { HeldExchange, OpenExchange, ProxyExchange } from './exchanges.ts';
import { endsAt, type ProxyFault } from './faults.ts';
import { answerHeaders, lengthUnder, passedOn, withLength } from './heads.ts';
import { type Line, type Passed, pump } from './pump.ts';

/** What all exchanges of a proxy share. */
export interface CarryParts {
  readonly upstream: URL;
  readonly agent: Agent;
  readonly clock: Clock;
  readonly line: Line;
  readonly storeAndForward: boolean;
  before?(exchange: ProxyExchange): void | Promise<void>;
  onAnswer?(exchange: ProxyExchange): void | Promise<void>;
}

/** Carries one exchange between its two connections, with its fault. Never rejects: what breaks closes the connection. */
export async function carry(
  exchange: OpenExchange,
  incoming: IncomingMessage,
  response: ServerResponse,
  held: HeldExchange | undefined,
  parts: CarryParts,
): Promise<void> {
  const left = new AbortController();
  response.once('close', () => left.abort());
  try {
    await attempt({ ...parts, exchange, incoming, response, held, left: left.signal });
  } catch {
    // An end that went away, in whatever way: the other one sees its connection close.
    incoming.socket.destroy();
  } finally {
    exchange.end();
  }
}

interface Carrying extends CarryParts {
  readonly exchange: OpenExchange;
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  readonly held: HeldExchange | undefined;
  /** Aborted when the client's side of this exchange is closed. */
  readonly left: AbortSignal;
}

/** By its fault, or by the answer of the server. */
type Ended = Exclude<Passed, 'whole'> | IncomingMessage;

async function attempt(carrying: Carrying): Promise<void> {
  const { exchange, incoming, held, left, clock, storeAndForward } = carrying;
  const { fault } = exchange;
  if (fault?.act === 'answer' || fault?.act === 'login') return answerItself(carrying, fault);
  if (endsAt(fault ?? undefined, 'request') === null) return end(carrying);
  if (fault?.act === 'delay' && fault.side === 'request') {
    exchange.isHit = true;
    await sleep(clock, fault.delayMs, left);
  }
  const whole = storeAndForward ? await read(carrying) : undefined;
  if (held?.side === 'request') await held.hold();
  await carrying.before?.(exchange);
  // What a client has sent to a proxy that stores, it cannot take back by leaving.
  const stop = whole === undefined ? left : new AbortController().signal;
  stop.throwIfAborted();

  const { asked, answered } = ask(carrying, whole?.byteLength);
  const closed = new AbortController();
  const close = (): void => {
    closed.abort();
    asked.destroy();
  };
  stop.addEventListener('abort', close);
  try {
    const sent = pump(whole === undefined ? incoming : Readable.from([whole]), asked, {
      side: 'request',
      fault: fault ?? undefined,
      clock,
      line: carrying.line,
      signal: closed.signal,
      onHit: () => hit(exchange),
      onBytes(came, passed) {
        if (whole === undefined) exchange.takenBytes += came;
        exchange.passedBytes += passed;
      },
    });
    const ended = sent.then((how): Ended | Promise<Ended> => {
      if (how !== 'whole') return how;
      asked.end();
      return answered;
    });
    // A server may answer before it has read all, and close; then what cannot be sent is of no interest.
    const reply = await Promise.race([answered, ended.catch(() => answered)]);
    if (typeof reply === 'string') await end(carrying);
    else await passReply(carrying, reply);
    // What the server did not wait for is read, and goes nowhere.
    void ended.catch(() => incoming.resume());
  } finally {
    stop.removeEventListener('abort', close);
    close();
  }
}

/** The whole request, as a proxy that buffers takes it. */
async function read({ exchange, incoming }: Carrying): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of incoming) {
    exchange.takenBytes += (piece as Buffer).byteLength;
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces);
}

function ask({ exchange, incoming, upstream, agent }: Carrying, length: number | undefined) {
  const fault = exchange.fault ?? undefined;
  const asked = request({
    host: upstream.hostname,
    port: upstream.port,
    method: exchange.method,
    path: exchange.path,
    agent,
    setHost: false,
    headers: [
      ...withLength(
        passedOn(incoming.rawHeaders),
        lengthUnder(fault, 'request', length ?? incoming.headers['content-length']),
      ),
    ],
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    asked.once('response', resolve);
    asked.on('error', reject);
    asked.once('close', () => reject(new Error('the server closed the connection')));
  });
  answered.catch(() => {}); // heard of where it is awaited
  asked.flushHeaders();
  return { asked, answered };
}

async function passReply(carrying: Carrying, reply: IncomingMessage): Promise<void> {
  const { exchange, response, held, left, clock } = carrying;
  const fault = exchange.fault ?? undefined;
  exchange.status = reply.statusCode ?? 0;
  exchange.answer = reply.headers;
  await carrying.onAnswer?.(exchange);
  if (held?.side === 'reply') await held.hold();
  if (fault?.act === 'delay' && fault.side === 'reply') {
    exchange.isHit = true;
    await sleep(clock, fault.delayMs, left);
  }
  const isLost = fault?.act === 'lose reply';
  if (isLost || left.aborted) await drain(reply);
  if (isLost || endsAt(fault, 'reply') === null) return end(carrying);
  if (left.aborted) return;
  exchange.told = exchange.status;
  // What is said of a body that does not come is about another one.
  const ofBody = hasBody(exchange) ? fault : undefined;
  const length = lengthUnder(ofBody, 'reply', reply.headers['content-length']);
  response.sendDate = false;
  response.writeHead(exchange.status, reply.statusMessage, [
    ...withLength(passedOn(reply.rawHeaders), length),
  ]);
  response.flushHeaders();
  const passed = await pump(reply, response, {
    side: 'reply',
    fault: ofBody,
    clock,
    line: carrying.line,
    signal: left,
    onHit: () => hit(exchange),
    onBytes(_came, given) {
      exchange.repliedBytes += given;
    },
  });
  if (passed === 'whole') response.end();
  else await end(carrying);
}

/** As the fault says: nothing moves any more, or the connection is over. */
async function end(carrying: Carrying): Promise<void> {
  const { exchange, incoming, left, clock } = carrying;
  const { fault } = exchange;
  const { socket } = incoming;
  hit(exchange);
  if (fault?.act === 'reset') return void socket.resetAndDestroy();
  if (fault?.act === 'stall') {
    swallow(carrying);
    await sleep(clock, fault.forMs ?? LONGEST_STALL_MS, left).catch(() => {}); // it left before
  }
  socket.destroy();
}

const LONGEST_STALL_MS = 60_000;
/** What the buffers of a link take that does not move any more. */
const BUFFERED_BYTES = 1_000_000;

/** Who has not sent all yet is heard leaving only by who reads on. */
function swallow({ exchange, incoming }: Carrying): void {
  let left = BUFFERED_BYTES;
  incoming.on('data', (bytes: Buffer) => {
    exchange.takenBytes += bytes.byteLength;
    left -= bytes.byteLength;
    if (left <= 0) incoming.pause();
  });
}

async function answerItself(
  { exchange, incoming, response, left }: Carrying,
  fault: Extract<ProxyFault, { act: 'answer' | 'login' }>,
): Promise<void> {
  const { status, headers, body, isEarly } = answerHeaders(fault);
  if (!isEarly) {
    for await (const piece of incoming) exchange.takenBytes += (piece as Buffer).byteLength;
  }
  hit(exchange);
  exchange.told = status;
  response.writeHead(status, isEarly ? { ...headers, Connection: 'close' } : headers).end(body);
  if (!left.aborted) await once(response, 'close');
}

function hasBody({ method, status }: OpenExchange): boolean {
  return method !== 'HEAD' && status !== 204 && status !== 304;
}

async function drain(reply: IncomingMessage): Promise<void> {
  reply.resume();
  await once(reply, 'end');
}

function hit(exchange: OpenExchange): void {
  exchange.isHit = true;
}
