/**
 * The process that carries one request: started detached by `nodeCarrier`, with the task on its standard input, where it
 * stands in no file and in no command line (contract 10.4). Says `carried` when the task is durably its own, or `known`
 * when somebody else has it; then nobody needs to listen any more.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { CarrierResult, CarrierTask } from '../../../ports/carrier.ts';
import { exchange } from '../transport/exchange.ts';
import { FaultSignal, fault, faultOf, NOT_SENT } from '../transport/faults.ts';
import { sendByNode } from '../transport/send-by-node.ts';
import { records } from './records.ts';
import { unrepeated } from './unrepeated.ts';

interface Order {
  readonly directory: string;
  readonly stallMs: number;
  readonly task: CarrierTask;
}

const TELL_EVERY_MS = 250;
/** What adapters look at; cookies and the like stay out of the file. */
const KEPT_HEADERS: ReadonlySet<string> = new Set([
  'content-length',
  'content-type',
  'date',
  'etag',
  'location',
  'repr-digest',
  'retry-after',
  'www-authenticate',
  'x-amz-bucket-region',
  'x-amz-checksum-sha256',
]);
/** A film need not cross the network to be refused, and a refusal that comes before its end may be lost. */
const LARGE_BODY_BYTES = 1024 * 1024;

const { directory, stallMs, task } = await order();
const kept = records(directory);
const mark = process.argv[2] ?? '';
process.stdout.on('error', () => {}); // the app may be gone
if (await kept.claim(task.id, { pid: process.pid, mark, note: task.note })) {
  process.stdout.write('carried\n');
  await kept.finish(task.id, { note: task.note, result: await carry() });
} else process.stdout.write('known\n');
process.exit();

async function order(): Promise<Order> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) text += String(chunk);
  return JSON.parse(text) as Order;
}

async function carry(): Promise<CarrierResult> {
  const stop = new AbortController();
  let sentBytes = 0;
  let toldAt = 0;
  let telling = Promise.resolve();
  const stalled = (): void => stop.abort(new FaultSignal(fault('retryable', 'stalled', '')));
  let stall = setTimeout(stalled, stallMs);
  function onSent(bytes: number): void {
    sentBytes = bytes;
    clearTimeout(stall);
    stall = setTimeout(stalled, stallMs);
    if (Date.now() - toldAt < TELL_EVERY_MS) return;
    toldAt = Date.now();
    telling = telling.then(() => kept.tell(task.id, bytes)).catch(() => {}); // nobody needs it
  }
  try {
    const lost = await sourceTrouble();
    if (lost !== undefined) return { ended: 'failed', code: lost, mayHaveArrived: false };
    const { method, url, file, byteSize } = task;
    const answer = await exchange(
      { send: sendByNode },
      {
        method,
        url,
        headers: new Headers(task.headers),
        signal: stop.signal,
        piece: { size: byteSize, open: () => bytesOf(file) },
        expectContinue: byteSize >= LARGE_BODY_BYTES,
        onSent,
      },
    );
    const clean = unrepeated(task);
    const told = [...answer.headers].filter(([name]) => KEPT_HEADERS.has(name));
    const headers = told.map(([name, value]) => [name, clean(value)] as const);
    return { ended: 'answered', status: answer.status, headers, body: clean(answer.body) };
  } catch (error) {
    const { code } = faultOf(error);
    return {
      ended: 'failed',
      code,
      mayHaveArrived: sentBytes >= task.byteSize && !NOT_SENT.has(code),
    };
  } finally {
    clearTimeout(stall);
    await telling; // nothing is written behind its end
  }
}

async function sourceTrouble(): Promise<string | undefined> {
  try {
    const found = await stat(task.file);
    return found.size === task.byteSize ? undefined : 'source_changed';
  } catch (error) {
    return codeOfSource(error);
  }
}

async function* bytesOf(file: string): AsyncIterable<Uint8Array> {
  try {
    yield* createReadStream(file);
  } catch (error) {
    throw new FaultSignal(fault('retryable', codeOfSource(error), ''));
  }
}

/** What is there and cannot be read, as on a locked device, may be readable at the next try (field case 15). */
function codeOfSource(error: unknown): string {
  const { code = '' } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR' ? 'source_missing' : 'source_unreadable';
}
