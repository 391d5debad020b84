import { type S3RemoteOptions, type S3SignRequest, s3Remote } from 'lading/remotes/s3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { base64OfHex } from '../../adapters/remotes/s3/hex.ts';
import type { Carrier, CarrierResult, CarrierTask } from '../../ports/carrier.ts';
import { leftBehind } from '../../ports/closing.ts';
import { LadingError } from '../../ports/errors.ts';
import type { UploadRequest } from '../../ports/remote.ts';
import { type FaultServer, startFaultServer } from '../support/fault-server.ts';
import { never } from '../support/s3-attempts.ts';
import { answered, scriptedCarrier } from '../support/scripted-carrier.ts';
import { content, engine, sha256, uploadRequest } from '../support/tus-world.ts';

const PHOTO = content(10_000);
const ID = 'account-1.media-1';
const NOON = Date.parse('2026-06-01T12:00:00Z');
const MINUTE = 60_000;
const request: UploadRequest = { ...uploadRequest(PHOTO), file: async () => '/somewhere/photo' };
const stored = answered(200, { headers: [['etag', '"v1"']] });

/** As a store says it whose clock is this one's, at this moment. */
const refused = (code: string, status = 403, atMs = Date.now()): CarrierResult =>
  answered(status, {
    headers: [['date', new Date(atMs).toUTCString()]],
    body: `<Error><Code>${code}</Code></Error>`,
  });

let server: FaultServer;
beforeEach(async () => {
  // An empty store.
  server = await startFaultServer((incoming, response) => {
    incoming.resume();
    if (incoming.method === 'PUT') response.writeHead(200, { ETag: '"here"' }).end();
    else response.writeHead(incoming.method === 'DELETE' ? 204 : 404).end();
  });
  vi.useFakeTimers({ toFake: ['Date'], now: NOON });
});
afterEach(async () => {
  vi.useRealTimers();
  await server.close();
});

const credentials = { accessKeyId: 'key', secretAccessKey: 'CANARY-secret' };
const remote = (carrier: Carrier, options: Partial<S3RemoteOptions> = {}) =>
  s3Remote({
    bucket: 'photos',
    endpoint: server.origin,
    carrier,
    ...(options.sign === undefined ? { credentials } : {}),
    ...options,
  });
