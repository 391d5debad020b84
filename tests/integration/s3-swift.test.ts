import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCarrier } from 'lading/carrier/node';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { objectKey } from '../../ports/remote.ts';
import { type RgwWorld, rgwWorld } from '../support/rgw-world.ts';
import { attempts, KEY, MIB, never } from '../support/s3-attempts.ts';
import { content, sha256, uploadRequest } from '../support/tus-world.ts';

const isWanted = process.env['LADING_S3'] === 'swift';
const whyNot = isWanted ? '' : ' [skipped: on demand, by npm run swift]';
const FILM = content(12 * MIB);

/** In this order: nodes that are gone stay gone. */
describe.skipIf(!isWanted)(`OpenStack Swift, three nodes with three copies${whyNot}`, () => {
  let world: RgwWorld;
  beforeAll(async () => {
    world = await rgwWorld();
  });
  afterAll(() => world.dispose());

  const killNode = (node: number) => fetch(`${inject('rgwControl')}/${node}`, { method: 'POST' });

  it('says that it knows no If-None-Match on PUT, and is sent the file without it', async () => {
    // It refuses before it has read the body: a proxy in between could lose its answer.
    const { attempt } = attempts({ ...world, endpoint: world.direct }, content(200_000));
    expect(await attempt()).toMatchObject({ ok: true });
    expect(await world.stored(KEY)).toHaveLength(1);
  });

  it('refuses the condition of a carried PUT too, and gets the file without it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lading-swift-carried-'));
    const carrier = nodeCarrier({ directory: folder });
    try {
      const photo = content(2 * MIB);
      const file = join(folder, 'photo');
      await writeFile(file, photo);
      const { remote, lent } = attempts(world, photo, { carrier, prefix: 'carried/' });
      const request = { ...uploadRequest(photo), file: async () => file };
      expect(await remote.upload(request, lent.run())).toMatchObject({ ok: true });
      expect(sha256(await world.bytesOf(`carried/${KEY}`))).toBe(sha256(photo));
    } finally {
      for (const { id } of await carrier.list()) await carrier.cancel(id);
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  });

  it('completes an upload in parts when a node dies in the middle of it', async () => {
    const { remote, lent } = attempts(world, FILM, { partsAtOnce: 1, prefix: 'a/' });
    const request = uploadRequest(FILM);
    const open: typeof request.open = async function* open(range = {}) {
      if (range.start === 5 * MIB) await killNode(1);
      yield* request.open(range);
    };
    const first = await remote.upload({ ...request, open }, lent.run());
    const outcome = first.ok ? first : await remote.upload(request, lent.run());
    expect(outcome).toMatchObject({ ok: true });
    expect(lent.handles).toHaveLength(1);
    expect(sha256(await world.bytesOf(`a/${KEY}`))).toBe(sha256(FILM));
  });

  it('takes twenty files with a node gone', async () => {
    const { remote, lent } = attempts(world, FILM, { prefix: 'b/', conditionalWrites: false });
    for (let n = 0; n < 20; n++) {
      const body = content(50_000, n);
      const request = uploadRequest(body, `media-${n}`);
      expect(await remote.upload(request, lent.run({ handle: null }))).toMatchObject({ ok: true });
      // Not by the listing, which may be late.
      const stored = await world.bytesOf(`b/${request.objectKey}`);
      expect(sha256(stored)).toBe(sha256(body));
    }
  });

  it('meets an upload again whose completion was answered to nobody', async () => {
    const { attempt, lent, remote } = attempts(world, FILM, { prefix: 'c/' });
    world.proxy.plan({ method: 'POST', after: 1, act: 'lose reply' });
    expect(await attempt()).toMatchObject({ class: 'retryable' });
    expect(await attempt()).toMatchObject({ ok: true });
    expect(sha256(await world.bytesOf(`c/${KEY}`))).toBe(sha256(FILM));
    // Its listing may show the upload for a while: ending it then must not take the object along.
    const handle = lent.handles[0] ?? '';
    const key = objectKey('account-1', 'media-1');
    await remote.abort?.({ objectKey: key, handle }, { signal: never });
    expect(sha256(await world.bytesOf(`c/${KEY}`))).toBe(sha256(FILM));
  });

  it('with two nodes gone fails for a while, and still gives back what it has', async () => {
    await killNode(2);
    const { attempt, remote } = attempts(world, content(50_000), {
      prefix: 'd/',
      conditionalWrites: false,
    });
    expect(await attempt()).toMatchObject({ class: 'retryable', code: 'server_error' });
    const url = `${world.endpoint}/${world.bucket}/a/${KEY}`;
    expect(await remote.download(url, { signal: never })).toMatchObject({ ok: true });
  });
});
