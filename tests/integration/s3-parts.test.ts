import { PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Json } from '../../machines/json.ts';
import { type RgwWorld, rgw, rgwWorld, whyNot } from '../support/rgw-world.ts';
import { attempts, KEY, MIB, never, whatIsThere } from '../support/s3-attempts.ts';
import { content, sha256, uploadRequest } from '../support/tus-world.ts';

const PART = 5 * MIB;
/** Three parts. */
const FILM = content(12 * MIB);
const ONE = { hashes: [sha256(FILM)], unfinished: [] };

describe.skipIf(rgw === null)(`an upload to S3 in parts${whyNot}`, () => {
  let world: RgwWorld;
  beforeEach(async () => {
    world = await rgwWorld();
  });
  afterEach(() => world.dispose());

  const parts = () => world.proxy.exchanges.filter(({ path }) => /partNumber=/.test(path));
  const numbers = () => parts().map(({ path }) => /partNumber=(\d+)/.exec(path)?.[1]);
  const begun = () => world.proxy.exchanges.filter(({ path }) => /[?&]uploads=?(&|$)/.test(path));
  const clear = () => (world.proxy.exchanges as unknown[]).splice(0);

  it('sends them side by side, tells the handle before the first, and proves the object', async () => {
    const { attempt, lent } = attempts(world, FILM);
    let opened = 0;
    const outcome = await attempt({
      async opened(handle) {
        opened = parts().length;
        expect(handle).not.toBe('');
      },
    });
    expect(outcome).toMatchObject({ ok: true, receipt: { byteSize: FILM.byteLength } });
    expect(opened).toBe(0);
    expect(numbers()).toHaveLength(3);
    expect(new Set(numbers())).toEqual(new Set(['1', '2', '3']));
    expect(await whatIsThere(world)).toEqual(ONE);
    expect(lent.progress).toEqual(lent.progress.toSorted((a, b) => a - b));
    expect(lent.progress.at(-1)).toBe(FILM.byteLength);
  });

  it('has at most so many under way as it was told', async () => {
    const film = content(31 * MIB);
    const counted = { now: 0, most: 0 };
    const fetch: typeof globalThis.fetch = async (input, init) => {
      const isPart = typeof input === 'string' && /partNumber=/.test(input);
      if (isPart) counted.most = Math.max(counted.most, ++counted.now);
      const answer = await globalThis.fetch(input, init);
      if (isPart) counted.now--;
      return answer;
    };
    const { attempt } = attempts(world, film, { fetch, partsAtOnce: 3 });
    expect(await attempt()).toMatchObject({ ok: true });
    expect(counted.most).toBe(3);
  });

  it('goes on by ListParts where it stood, without a checkpoint (field case 40)', async () => {
    const { attempt, lent } = attempts(world, FILM, { partsAtOnce: 1 });
    world.proxy.plan({ method: 'PUT', after: 2, act: 'answer', status: 503 });
    expect(await attempt()).toMatchObject({ class: 'retryable', code: 'server_error' });
    expect(lent.confirmed).toEqual([PART, 2 * PART]);
    clear();
    const before = world.proxy.receivedBytes();
    expect(await attempt()).toMatchObject({ ok: true });
    expect(numbers()).toEqual(['3']);
    expect(lent.confirmed.slice(2)).toEqual([2 * PART, FILM.byteLength]);
    expect(world.proxy.receivedBytes() - before).toBeLessThan(2 * MIB + 64 * 1024);
    expect(begun()).toEqual([]);
    expect(lent.handles).toHaveLength(1);
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  it('lets the parts under way come to their end when one breaks', async () => {
    const { attempt } = attempts(world, FILM);
    world.proxy.plan({ method: 'PUT', act: 'answer', status: 503 });
    expect(await attempt()).toMatchObject({ class: 'retryable' });
    clear();
    expect(await attempt()).toMatchObject({ ok: true });
    expect(numbers()).toHaveLength(1);
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  it('ends within one attempt on a link that breaks with every second part', async () => {
    const { attempt } = attempts(world, FILM, { partsAtOnce: 1 });
    world.proxy.plan({ method: 'PUT', after: 1, act: 'cut', side: 'request' });
    expect(await attempt()).toMatchObject({ ok: true });
    expect(numbers()).toEqual(['1', '2', '2', '3']);
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  it('that is complete, and whose answer was lost, is met again (field case 19)', async () => {
    const { attempt, lent } = attempts(world, FILM);
    world.proxy.plan({ method: 'POST', after: 1, act: 'lose reply' });
    expect(await attempt()).toMatchObject({ class: 'retryable', code: 'network' });
    clear();
    expect(await attempt({ rerun: false })).toMatchObject({ ok: true });
    expect(await attempt({ handle: null })).toMatchObject({ ok: true });
    expect([parts(), begun()]).toEqual([[], []]);
    expect(lent.handles).toHaveLength(1);
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  it('whose name was lost with the answer to its creation is found again, and no second one is begun', async () => {
    const { attempt, lent } = attempts(world, FILM);
    world.proxy.plan({ method: 'POST', act: 'lose reply' });
    expect(await attempt()).toMatchObject({ class: 'retryable', code: 'network' });
    expect((await whatIsThere(world)).unfinished).toHaveLength(1);
    clear();
    expect(await attempt()).toMatchObject({ ok: true });
    expect(begun()).toEqual([expect.objectContaining({ method: 'GET' })]);
    expect(lent.handles).toHaveLength(1);
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  it('whose name was lost needs no list of its parts, which not everybody may ask for: it has none', async () => {
    const { attempt } = attempts(world, FILM);
    world.proxy.plan({ method: 'POST', act: 'lose reply' });
    await attempt();
    const body = '<Error><Code>AccessDenied</Code></Error>';
    world.proxy.plan({ method: 'GET', path: /uploadId=/, act: 'answer', status: 403, body });
    expect(await attempt()).toMatchObject({ ok: true });
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  it('is begun a second time where nobody may list', async () => {
    const { attempt, lent } = attempts(world, FILM);
    world.proxy.plan({ method: 'POST', act: 'lose reply' });
    await attempt();
    const body = '<Error><Code>AccessDenied</Code></Error>';
    world.proxy.plan({ method: 'GET', act: 'answer', status: 403, body });
    expect(await attempt()).toMatchObject({ ok: true });
    expect(lent.handles).toHaveLength(1);
    expect((await whatIsThere(world)).hashes).toEqual(ONE.hashes);
  });

  it('that meets its own object at its end leaves no parts behind', async () => {
    const { attempt, lent } = attempts(world, FILM);
    await world.client.send(
      new PutObjectCommand({
        Bucket: world.bucket,
        Key: KEY,
        Body: FILM,
        Metadata: { sha256: sha256(FILM) },
      }),
    );
    // Only some stores know the condition at this request.
    world.proxy.plan({ method: 'POST', after: 1, act: 'answer', status: 412 });
    expect(await attempt()).toMatchObject({ ok: true });
    expect(lent.handles).toHaveLength(1);
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  it('that went on with what another run began leaves it to who looks at leftovers: that one may be completing it', async () => {
    const { attempt } = attempts(world, FILM);
    world.proxy.plan({ method: 'PUT', times: 3, act: 'answer', status: 503 });
    expect(await attempt()).toMatchObject({ ok: false });
    await world.client.send(
      new PutObjectCommand({
        Bucket: world.bucket,
        Key: KEY,
        Body: FILM,
        Metadata: { sha256: sha256(FILM) },
      }),
    );
    // The object comes just after this run has looked.
    world.proxy.plan(
      { method: 'HEAD', act: 'answer', status: 404 },
      { method: 'POST', act: 'answer', status: 412 },
    );
    expect(await attempt()).toMatchObject({ ok: true });
    expect((await whatIsThere(world)).unfinished).toHaveLength(1);
  });

  it('that meets another object at its end leaves it alone, and its parts to who looks at them', async () => {
    const { attempt } = attempts(world, FILM);
    await world.client.send(
      new PutObjectCommand({ Bucket: world.bucket, Key: KEY, Body: 'another' }),
    );
    world.proxy.plan({ method: 'POST', after: 1, act: 'answer', status: 412 });
    expect(await attempt()).toMatchObject({ class: 'terminal', code: 'other_content' });
    expect((await whatIsThere(world)).unfinished).toHaveLength(1);
  });

  it('that the store has reaped begins again, and ends in one object', async () => {
    const { attempt, remote, lent } = attempts(world, FILM);
    world.proxy.plan({ method: 'PUT', after: 1, times: 2, act: 'answer', status: 503 });
    expect(await attempt()).toMatchObject({ ok: false });
    const handle = lent.handles[0] ?? '';
    await remote.abort?.({ objectKey: KEY, handle }, { signal: never });
    expect(await attempt()).toMatchObject({ ok: true });
    expect(lent.handles).toHaveLength(2);
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  it('that goes away under its parts begins again, and ends in one object', async () => {
    const { remote, lent } = attempts(world, FILM, { partsAtOnce: 1 });
    const request = uploadRequest(FILM);
    let reaped = false;
    const open: typeof request.open = async function* open(range = {}) {
      if (range.start === PART && !reaped) {
        reaped = true;
        const handle = lent.handles[0] ?? '';
        await remote.abort?.({ objectKey: KEY, handle }, { signal: never });
      }
      yield* request.open(range);
    };
    const first = await remote.upload({ ...request, open }, lent.run());
    // A store may refuse a part that it has not read: then the connection breaks under what is still on its way.
    const outcome = first.ok ? first : await remote.upload(request, lent.run());
    expect(outcome).toMatchObject({ ok: true });
    expect(lent.handles).toHaveLength(2);
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  it('sends a part again that has another size, or other bytes than were sent', async () => {
    const { attempt, lent } = attempts(world, FILM);
    let saved: Json | null = null;
    const checkpoint = {
      load: async () => saved,
      save: async (value: Json) => {
        saved = value;
      },
    };
    world.proxy.plan({ method: 'POST', after: 1, act: 'answer', status: 503 });
    expect(await attempt({ checkpoint })).toMatchObject({ class: 'retryable' });
    await replacePart(lent.handles[0], 1, content(PART, 7));
    await replacePart(lent.handles[0], 2, content(PART - 1));
    clear();
    expect(await attempt({ checkpoint })).toMatchObject({ ok: true });
    expect(numbers()).toHaveLength(2);
    expect(new Set(numbers())).toEqual(new Set(['1', '2']));
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  it('sends a part again that has another size, also where nothing is noted', async () => {
    const { attempt, lent } = attempts(world, FILM);
    world.proxy.plan({ method: 'POST', after: 1, act: 'answer', status: 503 });
    expect(await attempt()).toMatchObject({ class: 'retryable' });
    await replacePart(lent.handles[0], 2, content(PART + 1));
    clear();
    expect(await attempt()).toMatchObject({ ok: true });
    expect(numbers()).toEqual(['2']);
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  it('sends a part again that the store does not have as it said (InvalidPart)', async () => {
    const { remote, lent } = attempts(world, FILM, { partsAtOnce: 1 });
    const request = uploadRequest(FILM);
    const open: typeof request.open = async function* open(range = {}) {
      if (range.start === 2 * PART) await replacePart(lent.handles[0], 1, content(PART, 7));
      yield* request.open(range);
    };
    expect(await remote.upload({ ...request, open }, lent.run())).toMatchObject({ ok: true });
    expect(numbers()).toEqual(['1', '2', '3', '1']);
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  it('refuses bytes that changed on their way, and sends the right ones the next time', async () => {
    const { attempt } = attempts(world, FILM);
    world.proxy.plan({ method: 'PUT', act: 'corrupt', side: 'request' });
    expect(await attempt()).toMatchObject({ class: 'retryable', code: 'checksum_refused' });
    clear();
    expect(await attempt()).toMatchObject({ ok: true });
    expect(numbers()).toHaveLength(1);
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  /** As another device would that had the same id: nobody does, and still no wrong object is made. */
  async function replacePart(
    UploadId: string | undefined,
    PartNumber: number,
    Body: Buffer,
  ): Promise<void> {
    const what = { Bucket: world.bucket, Key: KEY, UploadId, PartNumber, Body };
    await world.client.send(new UploadPartCommand(what));
  }
});
