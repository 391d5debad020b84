import type { ServerResponse } from 'node:http';
import { type S3Operation, s3Table } from 'lading/remotes/s3';
import { startFaultProxy } from 'lading/testing/proxy';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { partsOf } from '../../adapters/remotes/s3/parts.ts';
import { call, type S3Parts } from '../../adapters/remotes/s3/send.ts';
import type { Clock } from '../../ports/clock.ts';
import { virtualClock } from '../../testing/world/virtual-clock.ts';
import { type FaultServer, startFaultServer } from '../support/fault-server.ts';
import { ALL, ANSWERS, type AnswerCase } from '../support/s3-answers.ts';
import { never } from '../support/s3-attempts.ts';

const KEY = { Key: 'account-1/media-1' };
const SESSION = { ...KEY, UploadId: 'upload-1' };
const INPUTS: { readonly [O in S3Operation]: Parameters<typeof call<O>>[2] } = {
  PutObject: KEY,
  HeadObject: KEY,
  GetObject: KEY,
  DeleteObject: KEY,
  CreateMultipartUpload: KEY,
  UploadPart: { ...SESSION, PartNumber: 1 },
  ListParts: SESSION,
  CompleteMultipartUpload: { ...SESSION, MultipartUpload: { Parts: [] } },
  AbortMultipartUpload: SESSION,
  ListMultipartUploads: { Prefix: 'account-1/' },
};

