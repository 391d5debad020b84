import type { S3RemoteOptions, S3SignRequest } from 'lading/remotes/s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { base64OfHex } from '../../adapters/remotes/s3/hex.ts';
import type { Carrier, CarrierResult } from '../../ports/carrier.ts';
import { leftBehind } from '../../ports/closing.ts';
import { LadingError } from '../../ports/errors.ts';
import type { UploadRequest } from '../../ports/remote.ts';
import { never } from '../support/s3-attempts.ts';
import {
  type CarriedStore,
  carriedStore,
  credentials,
  NOON,
  PHOTO,
  refused,
  request,
  stored,
} from '../support/s3-carried-store.ts';
import { answered, scriptedCarrier } from '../support/scripted-carrier.ts';
import { engine, sha256, uploadRequest } from '../support/tus-world.ts';

const ID = 'account-1.media-1';
const DAY_SECONDS = 24 * 60 * 60;

let store: CarriedStore;
beforeEach(async () => {
  store = await carriedStore();
});
afterEach(() => store.dispose());

describe('a PUT to S3 that a carrier takes', () => {
  it('has its signature, the hash of its bytes, its file, and a name that is made from the object key', async () => {
    const { carrier, started, tasks } = scriptedCarrier(() => stored);
    const outcome = await store.remote(carrier).upload(request, engine().run());
    const receipt = { url: store.place, byteSize: 10_000, token: 'v1' };
    expect(outcome).toMatchObject({ ok: true, receipt });
    expect(started).toMatchObject([
      {
        id: ID,
        method: 'PUT',
        file: '/somewhere/photo',
        byteSize: 10_000,
        note: store.place,
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
    expect(started[0]?.url.split('?')[0]).toBe(store.place);
    // Who sends a file says itself how long it is, and to whom.
    expect(Object.keys(started[0]?.headers ?? {})).not.toContain('content-length');
    expect(JSON.stringify(started)).not.toContain('CANARY');
    expect([store.server.seen.length, tasks.size]).toEqual([0, 0]); // its end was taken
  });

  it('tells the app that signs it that it may begin later, and keeps no signature', async () => {
    const asked: S3SignRequest[] = [];
    const { carrier, started } = scriptedCarrier(() => stored);
    const signing = store.remote(carrier, {
      async sign(ask) {
        asked.push(ask);
        return {
          url: `${store.place}?X-Amz-Date=20260601T120000Z&X-Amz-Expires=86400&X-Amz-Signature=CANARY`,
        };
      },
    });
    expect(await signing.upload(request, engine().run())).toMatchObject({ ok: true });
    expect(asked).toMatchObject([{ operation: 'PutObject', isCarried: true }]);
    expect(started[0]?.url).toContain('X-Amz-Signature=CANARY');
    expect(started[0]?.note).toBe(`${store.place}?exp=${NOON / 1000 + DAY_SECONDS}`);
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
    const outcome = await store.remote(carrier).upload(request, engine().run());
    expect(outcome.ok ? 'ok' : `${outcome.class} ${outcome.code}`).toBe(expected);
    expect([tasks.size, started.length]).toEqual([0, 1]);
  });

  it('is met by the next run, which neither looks nor sends', async () => {
    const { carrier, started, tasks } = scriptedCarrier();
    tasks.set(ID, { id: ID, note: store.place, result: stored });
    const outcome = await store.remote(carrier).upload(request, engine().run({ rerun: true }));
    expect(outcome).toMatchObject({ ok: true, receipt: { url: store.place, token: 'v1' } });
    expect([started.length, store.server.seen.length]).toEqual([0, 0]);
  });

  it('is met by the next run although such files go in parts now', async () => {
    const { carrier, tasks } = scriptedCarrier();
    tasks.set(ID, { id: ID, note: store.place, result: stored });
    const smaller = store.remote(carrier, { multipartAboveBytes: 1 });
    expect(await smaller.upload(request, engine().run({ rerun: true }))).toMatchObject({
      ok: true,
    });
    expect(store.server.seen).toEqual([]);
  });

  it('is none of this bucket where the app had another one', async () => {
    const { carrier, tasks, started } = scriptedCarrier(() => stored);
    const note = `${store.server.origin}/elsewhere/account-1/media-1`;
    tasks.set(ID, { id: ID, note, result: stored });
    const outcome = await store.remote(carrier).upload(request, engine().run({ rerun: true }));
    expect(outcome).toMatchObject({ ok: true, receipt: { url: store.place } });
    expect([started.length, ...store.methods()]).toEqual([1, 'HEAD']);
  });

  it('is looked for when it is gone without an end', async () => {
    const { carrier, tasks } = scriptedCarrier(() => stored);
    const lost: Carrier = { ...carrier, attach: async () => undefined };
    const lent = engine();
    expect(await store.remote(lost).upload(request, lent.run())).toMatchObject({
      code: 'carrier_lost',
    });
    tasks.clear();
    expect(await store.remote(carrier).upload(request, lent.run())).toMatchObject({ ok: true });
    expect(store.methods()).toEqual(['HEAD']);
  });

  it('that cannot be asked for is asked for again later, and nothing is sent meanwhile', async () => {
    const { carrier, started } = scriptedCarrier(() => stored);
    const deaf: Carrier = { ...carrier, attach: () => Promise.reject(new Error('locked')) };
    const outcome = await store.remote(deaf).upload(request, engine().run({ rerun: true }));
    expect(outcome).toMatchObject({ class: 'retryable', code: 'carrier_failed' });
    expect([started.length, store.server.seen.length]).toEqual([0, 0]);
  });

  it('is looked at when the store has an object of this name (412)', async () => {
    const { carrier } = scriptedCarrier(() => refused('PreconditionFailed', 412));
    store.server.plan({
      method: 'HEAD',
      answer: {
        status: 200,
        headers: { ETag: '"v0"', 'Content-Length': '10000', 'x-amz-meta-sha256': sha256(PHOTO) },
      },
    });
    const outcome = await store.remote(carrier).upload(request, engine().run());
    expect(outcome).toMatchObject({ ok: true, receipt: { token: 'v0' } });
  });

  it.each([
    ['goes on when the run is left behind', leftBehind(new Error('closing')), []],
    ['is stopped when the run is', new DOMException('stopped', 'AbortError'), [ID]],
  ])('%s', async (_, reason, expected) => {
    const { carrier, cancelled } = scriptedCarrier();
    const abort = new AbortController();
    const running = store.remote(carrier).upload(request, engine().run({ signal: abort.signal }));
    await expect.poll(async () => (await carrier.list()).length).toBe(1);
    abort.abort(reason);
    expect(await running).toMatchObject({ code: 'aborted' });
    expect(cancelled).toEqual(expected);
  });

  it('is stopped before its object is removed, and when the user signs out, whoever signs (contract 4.8, 5.2)', async () => {
    const { carrier, tasks, cancelled } = scriptedCarrier();
    tasks.set(ID, { id: ID, note: store.place, result: undefined });
    const options = { handle: null, signal: never };
    expect(await store.remote(carrier).remove(request.objectKey, options)).toEqual({ ok: true });
    expect(cancelled).toEqual([ID]);
    const sign = async () => ({ url: store.place });
    for (const one of [store.remote(carrier), store.remote(carrier, { sign })]) {
      tasks.set('another', { id: 'another', note: store.place, result: undefined });
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
    expect(await store.remote(stuck).remove(request.objectKey, options)).toMatchObject({
      class: 'retryable',
      code: 'carrier_failed',
    });
    expect(store.server.seen).toEqual([]);
  });
});

describe('a PUT to S3 whose store is not known yet', () => {
  it('is handed over again without the condition, where the store does not know it', async () => {
    const { carrier, started } = scriptedCarrier(({ headers }) =>
      headers['if-none-match'] === undefined ? stored : refused('NotImplemented', 501),
    );
    const one = store.remote(carrier);
    expect(await one.upload(request, engine().run())).toMatchObject({ ok: true });
    expect(started.map(({ headers }) => headers['if-none-match'])).toEqual(['*', undefined]);
    expect(store.methods()).toEqual(['HEAD']);
    expect(await one.upload(request, engine().run())).toMatchObject({ ok: true });
    expect(started).toHaveLength(3); // it is remembered
  });

  it('is sent from here once it was cut off, since it can be asked first then', async () => {
    const { carrier, started } = scriptedCarrier((_, nth) =>
      nth === 1 ? { ended: 'failed', code: 'network', mayHaveArrived: false } : stored,
    );
    const one = store.remote(carrier);
    const lent = engine();
    expect(await one.upload(request, lent.run())).toMatchObject({ code: 'network' });
    expect(await one.upload(request, lent.run())).toMatchObject({ ok: true });
    expect(store.methods()).toEqual(['HEAD', 'PUT']);
    expect(store.server.seen[1]?.headers['expect']).toBe('100-continue');
    // Now it is known, and the next one is carried.
    expect(await one.upload(request, engine().run())).toMatchObject({ ok: true });
    expect([started.length, store.server.count('PUT')]).toEqual([2, 1]);
  });
});

describe('an upload to S3 that is sent from here although there is a carrier', () => {
  const counts = async (
    from: UploadRequest,
    options: Partial<S3RemoteOptions> = {},
    change: Partial<Carrier> = {},
  ): Promise<readonly [sent: number, started: number]> => {
    const { carrier, started } = scriptedCarrier(() => stored);
    const before = store.server.count('PUT');
    await store.remote({ ...carrier, ...change }, options).upload(from, engine().run());
    return [store.server.count('PUT') - before, started.length];
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
    const outcome = await store.remote(carrier).upload({ ...request, file }, engine().run());
    expect(outcome).toMatchObject({ class: 'terminal', code: 'source_changed' });
    expect([started.length, store.server.seen.length]).toEqual([0, 0]);
  });
});