const place = () => `${server.origin}/photos/account-1/media-1`;
const methods = () => server.seen.map(({ method }) => method);
/** When the signature of a task was made. */
const signedAt = ({ headers }: CarrierTask): number => {
  const date = headers['x-amz-date'] ?? '';
  return Date.parse(date.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5'));
};

describe('a PUT to S3 that a carrier takes', () => {
  it('has its signature, the hash of its bytes, its file, and a name that is made from the object key', async () => {
    const { carrier, started, tasks } = scriptedCarrier(() => stored);
    const outcome = await remote(carrier).upload(request, engine().run());
    const receipt = { url: place(), byteSize: 10_000, token: 'v1' };
    expect(outcome).toMatchObject({ ok: true, receipt });
    expect(started).toMatchObject([
      {
        id: ID,
        method: 'PUT',
        file: '/somewhere/photo',
        byteSize: 10_000,
        note: place(),
        headers: {
          authorization: expect.stringMatching(
            /^AWS4-HMAC-SHA256 .*SignedHeaders=[^,]*if-none-match/,
          ),
          'content-type': 'image/jpeg',
          'if-none-match': '*',
          'x-amz-content-sha256': sha256(PHOTO),
          'x-amz-checksum-sha256': base64OfHex(sha256(PHOTO)),
        },
      },
    ]);
    expect(started[0]?.url.split('?')[0]).toBe(place());
    // Who sends a file says itself how long it is, and to whom.
    expect(Object.keys(started[0]?.headers ?? {})).not.toContain('content-length');
    expect(JSON.stringify(started)).not.toContain('CANARY');
    expect([server.seen.length, tasks.size]).toEqual([0, 0]); // its end was taken
  });

  it('tells the app that signs it that it may begin later, and keeps no signature', async () => {
    const asked: S3SignRequest[] = [];
    const { carrier, started } = scriptedCarrier(() => stored);
    const signing = remote(carrier, {
      async sign(ask) {
        asked.push(ask);
        return {
          url: `${place()}?X-Amz-Date=20260601T120000Z&X-Amz-Expires=86400&X-Amz-Signature=CANARY`,
        };
      },
    });
    expect(await signing.upload(request, engine().run())).toMatchObject({ ok: true });
    expect(asked).toMatchObject([{ operation: 'PutObject', isCarried: true }]);
    expect(started[0]?.url).toContain('X-Amz-Signature=CANARY');
    expect(started[0]?.note).toBe(`${place()}?exp=${(NOON + 24 * 60 * MINUTE) / 1000}`);
    await signing.head(request.objectKey, { handle: null, signal: never });
    expect(asked[1]).not.toHaveProperty('isCarried');
  });

  it.each<readonly [string, CarrierResult, string]>([
    ['SlowDown', refused('SlowDown', 503, NOON), 'retryable slow_down'],
    ['BadDigest', refused('BadDigest', 400, NOON), 'retryable checksum_refused'],
    ['AccessDenied', refused('AccessDenied', 403, NOON), 'terminal forbidden'],
    ['InvalidAccessKeyId', refused('InvalidAccessKeyId', 403, NOON), 'auth access_key_unknown'],
    ['a page', answered(200, { body: '<html>' }), 'retryable not_the_remote'],
    ['nobody', { ended: 'failed', code: 'network', mayHaveArrived: true }, 'retryable network'],
    [
      'no file',
      { ended: 'failed', code: 'source_missing', mayHaveArrived: false },
      'terminal source_missing',
    ],
  ])('is judged as if it had been sent from here: %s', async (_, end, expected) => {
    const { carrier, tasks, started } = scriptedCarrier(() => end);
    const outcome = await remote(carrier).upload(request, engine().run());
    expect(outcome.ok ? 'ok' : `${outcome.class} ${outcome.code}`).toBe(expected);
    expect([tasks.size, started.length]).toEqual([0, 1]);
  });

  it('is met by the next run, which neither looks nor sends', async () => {
    const { carrier, started, tasks } = scriptedCarrier();
    tasks.set(ID, { id: ID, note: place(), result: stored });
    const outcome = await remote(carrier).upload(request, engine().run({ rerun: true }));
    expect(outcome).toMatchObject({ ok: true, receipt: { url: place(), token: 'v1' } });
    expect([started.length, server.seen.length]).toEqual([0, 0]);
  });

  it('is met by the next run although such files go in parts now', async () => {
    const { carrier, tasks } = scriptedCarrier();
    tasks.set(ID, { id: ID, note: place(), result: stored });
    const smaller = remote(carrier, { multipartAboveBytes: 1 });
    expect(await smaller.upload(request, engine().run({ rerun: true }))).toMatchObject({
      ok: true,
    });
    expect(server.seen).toEqual([]);
  });

  it('is none of this bucket where the app had another one', async () => {
    const { carrier, tasks, started } = scriptedCarrier(() => stored);
    const note = `${server.origin}/elsewhere/account-1/media-1`;
    tasks.set(ID, { id: ID, note, result: stored });
    const outcome = await remote(carrier).upload(request, engine().run({ rerun: true }));
    expect(outcome).toMatchObject({ ok: true, receipt: { url: place() } });
    expect([started.length, ...methods()]).toEqual([1, 'HEAD']);
  });

  it('is looked for when it is gone without an end', async () => {
    const { carrier, tasks } = scriptedCarrier(() => stored);
    const lost: Carrier = { ...carrier, attach: async () => undefined };
    const lent = engine();
    expect(await remote(lost).upload(request, lent.run())).toMatchObject({ code: 'carrier_lost' });
    tasks.clear();
    expect(await remote(carrier).upload(request, lent.run())).toMatchObject({ ok: true });
    expect(methods()).toEqual(['HEAD']);
  });

  it('that cannot be asked for is asked for again later, and nothing is sent meanwhile', async () => {
    const { carrier, started } = scriptedCarrier(() => stored);
    const deaf: Carrier = { ...carrier, attach: () => Promise.reject(new Error('locked')) };
    const outcome = await remote(deaf).upload(request, engine().run({ rerun: true }));
    expect(outcome).toMatchObject({ class: 'retryable', code: 'carrier_failed' });
    expect([started.length, server.seen.length]).toEqual([0, 0]);
  });

  it('is looked at when the store has an object of this name (412)', async () => {
    const { carrier } = scriptedCarrier(() => refused('PreconditionFailed', 412));
    server.plan({
      method: 'HEAD',
      answer: {
        status: 200,
        headers: { ETag: '"v0"', 'Content-Length': '10000', 'x-amz-meta-sha256': sha256(PHOTO) },
      },
    });
    const outcome = await remote(carrier).upload(request, engine().run());
    expect(outcome).toMatchObject({ ok: true, receipt: { token: 'v0' } });
  });

  it.each([
    ['goes on when the run is left behind', leftBehind(new Error('closing')), []],
    ['is stopped when the run is', new DOMException('stopped', 'AbortError'), [ID]],
  ])('%s', async (_, reason, expected) => {
    const { carrier, cancelled } = scriptedCarrier();
    const abort = new AbortController();
    const running = remote(carrier).upload(request, engine().run({ signal: abort.signal }));
    await expect.poll(async () => (await carrier.list()).length).toBe(1);
    abort.abort(reason);
    expect(await running).toMatchObject({ code: 'aborted' });
    expect(cancelled).toEqual(expected);
  });

  it('is stopped before its object is removed, and when the user signs out, whoever signs (contract 4.8, 5.2)', async () => {
    const { carrier, tasks, cancelled } = scriptedCarrier();
    tasks.set(ID, { id: ID, note: place(), result: undefined });
    const options = { handle: null, signal: never };
    expect(await remote(carrier).remove(request.objectKey, options)).toEqual({ ok: true });
    expect(cancelled).toEqual([ID]);
    const sign = async () => ({ url: place() });
    for (const one of [remote(carrier), remote(carrier, { sign })]) {
      tasks.set('another', { id: 'another', note: place(), result: undefined });
      await one.credentials?.(credentials);
      expect(tasks.size).toBe(1);
      await one.credentials?.(null);
      expect(tasks.size).toBe(0);
    }
  });

  it('is not removed while nobody can stop it', async () => {
    const { carrier } = scriptedCarrier();
    const stuck = { ...carrier, cancel: () => Promise.reject(new Error('busy')) };
    const options = { handle: null, signal: never };
    expect(await remote(stuck).remove(request.objectKey, options)).toMatchObject({
      class: 'retryable',
      code: 'carrier_failed',
    });
    expect(server.seen).toEqual([]);
  });
});

describe('the signature of a carried PUT (field case 40)', () => {
  /** A carrier that waits for its network for so long, and how its requests end then. */
  const waiting = (waitsMs: readonly number[], end: (nth: number) => CarrierResult) =>
    scriptedCarrier((_, nth) => {
      vi.setSystemTime(Date.now() + (waitsMs[nth - 1] ?? 1_000));
      return end(nth);
    });

  it('is made anew when the request waited for longer than it lives: however often, and no refusal', async () => {
    const { carrier, started } = waiting([60 * MINUTE, 16 * MINUTE, 600 * MINUTE], (nth) =>
      nth < 4 ? refused('RequestTimeTooSkewed') : stored,
    );
    expect(await remote(carrier).upload(request, engine().run())).toMatchObject({ ok: true });
    // The clock was right all the time: no late answer has moved it.
    const minutes = started.map((task) => (signedAt(task) - NOON) / MINUTE);
    expect(minutes).toEqual([0, 60, 76, 676]);
    expect(server.seen).toEqual([]);
  });

  it('is made anew after a restart, when it ran out while the app was dead: one look, and one more request', async () => {
    const { carrier, started, tasks } = scriptedCarrier(() => stored);
    const result = refused('RequestTimeTooSkewed', 403, NOON - 300 * MINUTE);
    tasks.set(ID, { id: ID, note: place(), result });
    const outcome = await remote(carrier).upload(request, engine().run({ rerun: true }));
    expect(outcome).toMatchObject({ ok: true });
    expect(started.map(signedAt)).toEqual([NOON]);
    expect(methods()).toEqual(['HEAD']);
  });

  it.each(['ExpiredToken', 'InvalidAccessKeyId', 'SignatureDoesNotMatch'])(
    'and credentials that were replaced while the app was dead ask for no others: %s',
    async (code) => {
      const { carrier, started, tasks } = scriptedCarrier(() => stored);
      tasks.set(ID, { id: ID, note: place(), result: refused(code) });
      const outcome = await remote(carrier).upload(request, engine().run({ rerun: true }));
      expect([outcome.ok, started.length]).toEqual([true, 1]);
    },
  );

  it('goes by the clock of the store, when that refuses one that was just made (field case 43)', async () => {
    const { carrier, started } = waiting([], (nth) =>
      nth < 2 ? refused('RequestTimeTooSkewed', 403, NOON + 300 * MINUTE) : stored,
    );
    expect(await remote(carrier).upload(request, engine().run())).toMatchObject({ ok: true });
    expect(started.map((task) => Math.round((signedAt(task) - NOON) / MINUTE))).toEqual([0, 300]);
  });

  it('goes by it also where the carrier is slow: no waiting explains such a difference', async () => {
    const { carrier, started } = waiting([60 * MINUTE], (nth) =>
      nth < 2 ? refused('RequestTimeTooSkewed', 403, Date.now() + 300 * MINUTE) : stored,
    );
    expect(await remote(carrier).upload(request, engine().run())).toMatchObject({ ok: true });
    expect(started.map((task) => Math.round((signedAt(task) - NOON) / MINUTE))).toEqual([0, 360]);
  });

  it('of credentials that are over is made anew once, where it waited: those of now may be others', async () => {
    const { carrier, started } = waiting([60 * MINUTE, 60 * MINUTE], () => refused('ExpiredToken'));
    const outcome = await remote(carrier).upload(request, engine().run());
    expect(outcome).toMatchObject({ class: 'auth', code: 'credentials_expired' });
    expect(started).toHaveLength(2);
  });

  it('that is refused twice when it was just made is wrong, and waits for credentials', async () => {
    const { carrier, started } = waiting([], () => refused('RequestTimeTooSkewed'));
    const outcome = await remote(carrier).upload(request, engine().run());
    expect(outcome).toMatchObject({ class: 'auth', code: 'clock_skewed' });
    expect(started).toHaveLength(2);
  });

  it('is that of a presigned url where the device signs and the carrier may wait for days', async () => {
    const { carrier, started } = scriptedCarrier(() => stored);
    const temporary = { ...credentials, sessionToken: 'of an hour' };
    const options = { credentials: temporary, carriedForMs: 7 * 24 * 60 * MINUTE };
    const outcome = await remote(carrier, options).upload(request, engine().run());
    expect(outcome).toMatchObject({ ok: true });
    const [task] = started;
    const query = Object.fromEntries(new URL(task?.url ?? '').searchParams);
    expect(query).toMatchObject({
      'X-Amz-Date': '20260601T120000Z',
      'X-Amz-Expires': '604800',
      'X-Amz-Security-Token': 'of an hour',
      'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD',
      'X-Amz-SignedHeaders':
        'content-disposition;content-type;host;if-none-match;x-amz-checksum-sha256;x-amz-meta-sha256',
    });
    expect(Object.keys(task?.headers ?? {}).toSorted()).toEqual([
      'content-disposition',
      'content-type',
      'if-none-match',
      'x-amz-checksum-sha256',
      'x-amz-meta-sha256',
    ]);
    expect(task?.note).toBe(`${place()}?exp=${NOON / 1000 + 604_800}`);
  });

  it.each([0, Number.NaN, 8 * 24 * 60 * MINUTE])('cannot last for %d ms', (carriedForMs) => {
    const { carrier } = scriptedCarrier();
    expect(() => remote(carrier, { carriedForMs })).toThrow(/^carriedForMs must be/);
  });

  it.each([
    ['one that waited for longer is signed anew', 25 * 60, 0, 'ok'],
    ['one of a cache, that was over before, is refused at last', 1, 48 * 60, 'auth url_expired'],
  ])('of a presigned url lives as long as that says: %s', async (_, waits, isOld, expected) => {
    const { carrier, started } = waiting([waits * MINUTE], (nth) =>
      isOld === 0 && nth === 2 ? stored : refused('AccessDenied'),
    );
    const signing = remote(carrier, {
      async sign() {
        const date = new Date(Date.now() - isOld * MINUTE).toISOString().replace(/[-:]|\.\d+/g, '');
        return { url: `${place()}?X-Amz-Date=${date}&X-Amz-Expires=86400&X-Amz-Signature=x` };
      },
    });
    const outcome = await signing.upload(request, engine().run());
    expect(outcome.ok ? 'ok' : `${outcome.class} ${outcome.code}`).toBe(expected);
    expect(started).toHaveLength(2);
  });
});

describe('a PUT to S3 whose store is not known yet', () => {
  it('is handed over again without the condition, where the store does not know it', async () => {
    const { carrier, started } = scriptedCarrier(({ headers }) =>
      headers['if-none-match'] === undefined ? stored : refused('NotImplemented', 501),
    );
    const one = remote(carrier);
    expect(await one.upload(request, engine().run())).toMatchObject({ ok: true });
    expect(started.map(({ headers }) => headers['if-none-match'])).toEqual(['*', undefined]);
    expect(methods()).toEqual(['HEAD']);
    expect(await one.upload(request, engine().run())).toMatchObject({ ok: true });
    expect(started).toHaveLength(3); // it is remembered
  });

  it('is sent from here once it was cut off, since it can be asked first then', async () => {
    const { carrier, started } = scriptedCarrier((_, nth) =>
      nth === 1 ? { ended: 'failed', code: 'network', mayHaveArrived: false } : stored,
    );
    const one = remote(carrier);
    const lent = engine();
    expect(await one.upload(request, lent.run())).toMatchObject({ code: 'network' });
    expect(await one.upload(request, lent.run())).toMatchObject({ ok: true });
    expect(methods()).toEqual(['HEAD', 'PUT']);
    expect(server.seen[1]?.headers['expect']).toBe('100-continue');
    // Now it is known, and the next one is carried.
    expect(await one.upload(request, engine().run())).toMatchObject({ ok: true });
    expect([started.length, server.count('PUT')]).toEqual([2, 1]);
  });
});

describe('an upload to S3 that is sent from here although there is a carrier', () => {
  const counts = async (
    from: UploadRequest,
    options: Partial<S3RemoteOptions> = {},
    change: Partial<Carrier> = {},
  ): Promise<readonly [sent: number, started: number]> => {
    const { carrier, started } = scriptedCarrier(() => stored);
    const before = server.count('PUT');
    await remote({ ...carrier, ...change }, options).upload(from, engine().run());
    return [server.count('PUT') - before, started.length];
  };

  it('is one whose bytes lie in no plain file, a small one, and one that the carrier did not take', async () => {
    expect(await counts(uploadRequest(PHOTO))).toEqual([1, 0]);
    expect(await counts({ ...request, file: async () => undefined })).toEqual([1, 0]);
    expect(await counts(request, { carryFromBytes: 10_001 })).toEqual([1, 0]);
    expect(await counts(request, { carryFromBytes: 10_000 })).toEqual([0, 1]);
    const start = () => Promise.reject(new Error('no process'));
    expect(await counts(request, {}, { start })).toEqual([1, 0]);
  });

  it('is none whose bytes are not those that were captured (contract 4.4)', async () => {
    const { carrier, started } = scriptedCarrier(() => stored);
    const file = () => Promise.reject(new LadingError('source_changed', 'other bytes'));
    const outcome = await remote(carrier).upload({ ...request, file }, engine().run());
    expect(outcome).toMatchObject({ class: 'terminal', code: 'source_changed' });
    expect([started.length, server.seen.length]).toEqual([0, 0]);
  });
});
