import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CarrierWorld, carrierWorld } from '../support/carrier-world.ts';
import { content } from '../support/tus-world.ts';

const PHOTO = content(1_000);
const WEEK_MS = 7 * 24 * 60 * 60 * 1000;

let world: CarrierWorld;
let folder: string;
beforeEach(async () => {
  world = await carrierWorld();
  folder = world.directory;
});
afterEach(async () => {
  vi.restoreAllMocks();
  await world.dispose();
});

/** A transfer whose answer is held back. */
async function underWay(): Promise<void> {
  const hold = world.holdNext();
  const file = await world.file(PHOTO);
  const task = { method: 'PUT', headers: {}, byteSize: PHOTO.byteLength, note: 'note' };
  await world.carrier.start({ ...task, id: 'photo', url: world.url, file });
  await hold.reached;
}

describe('a helper that is killed', () => {
  it('leaves nothing behind of what it was writing down', async () => {
    await underWay();
    const { pid } = JSON.parse(await readFile(join(folder, 'photo.run'), 'utf8'));
    // As it is between the two steps of its last words: written and synced under another name first.
    await writeFile(join(folder, `photo.${pid}.tmp`), '{"result":{"body":"CANARY"}}');
    await writeFile(join(folder, 'photo.1.1.tmp'), 'of another id');
    await world.carrier.cancel('photo');
    expect(await readdir(folder)).toEqual(['photo.1.1.tmp']);
  });

  it('leaves no more than a week what it was writing down when the system went down', async () => {
    await underWay();
    await world.carrier.cancel('photo');
    const [old, fresh] = ['photo.1.tmp', 'photo.2.tmp'];
    for (const name of [old, fresh]) await writeFile(join(folder, name), '');
    const then = new Date(Date.now() - WEEK_MS - 60_000);
    await utimes(join(folder, old), then, then);
    expect(await world.carrier.list()).toEqual([]);
    expect(await readdir(folder)).toEqual([fresh]);
  });

  it('may have come to its end just before', async () => {
    await underWay();
    const kill = process.kill.bind(process);
    vi.spyOn(process, 'kill').mockImplementation((pid, signal) => {
      kill(pid, signal);
      if (signal !== 'SIGKILL') return true;
      throw Object.assign(new Error('kill ESRCH'), { code: 'ESRCH' });
    });
    await world.carrier.cancel('photo');
    expect(await world.carrier.list()).toEqual([]);
  });
});
