import { type PlannedFault, startFaultProxy } from 'lading/testing/proxy';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { virtualClock } from '../../testing/world/virtual-clock.ts';
import { type ProxyWorld, proxyWorld, REPLY, send } from '../support/proxy-world.ts';
import { content, sha256 } from '../support/tus-world.ts';

const BODY = content(300_000);
let world: ProxyWorld;

beforeEach(async () => {
  world = await proxyWorld();
});
afterEach(() => world.close());

describe('a proxy with nothing planned', () => {
  it('passes method, path, headers as they were written, and every byte, both ways', async () => {
    const headers = [
      'Host',
      'files.example',
      'X-Odd',
      'a',
      'x-odd',
      'b',
      'Content-Length',
      '300000',
    ];
    const got = await send(world.proxy, { path: '/a?b=%20c', body: BODY, headers });
    expect(got).toMatchObject({ status: 200, broke: null });
    expect(got.body).toEqual(REPLY);
    expect(got.rawHeaders.filter((text) => /one|two/.test(text))).toEqual(['one', 'two']);
    const [seen] = world.arrived;
    expect(seen).toMatchObject({ method: 'PUT', path: '/a?b=%20c', sha256: sha256(BODY) });
    // The connection to the server is the proxy's own.
    expect(seen?.rawHeaders.filter((text) => !/^(connection|keep-alive)$/i.test(text))).toEqual(
      headers,
    );
  });

  it('passes bodies without a length, and replies without a body', async () => {
    const chunked = { headers: { 'Transfer-Encoding': 'chunked' }, body: BODY };
    expect(await send(world.proxy, chunked)).toMatchObject({ status: 200 });
    expect(world.arrived[0]).toMatchObject({ bytes: 300_000, ended: 'whole' });
    const head = await send(world.proxy, { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, headers: { 'content-length': '32' } });
    expect(head.body.byteLength).toBe(0);
  });

  it('answers a client that waits for 100 Continue before it sends its body', async () => {
    const headers = { Expect: '100-continue', 'Content-Length': '300000' };
    expect(await send(world.proxy, { headers, body: BODY })).toMatchObject({ status: 200 });
    expect(world.arrived[0]?.bytes).toBe(300_000);
  });

  it('holds no body whole: a server that does not read makes the client wait', async () => {
    const movie = content(20_000_000);
    const sent = send(world.proxy, { path: '/later', body: movie });
    await until(() => world.proxy.traffic().takenBytes > 0);
    for (let before = -1; before !== world.proxy.traffic().takenBytes; ) {
      before = world.proxy.traffic().takenBytes;
      for (let turn = 0; turn < 500; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(world.proxy.traffic().takenBytes).toBeLessThan(15_000_000);
    world.readOn();
    expect(await sent).toMatchObject({ status: 200 });
    expect(world.arrived[0]?.sha256).toBe(sha256(movie));
  });

  it('counts the bytes of bodies, in all, by path and by method', async () => {
    await send(world.proxy, { path: '/a?x', body: BODY });
    await send(world.proxy, { path: '/b', body: BODY.subarray(0, 10) });
    await send(world.proxy, { path: '/b', method: 'GET' });
    expect(world.proxy.traffic({ key: '/a' })).toEqual({
      exchanges: 1,
      takenBytes: 300_000,
      passedBytes: 300_000,
      repliedBytes: 32,
    });
    expect(world.proxy.traffic({ key: '/b', method: 'PUT' }).takenBytes).toBe(10);
    expect(world.proxy.traffic()).toMatchObject({ exchanges: 3, takenBytes: 300_010 });
    expect(world.proxy.counts()).toEqual({});
  });

  it('closes the connection when the server cannot be reached', async () => {
    const nobody = await startFaultProxy({ upstream: 'http://127.0.0.1:1' });
    expect(await send(nobody, { body: BODY })).toMatchObject({ status: null, broke: 'ECONNRESET' });
    await nobody.close();
  });

  it('is done with an exchange that the server has answered, though more of its body was to come', async () => {
    const got = await send(world.proxy, { path: '/refused', body: content(20_000_000) });
    expect(got.status).toBe(409);
    await world.proxy.exchanges[0]?.over;
    expect(world.proxy.exchanges[0]).toMatchObject({ status: 409, told: 409 });
  });

  it("closes the server's connection when the client leaves", async () => {
    const leaving = new AbortController();
    const sent = send(world.proxy, { path: '/slow', body: BODY, signal: leaving.signal });
    await world.ended(1);
    leaving.abort();
    expect(await sent).toMatchObject({ broke: 'ABORT_ERR' });
    await world.proxy.exchanges[0]?.over;
    expect(world.proxy.exchanges[0]).toMatchObject({ status: null, told: null });
  });
});

describe('a planned fault', () => {
  const cut = { act: 'cut', side: 'request', afterBytes: 70_001 } as const;

  it('cut: the server has exactly the bytes that passed, and both connections close', async () => {
    const got = await planned(cut);
    expect(got).toMatchObject({ status: null, broke: 'ECONNRESET' });
    expect(await world.ended(1)).toMatchObject({ bytes: 70_001, ended: 'broken' });
    expect(world.proxy.exchanges[0]).toMatchObject({ isHit: true, passedBytes: 70_001 });
  });

  it('cut on the way back: the client has the head and exactly the bytes that passed', async () => {
    const got = await planned({ act: 'cut', side: 'reply', afterBytes: 7 });
    expect(got).toMatchObject({ status: 200, broke: 'ECONNRESET' });
    expect(got.body).toEqual(REPLY.subarray(0, 7));
    expect(await world.ended(1)).toMatchObject({ ended: 'whole' });
  });

  it('cut without a number: not even the head passes', async () => {
    expect(await planned({ act: 'cut', side: 'request' })).toMatchObject({ broke: 'ECONNRESET' });
    expect(world.arrived).toEqual([]);
    expect(await planned({ act: 'cut', side: 'reply' })).toMatchObject({ status: null });
    expect(await world.ended(1)).toMatchObject({ ended: 'whole' });
  });

  it('cut after more bytes than there are: nothing happens, and nothing is counted', async () => {
    expect(await planned({ ...cut, afterBytes: 300_001 })).toMatchObject({ status: 200 });
    expect(world.proxy.counts()).toEqual({});
  });

  it('reset: the client is told by a RST', async () => {
    const got = await planned({ act: 'reset', side: 'reply', afterBytes: 4 });
    expect(got).toMatchObject({ status: 200, broke: 'ECONNRESET' });
    expect(await planned({ act: 'reset', side: 'request' })).toMatchObject({ broke: 'ECONNRESET' });
    expect(world.proxy.counts()).toEqual({ reset: 2 });
    expect(world.arrived).toHaveLength(1);
  });

  it('lose reply: the server does its work, and the client never hears of it', async () => {
    const got = await planned({ act: 'lose reply' });
    expect(got).toMatchObject({ status: null, broke: 'ECONNRESET' });
    expect(world.arrived[0]).toMatchObject({ bytes: 300_000, ended: 'whole' });
    expect(world.proxy.exchanges[0]).toMatchObject({ status: 200, told: null, repliedBytes: 0 });
  });

  it('answer: instead of the server, when all has arrived', async () => {
    const got = await planned({
      act: 'answer',
      status: 429,
      headers: { 'Retry-After': '7' },
      body: 'later',
    });
    expect(got).toMatchObject({ status: 429, headers: { 'retry-after': '7' } });
    expect(String(got.body)).toBe('later');
    expect(world.arrived).toEqual([]);
    expect(world.proxy.traffic()).toMatchObject({ takenBytes: 300_000, passedBytes: 0 });
  });

  it('answer, early: before a byte of the body was read', async () => {
    const headers = { Expect: '100-continue', 'Content-Length': '300000' };
    world.proxy.plan({ act: 'answer', status: 413, early: true });
    expect(await send(world.proxy, { headers })).toMatchObject({ status: 413 });
    expect(world.proxy.traffic().takenBytes).toBe(0);
  });

  it.each([
    ['redirect', 302],
    ['page', 200],
  ] as const)(
    'login, by a %s: what a network answers that wants to be paid',
    async (by, status) => {
      const got = await planned({ act: 'login', by });
      expect(got).toMatchObject({ status, headers: { 'content-type': 'text/html' } });
      expect(got.headers.location === undefined).toBe(by === 'page');
      expect(String(got.body)).toContain('<!doctype html>');
      expect(world.arrived).toEqual([]);
    },
  );

  it.each([
    [
      { act: 'stall', side: 'request' },
      { arrived: undefined, told: null, replied: 0 },
    ],
    [
      { act: 'stall', side: 'request', afterBytes: 9 },
      { arrived: 9, told: null, replied: 0 },
    ],
    [
      { act: 'stall', side: 'reply' },
      { arrived: 300_000, told: null, replied: 0 },
    ],
    [
      { act: 'stall', side: 'reply', afterBytes: 5 },
      { arrived: 300_000, told: 200, replied: 5 },
    ],
  ] as const)('%o: nothing moves any more until the client leaves', async (fault, seen) => {
    const leaving = new AbortController();
    world.proxy.plan(fault);
    const sent = send(world.proxy, { body: BODY, signal: leaving.signal });
    await until(() => world.proxy.exchanges[0]?.isHit === true);
    await until(() => world.arrived[0]?.bytes === seen.arrived);
    leaving.abort();
    await sent;
    await world.proxy.exchanges[0]?.over;
    expect(world.proxy.exchanges[0]).toMatchObject({ told: seen.told, repliedBytes: seen.replied });
  });

  it('stall, in the middle of more than buffers take: for as long as it was told', async () => {
    const clock = virtualClock();
    const stalled = await proxyWorld({ clock });
    stalled.proxy.plan({ act: 'stall', side: 'request', afterBytes: 10, forMs: 5_000 });
    const sent = send(stalled.proxy, { body: content(20_000_000) });
    await until(() => stalled.proxy.traffic().takenBytes > 1_000_000);
    await clock.advanceBy(4_999);
    expect(stalled.proxy.traffic().takenBytes).toBeLessThan(2_000_000);
    await clock.advanceBy(1);
    expect(await sent).toMatchObject({ status: null });
    await stalled.close();
  });

  it('truncate: the server gets fewer bytes, and nothing that says so', async () => {
    const got = await planned({ act: 'truncate', side: 'request', toBytes: 1_000 });
    expect(got.status).toBe(200);
    expect(await world.ended(1)).toMatchObject({ bytes: 1_000, ended: 'whole' });
    expect(world.proxy.traffic()).toMatchObject({ takenBytes: 300_000, passedBytes: 1_000 });
  });

  it('truncate on the way back: the reply ends early, and says that it is whole', async () => {
    const got = await planned({ act: 'truncate', side: 'reply', toBytes: 3 });
    expect(got).toMatchObject({ status: 200, broke: null, headers: { 'content-length': '3' } });
    expect(got.body).toEqual(REPLY.subarray(0, 3));
  });

  it('corrupt: a bit of one byte is another one, either way', async () => {
    await planned({ act: 'corrupt', side: 'request', atByte: 200_000 });
    const damaged = Buffer.from(BODY);
    damaged.writeUInt8(damaged.readUInt8(200_000) ^ 1, 200_000);
    expect(world.arrived[0]).toMatchObject({ bytes: 300_000, sha256: sha256(damaged) });
    const got = await planned({ act: 'corrupt', side: 'reply' });
    expect(got.body.subarray(1)).toEqual(REPLY.subarray(1));
    expect(got.body[0]).toBe((REPLY[0] ?? 0) ^ 1);
    expect(world.proxy.counts()).toMatchObject({ corrupt: 2 });
  });

  it('oversize: more bytes than there were, either way', async () => {
    await planned({ act: 'oversize', side: 'request', byBytes: 5 });
    expect(await world.ended(1)).toMatchObject({ bytes: 300_005, ended: 'whole' });
    const got = await planned({ act: 'oversize', side: 'reply', byBytes: 1_000_000 });
    expect(got).toMatchObject({ status: 200, headers: { 'content-length': '1000032' } });
    expect(got.body.byteLength).toBe(1_000_032);
  });

  it('leaves alone what is said of a body that does not come', async () => {
    for (const fault of [
      { act: 'truncate', side: 'reply', toBytes: 3 },
      { act: 'oversize', side: 'reply', byBytes: 9 },
    ] as const) {
      world.proxy.plan(fault);
      const got = await send(world.proxy, { method: 'HEAD' });
      expect(got).toMatchObject({ status: 200, headers: { 'content-length': '32' } });
    }
    expect(world.proxy.counts()).toEqual({});
  });

  it('hits those that match, so many times, after so many', async () => {
    world.proxy.plan({
      act: 'answer',
      status: 503,
      method: 'PUT',
      path: /^\/b/,
      after: 1,
      times: 2,
    });
    const statuses: (number | null)[] = [];
    for (const path of ['/a', '/b', '/b', '/a', '/b', '/b']) {
      statuses.push((await send(world.proxy, { path })).status);
    }
    expect(statuses).toEqual([200, 200, 503, 200, 503, 200]);
    expect(world.proxy.counts()).toEqual({ answer: 2 });
  });

  async function planned(fault: PlannedFault) {
    world.proxy.plan(fault);
    return send(world.proxy, { body: BODY });
  }
});

describe('a proxy on a clock', () => {
  it('delay: the exchange goes on when its time has come', async () => {
    const clock = virtualClock();
    const late = await proxyWorld({ clock });
    late.proxy.plan(
      { act: 'delay', side: 'request', delayMs: 60_000 },
      { act: 'delay', side: 'reply', delayMs: 60_000 },
    );
    const first = send(late.proxy, { body: BODY });
    await until(() => late.proxy.exchanges[0]?.isHit === true);
    expect(late.arrived).toEqual([]);
    await clock.advanceBy(60_000);
    expect(await first).toMatchObject({ status: 200 });

    const second = send(late.proxy, { body: BODY });
    await late.ended(2);
    await until(() => late.proxy.exchanges[1]?.isHit === true);
    expect(late.proxy.exchanges[1]).toMatchObject({ status: 200, told: null });
    await clock.advanceBy(60_000);
    expect(await second).toMatchObject({ status: 200 });
    await late.close();
  });

  it('limit: a body takes the time that it takes at this speed, and so do all on a slow line', async () => {
    for (const options of [{}, { bytesPerSecond: 10_000 }]) {
      const clock = virtualClock();
      const began = clock.now();
      const slow = await proxyWorld({ clock, ...options });
      slow.proxy.plan({ act: 'limit', side: 'request', bytesPerSecond: 10_000 });
      let over = false;
      const sent = send(slow.proxy, { body: BODY }).finally(() => (over = true));
      while (!over) {
        await new Promise((resolve) => setImmediate(resolve));
        await clock.advanceBy(10);
      }
      expect(await sent).toMatchObject({ status: 200 });
      expect(clock.now() - began).toBeGreaterThanOrEqual(30_000);
      await slow.close();
    }
  });
});

describe('what a proxy holds', () => {
  it('is one exchange, until it is released; others pass', async () => {
    const held = world.proxy.hold({ method: 'PUT', path: '/a', nth: 2, side: 'request' });
    expect(await send(world.proxy)).toMatchObject({ status: 200 });
    const kept = send(world.proxy);
    await held.reached;
    expect(await send(world.proxy)).toMatchObject({ status: 200 });
    expect(world.arrived).toHaveLength(2);
    await held.release();
    expect(await kept).toMatchObject({ status: 200 });
    expect(world.arrived).toHaveLength(3);
  });

  it('on the way back: the server has done its work, and the client hears nothing yet', async () => {
    const held = world.proxy.hold({ side: 'reply' });
    const kept = send(world.proxy, { body: BODY });
    await held.reached;
    expect(await world.ended(1)).toMatchObject({ bytes: 300_000, ended: 'whole' });
    expect(world.proxy.exchanges[0]).toMatchObject({ status: 200, told: null });
    await held.release();
    expect(await kept).toMatchObject({ status: 200 });
  });

  it('where it stores requests, reaches the server although the client has left', async () => {
    const storing = await proxyWorld({ storeAndForward: true });
    const held = storing.proxy.hold({ side: 'request' });
    const leaving = new AbortController();
    const kept = send(storing.proxy, { body: BODY, signal: leaving.signal });
    await held.reached;
    leaving.abort();
    expect(await kept).toMatchObject({ broke: 'ABORT_ERR' });
    expect(storing.arrived).toEqual([]);
    await held.release();
    expect(await storing.ended(1)).toMatchObject({ sha256: sha256(BODY), ended: 'whole' });
    await storing.close();
  });
});

/** Looks again after each turn of the event loop: what is waited for happens between sockets. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
