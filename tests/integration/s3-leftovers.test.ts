import { CreateMultipartUploadCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listIncomplete } from '../../adapters/remotes/s3/leftovers.ts';
import { listParts } from '../../adapters/remotes/s3/list-parts.ts';
import { planParts } from '../../adapters/remotes/s3/part-plan.ts';
import { partsOf } from '../../adapters/remotes/s3/parts.ts';
import { objectKey } from '../../ports/remote.ts';
import { type RgwWorld, rgw, rgwWorld, whyNot } from '../support/rgw-world.ts';
import { attempts, KEY, MIB, never, whatIsThere } from '../support/s3-attempts.ts';
import { content } from '../support/tus-world.ts';

const NOTHING = { hashes: [], unfinished: [] };

describe.skipIf(rgw === null)(`what uploads to S3 leave behind${whyNot}`, () => {
  let world: RgwWorld;
  beforeEach(async () => {
    world = await rgwWorld();
  });
  afterEach(() => world.dispose());

  const begin = async (account: string, mediaId: string): Promise<string> => {
    const Key = objectKey(account, mediaId);
    const begun = { Bucket: world.bucket, Key };
    return (await world.client.send(new CreateMultipartUploadCommand(begun))).UploadId ?? '';
  };

  it('is listed account by account, page by page (field case 42)', async () => {
    for (const mediaId of ['m1', 'm2', 'm3']) await begin('account-1', mediaId);
    const twice = new Set([await begin('account-1', 'm2'), await begin('account-1', 'm2')]);
    await begin('account-11', 'm1');
    await begin('account-2', 'm1');
    const parts = { ...partsOf(world), pageSize: 2 };
    const found: string[] = [];
    let pages = 0;
    for (let after: string | null = null; ; pages++) {
      const page: Awaited<ReturnType<typeof listIncomplete>> = await listIncomplete(
        parts,
        'account-1',
        after,
        never,
      );
      if (!page.ok) throw new Error(page.code);
      found.push(...page.uploads.map((one) => `${one.objectKey} ${twice.has(one.handle)}`));
      if (page.next === null) break;
      after = page.next;
    }
    expect(pages).toBe(2);
    expect(found.toSorted()).toEqual([
      'account-1/m1 false',
      'account-1/m2 false',
      'account-1/m2 true',
      'account-1/m2 true',
      'account-1/m3 false',
    ]);
  });

  it('are parts that a listing in several pages tells', async () => {
    const film = content(23 * MIB);
    const { attempt, lent } = attempts(world, film);
    world.proxy.plan({ method: 'POST', after: 1, act: 'answer', status: 503 });
    await attempt();
    const session = { objectKey: KEY, uploadId: lent.handles[0] ?? '' };
    const parts = { ...partsOf(world), pageSize: 2 };
    const before = world.proxy.exchanges.length;
    const listed = await listParts(parts, session, planParts(film.byteLength, 5 * MIB), never);
    expect(listed.ok && Array.from(listed.etags.keys())).toEqual([1, 2, 3, 4, 5]);
    expect(world.proxy.exchanges.length - before).toBe(3);
  });

  it('goes with the object, known uploads and those that nobody knows', async () => {
    const { attempt, lent, remote } = attempts(world, content(12 * MIB));
    world.proxy.plan({ method: 'PUT', times: 3, act: 'answer', status: 503 });
    await attempt();
    await begin('account-1', 'media-1'); // the answer to its creation was lost
    await begin('account-1', 'media-10');
    await world.client.send(new PutObjectCommand({ Bucket: world.bucket, Key: KEY, Body: 'x' }));
    const handle = lent.handles[0] ?? null;
    expect(await remote.remove(KEY, { handle, signal: never })).toEqual({ ok: true });
    const { hashes, unfinished } = await whatIsThere(world);
    expect([hashes, unfinished.map(({ key }) => key)]).toEqual([[], ['account-1/media-10']]);
  });

  it('is ended again until the store says that it is gone: a part may land late', async () => {
    const { remote } = attempts(world);
    const handle = await begin('account-1', 'media-1');
    // The first time nothing happens, as where a part lands after it.
    world.proxy.plan({ method: 'DELETE', act: 'answer', status: 204 });
    expect(await remote.abort?.({ objectKey: KEY, handle }, { signal: never })).toEqual({
      ok: true,
    });
    expect(world.proxy.traffic({ method: 'DELETE' }).exchanges).toBe(2);
    expect(await whatIsThere(world)).toEqual(NOTHING);
  });

  it('is not said to be gone while it is there', async () => {
    const { remote } = attempts(world);
    const handle = await begin('account-1', 'media-1');
    world.proxy.plan({ method: 'DELETE', times: 9, act: 'answer', status: 204 });
    const told = await remote.abort?.({ objectKey: KEY, handle }, { signal: never });
    expect(told).toMatchObject({ class: 'retryable', code: 'not_aborted' });
    expect(world.proxy.traffic({ method: 'DELETE' }).exchanges).toBe(3);
  });

  it('is removed as far as may be, where listing is forbidden', async () => {
    const { attempt, remote } = attempts(world, content(1000));
    await attempt();
    const body = '<Error><Code>AccessDenied</Code></Error>';
    world.proxy.plan({ method: 'GET', act: 'answer', status: 403, body });
    expect(await remote.remove(KEY, { handle: null, signal: never })).toEqual({ ok: true });
    expect(await whatIsThere(world)).toEqual(NOTHING);
  });
});