describe('what an answer of an S3 store means, over a socket (contract 4.4)', () => {
  let answer: AnswerCase;
  let server: FaultServer;
  let parts: S3Parts;
  beforeAll(async () => {
    server = await startFaultServer((request, response) => {
      const { status, headers = {}, code, body = '' } = answer;
      const document = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>CANARY</Message></Error>`;
      request.resume();
      request.on('end', () => {
        response.writeHead(status, { 'X-Canary': 'CANARY', ...headers });
        response.end(code === null ? body : document);
      });
    });
    parts = partsTo(server.origin);
  });
  afterAll(() => server.close());

  const ask = async (operation: S3Operation): Promise<string> => {
    const told = await call(parts, operation, INPUTS[operation], { signal: never });
    expect(JSON.stringify(told)).not.toContain('CANARY');
    expect(JSON.stringify(told)).not.toContain('media-1');
    return told.ok ? 'ok' : `${told.class} ${told.code}`;
  };

  it.each(ANSWERS.map((one) => [titleOf(one), one] as const))('%s', async (_, one) => {
    answer = one;
    for (const operation of one.of) {
      expect([operation, await ask(operation)]).toEqual([operation, one.means]);
    }
  });

  it('leaves no row of the table untried', () => {
    const tried = new Set<number>();
    for (const { of, status, code, headers = {}, body = '' } of ANSWERS) {
      const seen = {
        status,
        headers: new Headers(headers),
        body: code === null ? body : `<Error><Code>${code}</Code></Error>`,
        url: 'http://127.0.0.1/bucket/account-1/media-1',
        nowMs: Date.now(),
      };
      for (const operation of of) {
        tried.add(
          s3Table.findIndex((row) => {
            const [first, last] =
              typeof row.status === 'number' ? [row.status, row.status] : row.status;
            const fits = row.phases.includes(operation) && status >= first && status <= last;
            return fits && (row.when?.holds(seen) ?? true);
          }),
        );
      }
    }
    const untried = s3Table.filter((_, index) => !tried.has(index));
    expect(untried.map(({ phases, status, when }) => [phases, status, when?.words])).toEqual(
      // A url that says when it ends is signed by an app: tests/integration/s3-signing.test.ts. And what is no HTTP at all.
      [
        [ALL, 403, expect.stringContaining('expired')],
        [ALL, [0, 999], undefined],
      ],
    );
  });

  it.each([
    ['Retry-After in seconds', '7', 7_000],
    ['Retry-After as a date', new Date(9_000).toUTCString(), 9_000],
    ['an absurd Retry-After', '99999999999', 24 * 60 * 60 * 1000],
  ])('obeys %s, clamped (contract 4.5)', async (_, value, expected) => {
    answer = {
      of: ['PutObject'],
      status: 503,
      code: 'SlowDown',
      headers: { 'Retry-After': value, Date: new Date(0).toUTCString() },
      means: '',
    };
    const told = await call(parts, 'PutObject', KEY, { signal: never });
    expect(told).toMatchObject({ code: 'slow_down', retryAfterMs: expected });
  });

  it('an answer that promises well and cannot be read is retryable', async () => {
    const root = 'InitiateMultipartUploadResult';
    answer = { of: [], status: 200, code: null, body: `<${root}><a></b></${root}>`, means: '' };
    expect(await ask('CreateMultipartUpload')).toBe('retryable bad_answer');
  });

  it('spaces that a store sends while it works are no part of its answer', async () => {
    const root = 'CompleteMultipartUploadResult';
    const body = `${' '.repeat(9_000)}<${root}><ETag>"1-1"</ETag></${root}>`;
    answer = { of: [], status: 200, code: null, body, means: '' };
    const told = await call(parts, 'CompleteMultipartUpload', SESSION, { signal: never });
    expect(told).toMatchObject({ ok: true, output: { ETag: '"1-1"' } });
  });
});

describe('what becomes of a request to S3 that is not answered', () => {
  it.each(ALL)('%s: a connection that breaks is a network that failed', async (operation) => {
    const proxy = await startFaultProxy({ upstream: 'http://127.0.0.1:9' });
    proxy.plan({ act: 'reset', side: 'request' });
    const told = await call(partsTo(proxy.origin), operation, INPUTS[operation], { signal: never });
    expect(told).toMatchObject({ class: 'retryable', code: 'network' });
    await proxy.close();
  });

  it.each(ALL)('%s: one that is never answered is given up', async (operation) => {
    const clock = virtualClock();
    let asked = (): void => {};
    const arrived = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const server = await startFaultServer(() => asked());
    const parts = partsOf({ ...place(server.origin), clock, stallMs: 5_000 });
    const told = call(parts, operation, INPUTS[operation], { signal: never });
    await arrived;
    await clock.advanceBy(5_000);
    expect(await told).toMatchObject({ class: 'retryable', code: 'stalled' });
    await server.close();
  });

  it('one that is answered with spaces while the store works is waited for', async () => {
    const virtual = virtualClock();
    let wasArmed = (): void => {};
    const clock: Clock = {
      ...virtual,
      schedule(...given) {
        wasArmed();
        return virtual.schedule(...given);
      },
    };
    const answering = Promise.withResolvers<ServerResponse>();
    const server = await startFaultServer((request, response) => {
      request.resume();
      response.writeHead(200, { 'Content-Type': 'application/xml' });
      answering.resolve(response);
    });
    const parts = partsOf({ ...place(server.origin), clock, stallMs: 5_000 });
    const told = call(parts, 'CompleteMultipartUpload', SESSION, { signal: never });
    const response = await answering.promise;
    for (let times = 0; times < 5; times++) {
      await virtual.advanceBy(3_000);
      const heard = new Promise<void>((resolve) => {
        wasArmed = resolve;
      });
      response.write(' ');
      await heard;
    }
    const root = 'CompleteMultipartUploadResult';
    response.end(`<${root}><ETag>"1-1"</ETag></${root}>`);
    expect(await told).toMatchObject({ ok: true });
    await server.close();
  });

  it('one that is answered with spaces for ever ends, but not before a quarter of an hour', async () => {
    const clock = virtualClock();
    const answering = Promise.withResolvers<ServerResponse>();
    const server = await startFaultServer((request, response) => {
      request.resume();
      response.writeHead(200, { 'Content-Type': 'application/xml' });
      answering.resolve(response);
    });
    const parts = partsOf({ ...place(server.origin), clock });
    let outcome: unknown;
    const note = async (): Promise<void> => {
      outcome = await call(parts, 'CompleteMultipartUpload', SESSION, { signal: never });
    };
    const told = note();
    const response = await answering.promise;
    while (outcome === undefined && clock.elapsedMs < 3_600_000) {
      response.write(' ');
      // The space crosses two sockets, and whoever waits for it goes on.
      for (let turn = 0; turn < 50; turn++) {
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
      }
      await clock.advanceBy(20_000);
    }
    await told;
    expect(outcome).toMatchObject({ class: 'retryable', code: 'stalled' });
    expect(clock.elapsedMs).toBeGreaterThanOrEqual(900_000);
    await server.close();
  });

  it('a host that is not there, a port that is closed, a server without TLS', async () => {
    const plain = await startFaultServer();
    for (const [endpoint, code] of [
      ['http://nowhere.invalid', 'host_not_found'],
      ['http://127.0.0.1:9', 'host_unreachable'],
      [plain.origin.replace('http:', 'https:'), 'tls_failed'],
    ] as const) {
      const told = await call(partsTo(endpoint), 'HeadObject', KEY, { signal: never });
      expect(told).toMatchObject({ class: 'retryable', code });
    }
    await plain.close();
  });

  it('a body that is cut short is a network that failed, and an endless one is left', async () => {
    const root = 'ListPartsResult';
    let sent = 0;
    const server = await startFaultServer((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/xml' });
      response.write(`<${root}>`);
      const more = (): void => {
        while (!response.destroyed && sent < 500_000_000) {
          sent += 65_536;
          if (!response.write(Buffer.alloc(65_536, ' '))) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    });
    const told = await call(partsTo(server.origin), 'ListParts', SESSION, { signal: never });
    expect(told).toMatchObject({ class: 'retryable', code: 'answer_cut_short' });
    await server.close();
    expect(sent).toBeLessThan(50_000_000);
    const cut = await startFaultServer((_request, response) => {
      response.writeHead(200, { 'Content-Length': 1_000 });
      response.write(`<${root}>`, () => response.destroy());
    });
    const broken = await call(partsTo(cut.origin), 'ListParts', SESSION, { signal: never });
    expect(broken).toMatchObject({ class: 'retryable', code: 'network' });
    await cut.close();
  });
});

function partsTo(origin: string): S3Parts {
  return partsOf(place(origin));
}

function place(endpoint: string) {
  const credentials = { accessKeyId: 'CANARY', secretAccessKey: 'CANARY' };
  return { endpoint, bucket: 'bucket', credentials };
}

function titleOf({ of, status, code, headers, body, means }: AnswerCase): string {
  const who = of.length === ALL.length ? 'any request' : of.join(', ');
  const header = headers === undefined ? '' : ` ${JSON.stringify(headers)}`;
  return `${status} ${code ?? body ?? 'without a body'}${header} to ${who}: ${means}`;
}
