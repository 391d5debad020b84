import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeCarrier } from 'lading/carrier/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sampleJpeg } from '../../testing/sample-files/index.ts';
import { type HeldStore, heldStore } from '../support/held-store.ts';
import { sha256 } from '../support/tus-world.ts';

const APP = fileURLToPath(new URL('../support/carried-app/main.ts', import.meta.url));
const PHOTO = sampleJpeg({ body: 'carried', sizeBytes: 20_000_000 });

let store: HeldStore;
let folder: string;
const apps: ChildProcess[] = [];
const carried = () => nodeCarrier({ directory: join(folder, 'carried') });

beforeEach(async () => {
  store = await heldStore();
  folder = await mkdtemp(join(tmpdir(), 'lading-carried-'));
});
afterEach(async () => {
  for (const app of apps.splice(0)) app.kill('SIGKILL');
  for (const { id } of await carried().list()) await carried().cancel(id);
  await store.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

async function start(wish: 'capture' | 'go on'): Promise<ChildProcess> {
  const app = fork(APP, [folder, store.endpoint, wish], { execArgv: [] });
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

async function kill(app: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  const gone = once(app, 'exit');
  app.kill(signal);
  await gone;
}

describe('an upload that is carried by a process of its own (design 5, contract 4.2)', () => {
  it('goes on when the app is killed in the middle, and the next start takes its result: no byte is sent twice', async () => {
    const app = await start('capture');
    await store.reached();
    await kill(app);
    store.release();
    const [put] = await store.stored(1);
    expect(put).toMatchObject({ byteSize: PHOTO.byteLength, sha256: sha256(PHOTO) });
    const next = await start('go on');
    await said(next, 'uploaded');
    expect([store.count('PUT'), store.count('HEAD')]).toEqual([1, 0]);
    await kill(next);
  });

  it('is met by the next start while it is still under way, and not begun again', async () => {
    const app = await start('capture');
    await store.reached();
    await kill(app);
    const next = await start('go on');
    const uploaded = said(next, 'uploaded');
    store.release();
    await uploaded;
    expect(store.count('PUT')).toBe(1);
    await kill(next);
  });

  it('goes on when the app is closed', async () => {
    const app = await start('capture');
    await store.reached();
    const gone = once(app, 'exit');
    app.send('close');
    await gone;
    store.release();
    await store.stored(1);
    const next = await start('go on');
    await said(next, 'uploaded');
    expect(store.count('PUT')).toBe(1);
    await kill(next);
  });

  it('is looked for, and sent once more, when the system killed what carried it', async () => {
    const app = await start('capture');
    await store.reached();
    await kill(app);
    const directory = join(folder, 'carried');
    const name = (await readdir(directory)).find((one) => one.endsWith('.run')) ?? '';
    const { pid } = JSON.parse(await readFile(join(directory, name), 'utf8')) as { pid: number };
    process.kill(pid, 'SIGKILL');
    store.release();
    const next = await start('go on');
    await said(next, 'uploaded');
    expect([store.count('HEAD'), store.count('PUT')]).toEqual([1, 2]);
    expect((await store.stored(1)).map((put) => put.sha256)).toEqual([sha256(PHOTO)]);
    await kill(next);
  });

  it.each(['pause', 'cancel'] as const)('is stopped by %s', async (verb) => {
    const app = await start('capture');
    await store.reached();
    app.send(verb);
    await said(app, verb === 'pause' ? 'paused' : 'cancelled');
    await expect.poll(async () => (await carried().list()).length, { timeout: 10_000 }).toBe(0);
    await kill(app);
  });

  it('leaves no token in any file (contract 10.4)', async () => {
    const app = await start('capture');
    await store.reached();
    await kill(app);
    const directory = join(folder, 'carried');
    const texts = await Promise.all(
      (await readdir(directory)).map((name) => readFile(join(directory, name), 'utf8')),
    );
    expect(texts.length).toBeGreaterThan(0);
    expect(texts.join('\n')).not.toContain('CANARY');
  });
});
