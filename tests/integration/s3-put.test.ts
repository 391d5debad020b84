import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RgwWorld, rgw, rgwWorld, whyNot } from '../support/rgw-world.ts';
import { attempts, KEY, never, whatIsThere } from '../support/s3-attempts.ts';
import { content, sha256 } from '../support/tus-world.ts';

const PHOTO = content(200_000);
const ONE = { hashes: [sha256(PHOTO)], unfinished: [] };
const NOT_IMPLEMENTED = {
  status: 501,
  headers: { 'Content-Type': 'application/xml' },
  body: '<Error><Code>NotImplemented</Code></Error>',
};

describe.skipIf(rgw === null)(`an upload to S3 by one PUT${whyNot}`, () => {
  let world: RgwWorld;
  beforeEach(async () => {
    world = await rgwWorld();
  });
  afterEach(() => world.dispose());

  const methods = () => world.proxy.exchanges.map(({ method }) => method);

  it('is one request, with the hash of its bytes and If-None-Match', async () => {
    const { attempt, lent } = attempts(world, PHOTO);
    expect(await attempt()).toMatchObject({
      ok: true,
      receipt: {
        byteSize: 200_000,
        url: `${world.endpoint}/${world.bucket}/account-1/media-1`,
        token: expect.stringMatching(/^[0-9a-f]{32}$/),
      },
    });
    expect(methods()).toEqual(['PUT']);
    expect(world.proxy.exchanges[0]?.headers).toMatchObject({
      'content-length': '200000',
      'content-type': 'image/jpeg',
      'content-disposition': 'attachment',
      'if-none-match': '*',
      'x-amz-content-sha256': sha256(PHOTO),
      'x-amz-meta-sha256': sha256(PHOTO),
    });
    expect(lent.progress.at(-1)).toBe(200_000);
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  it('that meets its earlier self without knowing ends well, and in one object (412)', async () => {
    await attempts(world, PHOTO).attempt();
    expect(await attempts(world, PHOTO).attempt()).toMatchObject({ ok: true });
    expect(methods()).toEqual(['PUT', 'PUT', 'HEAD']);
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  it('never replaces other content: that is a conflict for good', async () => {
    const other = content(200_000, 9);
    await world.client.send(
      new PutObjectCommand({
        Bucket: world.bucket,
        Key: KEY,
        Body: other,
        Metadata: { sha256: sha256(other) },
      }),
    );
    const { attempt } = attempts(world, PHOTO);
    const conflict = { class: 'terminal', code: 'other_content' };
    expect(await attempt()).toMatchObject(conflict);
    expect(await attempt()).toMatchObject(conflict);
    expect((await whatIsThere(world)).hashes).toEqual([sha256(other)]);
  });

  it('that eight runners begin at once ends in one object, and well for all of them', async () => {
    const runs = Array.from({ length: 8 }, () => attempts(world, PHOTO).attempt());
    const outcomes = await Promise.all(runs);
    for (const outcome of outcomes) {
      const isRepeated = !outcome.ok && outcome.code === 'conditional_conflict';
      expect(outcome.ok || isRepeated).toBe(true);
    }
    expect(outcomes.some(({ ok }) => ok)).toBe(true);
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  it('whose answer is lost is met by the next attempt, and not sent again (field case 19)', async () => {
    const { attempt } = attempts(world, PHOTO);
    world.proxy.plan({ method: 'PUT', act: 'lose reply' });
    expect(await attempt()).toMatchObject({ class: 'retryable', code: 'network' });
    expect(await attempt()).toMatchObject({ ok: true });
    expect(methods()).toEqual(['PUT', 'HEAD']);
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  it('refuses bytes that changed on their way: the store has their hash', async () => {
    const { attempt } = attempts(world, PHOTO);
    world.proxy.plan({ method: 'PUT', act: 'corrupt', side: 'request' });
    expect(await attempt()).toMatchObject({ class: 'retryable', code: 'checksum_refused' });
    expect(await whatIsThere(world)).toEqual({ hashes: [], unfinished: [] });
    expect(await attempt()).toMatchObject({ ok: true });
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  it('asks first whether the body is wanted, until the store has answered one', async () => {
    const { attempt, remote } = attempts(world, PHOTO);
    expect(await attempt()).toMatchObject({ ok: true });
    await remote.remove(KEY, { handle: null, signal: never });
    expect(await attempt({ rerun: false })).toMatchObject({ ok: true });
    const puts = world.proxy.exchanges.filter(({ method }) => method === 'PUT');
    expect(puts.map(({ headers }) => headers.expect)).toEqual(['100-continue', undefined]);
  });

  it('goes on without the condition where a store does not know it, after one look', async () => {
    const { attempt, remote } = attempts(world, PHOTO);
    world.proxy.plan({ method: 'PUT', act: 'answer', ...NOT_IMPLEMENTED });
    expect(await attempt()).toMatchObject({ ok: true });
    expect(methods()).toEqual(['PUT', 'HEAD', 'PUT']);
    expect(world.proxy.exchanges.at(-1)?.headers['if-none-match']).toBeUndefined();
    await remote.remove(KEY, { handle: null, signal: never });
    const before = world.proxy.exchanges.length;
    expect(await attempt({ rerun: false })).toMatchObject({ ok: true });
    expect(methods().slice(before)).toEqual(['PUT']); // it is remembered
  });

  it.each([
    [true, '*'],
    [false, undefined],
  ])('with conditionalWrites %j sends If-None-Match %j', async (conditionalWrites, expected) => {
    const { attempt } = attempts(world, PHOTO, { conditionalWrites });
    expect(await attempt()).toMatchObject({ ok: true });
    expect(world.proxy.exchanges[0]?.headers['if-none-match']).toBe(expected);
  });

  it('without the condition is looked for only where the outcome is not known', async () => {
    const { attempt } = attempts(world, PHOTO, { conditionalWrites: false });
    world.proxy.plan({ method: 'PUT', act: 'lose reply' });
    expect(await attempt()).toMatchObject({ class: 'retryable' });
    expect(await attempt()).toMatchObject({ ok: true });
    expect(methods()).toEqual(['PUT', 'HEAD']);
  });

  it('asks the other way when a look is refused without a reason: HEAD has no body', async () => {
    const wrong = { accessKeyId: 'testkey', secretAccessKey: 'wrong' };
    const { remote } = attempts(world, PHOTO, { credentials: wrong });
    const looked = await remote.head(KEY, { handle: null, signal: never });
    expect(looked).toMatchObject({ class: 'auth', code: 'signature_refused' });
    expect(methods()).toEqual(['HEAD', 'GET']);
  });
});
