/**
 * The process that carries one request: started detached by `nodeCarrier`, with the task on its standard input, where it
 * stands in no file and in no command line (contract 10.4). Says `carried` when the task is durably its own, or `known`
 * when somebody else has it; then nobody needs to listen any more.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { CarrierResult, CarrierTask } from '../../../ports/carrier.ts';
import { FaultSignal, fault, faultOf, NOT_SENT } from '../transport/faults.ts';
import { sendByNode } from '../transport/send-by-node.ts';
import { records } from './records.ts';

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
]);

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
  const stalled = (): void => stop.abort(new FaultSignal(fault('retryable', 'stalled', '')));
  let stall = setTimeout(stalled, stallMs);
  async function* body(): AsyncIterable<Uint8Array> {
    for await (const bytes of createReadStream(task.file) as AsyncIterable<Uint8Array>) {
      yield bytes;
      sentBytes += bytes.byteLength;
      clearTimeout(stall);
      stall = setTimeout(stalled, stallMs);
      if (Date.now() - toldAt < TELL_EVERY_MS) continue;
      toldAt = Date.now();
      await kept.tell(task.id, sentBytes);
    }
  }
  try {
    const lost = await sourceTrouble();
    if (lost !== undefined) return { ended: 'failed', code: lost, mayHaveArrived: false };
    const headers = new Headers(task.headers);
    headers.set('Content-Length', String(task.byteSize));
    const { method, url } = task;
    const answer = await sendByNode({ method, url, headers, signal: stop.signal, body: body() });
    const told = [...answer.headers].filter(([name]) => KEPT_HEADERS.has(name));
    return { ended: 'answered', status: answer.status, headers: told, body: answer.body };
  } catch (error) {
    const { code } = faultOf(error);
    return {
      ended: 'failed',
      code,
      mayHaveArrived: sentBytes >= task.byteSize && !NOT_SENT.has(code),
    };
  } finally {
    clearTimeout(stall);
  }
}

async function sourceTrouble(): Promise<string | undefined> {
  const found = await stat(task.file).catch(() => undefined);
  if (found === undefined) return 'source_missing';
  return found.size === task.byteSize ? undefined : 'source_changed';
}
