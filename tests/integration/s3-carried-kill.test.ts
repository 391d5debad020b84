import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeCarrier } from 'lading/carrier/node';
import type { S3RemoteOptions, S3Sign } from 'lading/remotes/s3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Carrier } from '../../ports/carrier.ts';
import { sampleJpeg } from '../../testing/sample-files/index.ts';
import { presigning } from '../support/presigning.ts';
import { type RgwWorld, rgw, rgwWorld, whyNot } from '../support/rgw-world.ts';
import { attempts, whatIsThere } from '../support/s3-attempts.ts';
import { content, sha256, uploadRequest } from '../support/tus-world.ts';

const APP = fileURLToPath(new URL('../support/carried-app/main.ts', import.meta.url));
/** As the app makes it. */
const FILM = sampleJpeg({ body: 'carried', sizeBytes: 20_000_000 });
const PHOTO = content(200_000);
const ONE = { hashes: [sha256(PHOTO)], unfinished: [] };
const TWENTY_MINUTES = 20 * 60_000;

describe.skipIf(rgw === null)(`a PUT to S3 that a process of its own carries${whyNot}`, () => {
  let world: RgwWorld;
  let folder: string;
  const apps: ChildProcess[] = [];
  const carrier = () => nodeCarrier({ directory: join(folder, 'carried') });

  beforeEach(async () => {
    world = await rgwWorld();
    folder = await mkdtemp(join(tmpdir(), 'lading-s3-carried-'));
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    for (const app of apps.splice(0)) app.kill('SIGKILL');
    for (const { id } of await carrier().list()) await carrier().cancel(id);
    await world.dispose();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  const methods = () => world.proxy.exchanges.map(({ method }) => method);

  /** A photo that lies in a file, and one attempt to upload it. */
  async function attempt(options: Partial<S3RemoteOptions> = {}) {
    const file = join(folder, 'photo');
    await writeFile(file, PHOTO);
    const { remote, lent } = attempts(world, PHOTO, { carrier: carrier(), ...options });
    return remote.upload({ ...uploadRequest(PHOTO), file: async () => file }, lent.run());
  }

  it('is one request and one object, under the signature that it was given', async () => {
    expect(await attempt()).toMatchObject({ ok: true, receipt: { byteSize: 200_000 } });
    expect(methods()).toEqual(['PUT']);
    expect(world.proxy.exchanges[0]?.headers).toMatchObject({
      'content-length': '200000',
      'if-none-match': '*',
      'x-amz-content-sha256': sha256(PHOTO),
    });
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  it('is refused with other bytes than those that were hashed: the signature has their hash (contract 4.4)', async () => {
    world.proxy.plan({ method: 'PUT', act: 'corrupt', side: 'request' });
    expect(await attempt()).toMatchObject({ class: 'retryable', code: 'checksum_refused' });
    expect(await whatIsThere(world)).toEqual({ hashes: [], unfinished: [] });
  });

  it('is signed anew by the device, when it waited for longer than a signature lives', async () => {
    const now = Date.now.bind(Date);
    const signing = vi.spyOn(Date, 'now').mockImplementation(() => now() - TWENTY_MINUTES);
    const real = carrier();
    const patient: Carrier = {
      ...real,
      async start(task) {
        signing.mockRestore(); // it is twenty minutes later
        await real.start(task);
      },
    };
    expect(await attempt({ carrier: patient })).toMatchObject({ ok: true });
    expect(world.proxy.exchanges.map(({ status }) => status)).toEqual([403, 200]);
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  it('needs no other signature after twenty minutes where it was made for days', async () => {
    const now = Date.now.bind(Date);
    vi.spyOn(Date, 'now').mockImplementation(() => now() - TWENTY_MINUTES);
    expect(await attempt({ carriedForMs: 24 * 60 * 60_000 })).toMatchObject({ ok: true });
    expect(world.proxy.exchanges.map(({ status }) => status)).toEqual([200]);
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  it('is signed anew by the app, when its presigned url is over', async () => {
    let asks = 0;
    const sign: S3Sign = (request) =>
      presigning(
        world,
        ++asks === 1 ? () => new Date(Date.now() - TWENTY_MINUTES) : undefined,
      )(request);
    expect(await attempt({ sign })).toMatchObject({ ok: true });
    expect(world.proxy.exchanges.map(({ status }) => status)).toEqual([403, 200]);
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  describe('while its app is killed', () => {
    async function start(wish: 'capture' | 'go on'): Promise<ChildProcess> {
      const { endpoint, bucket, credentials } = world;
      const s3 = JSON.stringify({ bucket, credentials });
      const app = fork(APP, [folder, endpoint, wish, s3], { execArgv: [] });
      apps.push(app);
      await said(app, 'open');
      return app;
    }

    function said(app: ChildProcess, word: string): Promise<void> {
      return new Promise((resolve, reject) => {
        app.on('message', (message) => {
          if (message === word) resolve();
        });
        app.once('exit', () => reject(new Error(`the app ended before it said ${word}`)));
      });
    }

    async function kill(app: ChildProcess): Promise<void> {
      const gone = once(app, 'exit');
      app.kill('SIGKILL');
      await gone;
    }

    const objects = async () =>
      Promise.all((await world.keys()).map(async (key) => sha256(await world.bytesOf(key))));

    it('goes on, and the next start takes its result: one PUT, no look, one object', async () => {
      const held = world.proxy.hold({ method: 'PUT', side: 'request' });
      const app = await start('capture');
      await held.reached;
      await kill(app);
      void held.release();
      await expect.poll(async () => (await objects()).length, { timeout: 20_000 }).toBe(1);
      const next = await start('go on');
      await said(next, 'uploaded');
      expect(methods()).toEqual(['PUT']);
      expect(await objects()).toEqual([sha256(FILM)]);
      await kill(next);
    });

    it('is met by the next start while it is still under way, and leaves no signature in a file (contract 10.4)', async () => {
      const held = world.proxy.hold({ method: 'PUT', side: 'request' });
      const app = await start('capture');
      await held.reached;
      await kill(app);
      const directory = join(folder, 'carried');
      const names = await readdir(directory);
      const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')));
      expect(texts.join('\n')).toContain(world.bucket);
      expect(texts.join('\n')).not.toMatch(/signature|testkey|aws4/i);
      const next = await start('go on');
      const uploaded = said(next, 'uploaded');
      void held.release();
      await uploaded;
      expect(methods()).toEqual(['PUT']);
      expect(await objects()).toEqual([sha256(FILM)]);
      await kill(next);
    });

    it('is looked for and sent once more when the system killed what carried it: one object', async () => {
      const held = world.proxy.hold({ method: 'PUT', side: 'request' });
      const app = await start('capture');
      await held.reached;
      await kill(app);
      const directory = join(folder, 'carried');
      const name = (await readdir(directory)).find((one) => one.endsWith('.run')) ?? '';
      const { pid } = JSON.parse(await readFile(join(directory, name), 'utf8')) as { pid: number };
      process.kill(pid, 'SIGKILL');
      void held.release();
      const next = await start('go on');
      await said(next, 'uploaded');
      expect(methods()).toEqual(['PUT', 'HEAD', 'PUT']);
      expect(await objects()).toEqual([sha256(FILM)]);
      await kill(next);
    });
  });
});
