import { type S3Credentials, type S3Sign, type S3SignRequest, s3Signer } from 'lading/remotes/s3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { collect } from '../../testing/contracts/bytes.ts';
import { virtualClock } from '../../testing/world/virtual-clock.ts';
import { presigning } from '../support/presigning.ts';
import { type RgwWorld, rgw, rgwWorld, whyNot } from '../support/rgw-world.ts';
import { attempts, KEY, MIB, never, whatIsThere } from '../support/s3-attempts.ts';
import { content, sha256 } from '../support/tus-world.ts';

const PHOTO = content(50_000);
/** Three parts. */
const FILM = content(12 * MIB);
const DAY_MS = 24 * 60 * 60 * 1000;
const LONG_AGO = () => new Date(Date.now() - 1000 * 1000);

describe.skipIf(rgw === null)(`requests to S3 are signed${whyNot}`, () => {
  let world: RgwWorld;
  beforeEach(async () => {
    world = await rgwWorld();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await world.dispose();
  });

  const methods = () => world.proxy.exchanges.map(({ method }) => method);

  describe('on a device', () => {
    it.each([-DAY_MS, DAY_MS])(
      'whose clock is wrong by %i ms, by the clock of the store (field case 43)',
      async (offMs) => {
        const now = Date.now.bind(Date);
        vi.spyOn(Date, 'now').mockImplementation(() => now() + offMs);
        const { attempt, remote } = attempts(world, PHOTO);
        expect(await attempt()).toMatchObject({ ok: true });
        expect(methods()).toEqual(['PUT', 'PUT']);
        const found = await remote.head(KEY, { handle: null, signal: never });
        expect(found).toMatchObject({ exists: true });
        expect(methods()).toEqual(['PUT', 'PUT', 'HEAD']);
      },
    );

    it('whose clock is wrong, where the first request is a look or a download', async () => {
      await attempts(world, PHOTO).attempt();
      const now = Date.now.bind(Date);
      vi.spyOn(Date, 'now').mockImplementation(() => now() - DAY_MS);
      const looked = await attempts(world, PHOTO).remote.head(KEY, { handle: null, signal: never });
      expect(looked).toMatchObject({ exists: true });
      const url = `${world.endpoint}/${world.bucket}/${KEY}`;
      const told = await attempts(world, PHOTO).remote.download(url, { signal: never });
      expect(told.ok && sha256(await collect(told.body))).toBe(sha256(PHOTO));
    });

    it('whose clock cannot be set right is refused, and waits for a person', async () => {
      const body = '<Error><Code>RequestTimeTooSkewed</Code></Error>';
      world.proxy.plan({ method: 'PUT', times: 9, act: 'answer', status: 403, body });
      const outcome = await attempts(world, PHOTO).attempt();
      expect(outcome).toMatchObject({ class: 'auth', code: 'clock_skewed' });
      expect(methods()).toEqual(['PUT', 'PUT']);
    });

    it('with credentials that are asked for each time, so that new ones are used at once', async () => {
      let given: S3Credentials = { accessKeyId: 'nobody', secretAccessKey: 'x' };
      const credentials = vi.fn<() => S3Credentials>(() => given);
      const { attempt } = attempts(world, PHOTO, { credentials });
      expect(await attempt()).toMatchObject({ class: 'auth', code: 'access_key_unknown' });
      given = { ...world.credentials, secretAccessKey: 'wrong' };
      expect(await attempt({ rerun: false })).toMatchObject({
        class: 'auth',
        code: 'signature_refused',
      });
      given = world.credentials;
      expect(await attempt({ rerun: false })).toMatchObject({ ok: true });
      expect(credentials).toHaveBeenCalledTimes(3);
    });

    it('with credentials that are handed over, and with none after signing out', async () => {
      const { attempt, remote } = attempts(world, PHOTO, { credentials: null });
      const none = { class: 'auth', code: 'no_credentials' };
      expect(await attempt()).toMatchObject(none);
      expect(() => remote.credentials?.({ accessKeyId: 'CANARY' })).toThrow(
        /^Credentials of S3 are/,
      );
      await remote.credentials?.(world.credentials);
      expect(await attempt()).toMatchObject({ ok: true });
      await remote.credentials?.(null);
      expect(await attempt()).toMatchObject(none);
    });

    it('and credentials are not waited for longer than a silent store', async () => {
      const clock = virtualClock();
      const asked = Promise.withResolvers<void>();
      const credentials = () => {
        asked.resolve();
        return new Promise<never>(() => {});
      };
      const silent = attempts(world, PHOTO, { credentials, clock, stallMs: 5_000 }).attempt();
      await asked.promise;
      await clock.advanceBy(5_000);
      expect(await silent).toMatchObject({ class: 'retryable', code: 'stalled' });
    });

    it('for downloads from this bucket alone: no other url of the store is asked', async () => {
      await attempts(world, PHOTO).attempt();
      const { remote } = attempts(world, PHOTO);
      const before = world.proxy.exchanges.length;
      for (const path of [
        '',
        '/',
        `/${world.bucket}`,
        `/${world.bucket}/`,
        `/${'x'.repeat(60)}/${KEY}`,
      ]) {
        const told = await remote.download(`${world.endpoint}${path}`, { signal: never });
        expect([path, told]).toMatchObject([path, { class: 'terminal', code: 'origin_refused' }]);
      }
      expect(world.proxy.exchanges).toHaveLength(before);
    });

    it('and not sent without credentials; what the app says to it goes no further', async () => {
      const credentials = async () => {
        throw new Error('CANARY');
      };
      const outcome = await attempts(world, PHOTO, { credentials }).attempt();
      expect(outcome).toMatchObject({ class: 'retryable', code: 'credentials_failed' });
      expect(JSON.stringify(outcome)).not.toContain('CANARY');
      expect(methods()).toEqual([]);
    });
  });

  describe('by the app', () => {
    it('one by one, just before they are sent (field case 40)', async () => {
      const asked: S3SignRequest[] = [];
      const sign = presigning(world);
      const { attempt } = attempts(world, FILM, {
        partsAtOnce: 1,
        sign: async (request) => {
          expect(world.proxy.exchanges).toHaveLength(asked.length);
          asked.push(request);
          return sign(request);
        },
      });
      expect(await attempt()).toMatchObject({ ok: true });
      expect(asked.map(({ operation, query }) => [operation, query['partNumber']])).toEqual([
        ['CreateMultipartUpload', undefined],
        ['UploadPart', '1'],
        ['UploadPart', '2'],
        ['UploadPart', '3'],
        ['CompleteMultipartUpload', undefined],
        ['HeadObject', undefined],
      ]);
      expect(asked[1]).toMatchObject({
        method: 'PUT',
        bucket: world.bucket,
        key: KEY,
        headers: {
          'content-length': String(5 * MIB),
          'x-amz-content-sha256': sha256(FILM.subarray(0, 5 * MIB)),
        },
      });
      expect(JSON.parse(JSON.stringify(asked))).toEqual(asked);
    });

    it('never with the checksum of an empty body', async () => {
      const urls: string[] = [];
      const sign = presigning(world);
      const { attempt } = attempts(world, PHOTO, {
        sign: async (request) => {
          const signed = await sign(request);
          if ('url' in signed) urls.push(signed.url);
          return signed;
        },
      });
      expect(await attempt()).toMatchObject({ ok: true });
      const told =
        urls.join() + JSON.stringify(world.proxy.exchanges.map(({ headers }) => headers));
      expect(told).not.toMatch(/crc|AAAAAA==|e3b0c44298fc1c149afbf4c8996fb924/i);
    });

    it('anew where a signature has expired, without losing the upload', async () => {
      let asks = 0;
      const sign: S3Sign = (request) =>
        presigning(world, ++asks === 3 ? LONG_AGO : undefined)(request);
      const { attempt, lent } = attempts(world, FILM, { partsAtOnce: 1, sign });
      expect(await attempt()).toMatchObject({ ok: true });
      expect(lent.handles).toHaveLength(1);
      expect(await whatIsThere(world)).toMatchObject({ hashes: [sha256(FILM)], unfinished: [] });
    });

    it('in vain where every signature has expired: parts and handle are kept meanwhile', async () => {
      let late = false;
      const direct = { ...world, endpoint: world.direct };
      const sign: S3Sign = (request) => presigning(direct, late ? LONG_AGO : undefined)(request);
      // A store refuses before it has read a part: a proxy in between could lose its answer.
      const { attempt, lent } = attempts(direct, FILM, {
        partsAtOnce: 1,
        sign: async (request) => {
          late ||= request.query['partNumber'] === '3';
          return sign(request);
        },
      });
      const outcome = await attempt();
      expect(outcome).toMatchObject({ class: 'auth', code: 'url_expired' });
      late = false;
      const before = world.proxy.exchanges.length;
      const { attempt: again } = attempts(world, FILM);
      expect(await again(lent.run())).toMatchObject({ ok: true });
      const sent = world.proxy.exchanges.slice(before).filter(({ method }) => method === 'PUT');
      expect(sent).toHaveLength(1);
      expect(lent.handles).toHaveLength(1);
    });

    it('or not at all: its fault is the outcome', async () => {
      const over = { ok: false, class: 'auth', code: 'session_over' } as const;
      const { attempt } = attempts(world, PHOTO, { sign: async () => over });
      expect(await attempt()).toEqual(over);
      expect(methods()).toEqual([]);
    });

    it.each<readonly [string, string, S3Sign]>([
      ['does not answer', 'sign_failed', () => Promise.reject(new Error('CANARY'))],
      ['names another origin', 'origin_refused', async () => ({ url: 'https://evil.test/CANARY' })],
      ['names no url', 'origin_refused', async () => ({ url: 'CANARY' })],
      ...[null, 'CANARY', [], {}, { ok: true }, { ok: false }, { ok: false, class: 'CANARY' }].map(
        (odd) =>
          [
            `says ${JSON.stringify(odd)}`,
            'sign_failed',
            async () => odd as unknown as Awaited<ReturnType<S3Sign>>,
          ] as const,
      ),
      ...[{ Authorization: 'CANARY\nX-Evil: 1' }, { 'not a name': 'CANARY' }].map(
        (headers) =>
          [
            `gives no header: ${JSON.stringify(headers)}`,
            'sign_failed',
            async ({ bucket }: S3SignRequest) => {
              return { url: `${world.endpoint}/${bucket}/${KEY}`, headers };
            },
          ] as const,
      ),
      [
        'names another object',
        'sign_mismatch',
        async ({ bucket }) => ({ url: `${world.endpoint}/${bucket}/account-1/CANARY` }),
      ],
    ])('and nothing is sent where it %s (contract 10.3)', async (_, code, sign) => {
      const outcome = await attempts(world, PHOTO, { sign }).attempt();
      expect(outcome).toMatchObject({ ok: false, code });
      expect(JSON.stringify(outcome)).not.toContain('CANARY');
      expect(methods()).toEqual([]);
    });

    it('and is not waited for longer than for a silent store, nor after a stop', async () => {
      const clock = virtualClock();
      const asked = Promise.withResolvers<void>();
      const sign: S3Sign = () => {
        asked.resolve();
        return new Promise(() => {});
      };
      const silent = attempts(world, PHOTO, { sign, clock, stallMs: 5_000 }).attempt();
      await asked.promise;
      await clock.advanceBy(5_000);
      expect(await silent).toMatchObject({ class: 'retryable', code: 'stalled' });
      const stop = new AbortController();
      const stopped = attempts(world, PHOTO, { sign, clock }).attempt({ signal: stop.signal });
      setImmediate(() => stop.abort());
      expect(await stopped).toMatchObject({ code: 'aborted' });
      expect(clock.pending).toBe(0);
    });

    it('and a url of another part is not used: it would put bytes in the wrong place', async () => {
      const sign = presigning(world);
      const cached: S3Sign = (request) =>
        sign({
          ...request,
          query: { ...request.query, ...(request.query['partNumber'] && { partNumber: '1' }) },
        });
      const outcome = await attempts(world, FILM, { sign: cached, partsAtOnce: 1 }).attempt();
      expect(outcome).toMatchObject({ class: 'terminal', code: 'sign_mismatch' });
      expect(methods()).toEqual(['POST', 'PUT']);
    });
  });

  describe('by a server with s3Signer', () => {
    const account = { accountId: 'account-1' };
    const request = (more: object): unknown => ({
      operation: 'PutObject',
      method: 'PUT',
      bucket: world.bucket,
      key: KEY,
      query: {},
      headers: { 'x-amz-content-sha256': sha256(PHOTO), 'content-length': '50000' },
      ...more,
    });
    const signer = () => s3Signer(world);

    it('for the objects of the account, with the hash of the body in it', async () => {
      const signed = await signer()(request({}), account);
      if (!('url' in signed)) throw new Error(signed.code);
      const { url, headers = {} } = signed;
      const put = (body: Buffer) => fetch(url, { method: 'PUT', headers: { ...headers }, body });
      expect((await put(content(50_000, 2))).status).toBe(400);
      expect((await put(PHOTO)).status).toBe(200);
      expect(await world.stored(KEY)).toHaveLength(1);
    });

    it.each([
      ['another account', { key: 'account-2/media-1' }],
      ['an account that begins alike', { key: 'account-11/media-1' }],
      ['a way out of the account', { key: 'account-1/../account-2/media-1' }],
      ['a folder', { key: 'account-1/' }],
      ['another bucket', { bucket: 'secrets' }],
      ['an operation of others', { operation: 'PutBucketPolicy' }],
      ['a listing of another account', { operation: 'ListMultipartUploads', key: 'account-2/' }],
      ['a listing of all', { operation: 'ListMultipartUploads', key: '' }],
      ['bytes that nobody has named', { headers: {} }],
      ['bytes that are not signed', { headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } }],
      ['nonsense', { query: null }],
    ])('and not for %s', async (_, more) => {
      expect(await signer()(request(more), account)).toMatchObject({
        ok: false,
        class: 'terminal',
        code: 'sign_refused',
      });
    });

    it('with nothing in it that Lading does not send', async () => {
      const signed = await signer()(
        request({
          query: { acl: '', tagging: '', versionId: '1' },
          headers: {
            'x-amz-content-sha256': sha256(PHOTO),
            'x-amz-acl': 'public-read',
            'x-amz-copy-source': '/secrets/key',
            'content-type': 'image/jpeg',
          },
        }),
        account,
      );
      const text = JSON.stringify(signed);
      expect(text).toContain('image/jpeg');
      expect(text).not.toMatch(/acl|copy-source|tagging|versionId|testsecret/);
    });
  });
});
