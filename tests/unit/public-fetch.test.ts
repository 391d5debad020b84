import { type AddressInfo, createServer, type Server } from 'node:net';
import { tusRemote } from 'lading/remotes/tus';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { publicGet } from '../../adapters/remotes/public-fetch.ts';

// Only the loopback is here to be asked.
vi.mock('../../adapters/remotes/private-address.ts', () => ({ isPrivateAddress: () => false }));

const never = new AbortController().signal;
/** Statuses that a `Response` may have, and those of them that have no body. */
const isResponse = (status: number): boolean => status >= 200 && status <= 599;
const EMPTY: ReadonlySet<number> = new Set([204, 205, 304]);

let server: Server;
let origin: string;
const body = 'bytes';
/** What nobody caught: it would have ended the process. */
let uncaught: unknown[];
const catchAll = (error: unknown): void => void uncaught.push(error);

beforeEach(async () => {
  uncaught = [];
  process.on('uncaughtException', catchAll);
  server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (asked) => {
      const status = /^GET \/(\d+)/.exec(asked.toString())?.[1];
      const head = `HTTP/1.1 ${status} Odd\r\nContent-Length: ${body.length}\r\nConnection: close`;
      socket.end(`${head}\r\n\r\n${body}`);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  process.off('uncaughtException', catchAll);
  await new Promise((closed) => server.close(closed));
});

describe('contract 10.3: an answer of a foreign host, whatever its status', () => {
  it('becomes a response or an error, for every status from 100 to 999, and ends no process', async () => {
    const wrong: unknown[] = [];
    for (let status = 100; status <= 999; status++) {
      const got = await publicGet(new URL(`${origin}/${status}`), {
        headers: new Headers(),
        signal: never,
      }).then(
        async (response) => ({ status: response.status, text: await response.text() }),
        (error: unknown) => ({ error }),
      );
      const expected = { status, text: EMPTY.has(status) ? '' : 'bytes' };
      const right = isResponse(status)
        ? JSON.stringify(got) === JSON.stringify(expected)
        : 'error' in got && got.error instanceof Error;
      if (!right) wrong.push([status, got]);
    }
    expect(wrong).toEqual([]);
    expect(uncaught).toEqual([]);
  }, 30_000);

  it('is an error where the host changes the protocol, which nobody asked for', async () => {
    server.removeAllListeners('connection').on('connection', (socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        socket.write('HTTP/1.1 101 Odd\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n');
      });
    });
    const got = publicGet(new URL(origin), { headers: new Headers(), signal: never });
    await expect(got).rejects.toThrow('without an answer');
    expect(uncaught).toEqual([]);
  });

  it.each([
    [205, true, undefined],
    [304, false, 'redirect_refused'],
    [199, false, 'network'],
    [600, false, 'not_the_remote'],
    [999, false, 'not_the_remote'],
  ])('a download that is answered %i ends with an outcome', async (status, ok, code) => {
    const remote = tusRemote({
      endpoint: 'https://tus.example/files',
      allowedOrigins: [origin],
    });
    const outcome = await remote.download(`${origin}/${status}`, { signal: never });
    expect(outcome).toMatchObject(ok ? { ok } : { ok, code });
    expect(uncaught).toEqual([]);
  });
});
