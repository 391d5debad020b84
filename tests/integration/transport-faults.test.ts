import { createServer, type Server } from 'node:https';
import { createServer as createSocketServer, type Server as SocketServer } from 'node:net';
import { httpRemote } from 'lading/remotes/http';
import { tusRemote } from 'lading/remotes/tus';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LONGEST_RETRY_AFTER_MS } from '../../adapters/remotes/transport/retry-after.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Remote } from '../../ports/remote.ts';
import { virtualClock } from '../../testing/world/virtual-clock.ts';
import { type FaultServer, startFaultServer } from '../support/fault-server.ts';
import { selfSigned } from '../support/self-signed.ts';
import { content, engine, uploadRequest } from '../support/tus-world.ts';

const PHOTO = content(150_000);
const upload = (remote: Remote) => remote.upload(uploadRequest(PHOTO), engine().run());
const remotes = [
  {
    name: 'HTTP',
    method: 'PUT',
    at: (origin: string, clock?: Clock) =>
      httpRemote({ endpoint: origin, ...(clock && { clock }) }),
  },
  {
    name: 'tus',
    method: 'POST',
    at: (origin: string, clock?: Clock) => tusRemote({ endpoint: origin, ...(clock && { clock }) }),
  },
] as const;

describe.each(remotes)('$name, where the network is in trouble (contract 4.4)', (one) => {
  let server: FaultServer;
  beforeEach(async () => {
    server = await startFaultServer();
  });
  afterEach(() => server.close());
  const faultAt = async (origin: string): Promise<string> => {
    const outcome = await upload(one.at(origin));
    const isTold = JSON.stringify(outcome).includes(origin); // urls may hold tokens
    return outcome.ok || isTold ? 'none' : `${outcome.class} ${outcome.code}`;
  };

  it('says of a name that leads nowhere that the host was not found', async () => {
    expect(await faultAt('http://does-not-exist.invalid')).toBe('retryable host_not_found');
  });

  it('says of a port on which nobody listens that it cannot be reached', async () => {
    const { origin } = server;
    await server.close();
    expect(await faultAt(origin)).toBe('retryable host_unreachable');
    server = await startFaultServer();
  });

  it('says of a host with a certificate that nobody vouches for that TLS failed', async () => {
    const secure = await listen(createServer(selfSigned('localhost')));
    try {
      expect(await faultAt(`https://127.0.0.1:${portOf(secure)}`)).toBe('retryable tls_failed');
    } finally {
      secure.close();
    }
  });

  it('says so too of a server that does not speak TLS', async () => {
    expect(await faultAt(server.origin.replace('http:', 'https:'))).toBe('retryable tls_failed');
  });

  it('takes a connection that broke for a broken network', async () => {
    server.plan({ method: one.method, act: 'reset' });
    expect(await faultAt(server.origin)).toBe('retryable network');
  });

  it('gives up after 30 silent seconds', async () => {
    const clock = virtualClock();
    server.plan({ method: one.method, act: 'hang' });
    const hit = server.hit();
    let outcome: unknown;
    const running = upload(one.at(server.origin, clock)).finally(() => {
      outcome = 'there is one';
    });
    await hit;
    while (outcome === undefined) {
      await clock.advanceBy(30_000);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    expect(await running).toMatchObject({ class: 'retryable', code: 'stalled' });
    expect(clock.pending).toBe(0);
  });

  it('gives up an answer that comes byte by byte, as after silence', async () => {
    const clock = virtualClock();
    const answering = Promise.withResolvers<() => void>();
    const dribbling = await startFaultServer((request, response) => {
      request.resume();
      request.on('end', () => {
        response.writeHead(503, { 'Content-Type': 'text/plain' });
        answering.resolve(() => void response.write('.'));
      });
    });
    try {
      let outcome: unknown;
      const note = async (): Promise<void> => {
        outcome = await upload(one.at(dribbling.origin, clock));
      };
      const running = note();
      const write = await answering.promise;
      while (outcome === undefined && clock.elapsedMs < 300_000) {
        await clock.advanceBy(3_000);
        write();
        // The byte crosses two sockets, and whoever waits for it goes on.
        for (let turn = 0; turn < 100; turn++) {
          await new Promise((resolve) => {
            setImmediate(resolve);
          });
        }
      }
      expect(outcome).toMatchObject({ class: 'retryable', code: 'stalled' });
      await running;
      expect(clock.pending).toBe(0);
    } finally {
      await dribbling.close();
    }
  });

  it.each([
    [
      'whose body ends before it should',
      'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf',
      'network',
    ],
    ['that breaks off within its headers', 'HTTP/1.1 201 Created\r\nLocat', 'network'],
    [
      'that is a page without a type',
      'HTTP/1.1 200 OK\r\nTus-Resumable: 1.0.0\r\nLocation: /x\r\n\r\n\r\n<!DOCTYPE html><title>Wi-Fi</title>',
      'not_the_remote',
    ],
    [
      'that is a page of the stricter kind',
      'HTTP/1.1 200 OK\r\nTus-Resumable: 1.0.0\r\nLocation: /x\r\nContent-Type: application/xhtml+xml\r\n\r\n<?xml version="1.0"?><html>',
      'not_the_remote',
    ],
    ['that is no HTTP', '220 mail.example ESMTP\r\n', 'network'],
  ])('takes no answer for success %s (field case 36)', async (_, answer, code) => {
    const raw = await rawServer(answer);
    try {
      expect(await faultAt(`http://127.0.0.1:${portOf(raw)}`)).toBe(`retryable ${code}`);
    } finally {
      raw.close();
    }
  });

  it('reads no more than the beginning of an answer without an end', async () => {
    let sentBytes = 0;
    const endless = await startFaultServer((request, response) => {
      request.resume();
      request.on('end', () => {
        response.writeHead(403, { 'Content-Type': 'text/plain' });
        const more = (): void => {
          while (response.write(content(65_536))) sentBytes += 65_536;
        };
        response.on('drain', more);
        more();
      });
    });
    try {
      expect(await upload(one.at(endless.origin))).toMatchObject({ code: 'forbidden' });
      expect(sentBytes).toBeLessThan(50_000_000);
    } finally {
      await endless.close();
    }
  });

  const now = Date.UTC(2026, 0, 1);
  it.each([
    ['Retry-After', '120', 120_000],
    ['retry-after', '7', 7_000],
    ['RETRY-AFTER', ' 7 ', 7_000],
    ['Retry-After', 'Thu, 01 Jan 2026 00:05:00 GMT', 300_000],
    ['Retry-After', 'Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['Retry-After', '0', 0],
    ['Retry-After', '-5', undefined],
    ['Retry-After', 'soon', undefined],
    ['Retry-After', '1.5', undefined],
    ['Retry-After', '', undefined],
    ['Retry-After', '99999999999999999999', LONGEST_RETRY_AFTER_MS],
    ['Retry-After', 'Fri, 01 Jan 2100 00:00:00 GMT', LONGEST_RETRY_AFTER_MS],
  ])('obeys "%s: %s", clamped (field case 29)', async (name, value, expected) => {
    const served = new Date(now).toUTCString();
    for (const status of [429, 503]) {
      server.plan({
        method: one.method,
        answer: { status, headers: { Date: served, [name]: value } },
      });
      const outcome = await upload(one.at(server.origin));
      expect(outcome).toMatchObject({ class: 'retryable' });
      expect('retryAfterMs' in outcome ? outcome.retryAfterMs : undefined).toBe(expected);
    }
  });
});

async function listen<T extends Server | SocketServer>(server: T): Promise<T> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return server;
}

function portOf(server: Server | SocketServer): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Takes a request in whole, says this, and hangs up. */
function rawServer(answer: string): Promise<SocketServer> {
  return listen(
    createSocketServer((socket) => {
      socket.on('error', () => {});
      let received = '';
      socket.on('data', (bytes) => {
        received += bytes.toString('latin1');
        const end = received.indexOf('\r\n\r\n');
        const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0);
        if (end !== -1 && received.length >= end + 4 + length) socket.end(answer);
      });
    }),
  );
}
