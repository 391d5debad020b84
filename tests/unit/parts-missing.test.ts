import { preload } from 'lading';
import { afterEach, describe, expect, it } from 'vitest';
import { onDemand } from '../../on-demand.ts';
import { lazily, type Part } from '../../ports/part.ts';
import { codeOf, gate, image, picture, shows, world } from '../support/lading-world.ts';

type Name = keyof typeof onDemand;

const real: Partial<Record<Name, Part<unknown>>> = {};

afterEach(() => {
  Object.assign(onDemand, real);
});

/** All else is here; what loads `name` asks `answer` first, which may throw or hang as a network does. */
async function unloaded(name: Name, answer: () => Promise<void> | void): Promise<void> {
  await preload();
  const loaded = onDemand[name];
  real[name] = loaded;
  const part = lazily<unknown>(async () => {
    await answer();
    return loaded();
  });
  Object.assign(onDemand, { [name]: part });
}

function offline(): never {
  throw new TypeError('Failed to fetch');
}

/** Lets imports that are under way end. */
function imported(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

describe('a capture whose part cannot be loaded', () => {
  it('is part_not_loaded, stores nothing, and works when it is asked again', async () => {
    const answers = [offline];
    await unloaded('capturing', () => answers.shift()?.());
    const phone = world({ online: false, preloads: false });
    const lading = await phone.open();
    expect(await codeOf(phone.until(lading.capture(picture(), image())))).toBe('part_not_loaded');
    expect(phone.rows('SELECT * FROM lading_event')).toEqual([]);
    expect(phone.blobs.keys).toEqual([]);
    const photo = await phone.until(lading.capture(picture(), image()));
    expect(shows(photo.view)).toBe('local_only, waiting for network');
  });

  it('is capture_aborted at once when the user gives up while it loads', async () => {
    const network = gate();
    await unloaded('capturing', () => network.promise);
    const phone = world({ preloads: false });
    const lading = await phone.open();
    const user = new AbortController();
    const captured = codeOf(lading.capture(picture(), image(undefined, { signal: user.signal })));
    user.abort();
    expect(await captured).toBe('capture_aborted');
    network.open();
    await imported();
    await phone.pass(60_000);
    expect(phone.rows('SELECT * FROM lading_event')).toEqual([]);
  });

  it('is closed when Lading closes while it loads, and leaves nothing behind', async () => {
    const network = gate();
    await unloaded('capturing', () => network.promise);
    const phone = world({ preloads: false });
    const lading = await phone.open();
    const captured = codeOf(lading.capture(picture(), image()));
    const closed = lading.close();
    expect(await captured).toBe('closed');
    await phone.until(closed);
    network.open();
    await imported();
    await phone.pass(60_000);
    expect(phone.rows('SELECT * FROM lading_event')).toEqual([]);
  });
});

describe('the part that uploads', () => {
  it('is not loaded by opening when there is nothing to do for it, and is by the first capture', async () => {
    let loads = 0;
    await unloaded('uploading', () => {
      loads += 1;
    });
    const phone = world({ preloads: false });
    const lading = await phone.open();
    await phone.pass(60_000);
    expect(loads).toBe(0);
    const photo = await phone.until(lading.capture(picture(), image()));
    await imported();
    await phone.until(lading.settled());
    expect([loads, photo.view.state]).toEqual([1, 'uploaded']);
  });

  it.each(['the link comes back', 'the next look of the host', 'retrySync'] as const)(
    'leaves uploads waiting as for a network while it cannot be loaded, and goes on at: %s',
    async (trigger) => {
      let isOffline = true;
      await unloaded('uploading', () => (isOffline ? offline() : undefined));
      const phone = world({ preloads: false });
      const lading = await phone.open();
      const photo = await phone.until(lading.capture(picture(), image()));
      await imported();
      expect(shows(photo.view)).toBe('local_only, waiting for network');
      expect(phone.remote.calls).toEqual([]);
      isOffline = false;
      if (trigger === 'the link comes back') {
        phone.net.set({ online: false });
        phone.net.set({ online: true });
      }
      await phone.pass(trigger === 'the next look of the host' ? 15_000 : 0);
      if (trigger === 'retrySync') await lading.retrySync();
      await imported();
      await phone.until(lading.settled());
      expect(photo.view.state).toBe('uploaded');
      expect((await phone.until(lading.verify())).differences).toEqual([]);
    },
  );

  it('is not needed to interrupt what a dead process left under way (contract 2)', async () => {
    await preload();
    const phone = world({ preloads: false, script: () => ({ after: gate().promise }) });
    const before = await phone.open();
    const { id } = await phone.until(before.capture(picture(), image()));
    await phone.pass();
    expect(before.view(id).state).toBe('uploading');
    phone.kill();
    phone.net.set({ online: false });
    await phone.pass(60_000);
    await unloaded('uploading', offline);
    const after = await phone.open();
    expect(shows(after.view(id))).toBe('local_only, waiting for network');
  });

  it('does nothing when it comes after Lading was closed', async () => {
    const network = gate();
    await unloaded('uploading', () => network.promise);
    const phone = world({ preloads: false });
    const lading = await phone.open();
    await phone.until(lading.capture(picture(), image()));
    await phone.until(lading.close());
    network.open();
    await imported();
    await phone.pass(60_000);
    expect(phone.remote.calls).toEqual([]);
    expect(phone.rows("SELECT type FROM lading_event WHERE type = 'upload.started'")).toEqual([]);
  });
});

describe('a part that only watches', () => {
  it.each(['narrate', 'inspect'] as const)('opens without %s, and says so once', async (name) => {
    await unloaded(name, () => offline());
    const phone = world({ preloads: false });
    const opening = phone.open({
      inspect: { actor() {}, event() {}, snapshot() {}, close() {} },
    });
    const lading = await opening;
    await imported();
    await phone.until(lading.capture(picture(), image()));
    const said = phone.logged.filter(({ message }) => message.includes('only watches'));
    expect(said).toHaveLength(1);
    await phone.until(lading.close());
  });

  it('asks the platform for its room with the first file, where that could not be loaded at start', async () => {
    const answers = [offline];
    await unloaded('reservations', () => answers.shift()?.());
    const phone = world({ preloads: false, online: false });
    let asked = 0;
    const lading = await phone.open({
      storageEstimate: {
        async estimate() {
          asked += 1;
          return { usedBytes: 10, totalBytes: 10 };
        },
      },
    });
    await imported();
    expect([lading.storage().level, asked]).toEqual(['unknown', 0]);
    const captured = codeOf(lading.capture(picture(), image()));
    expect(await phone.until(captured)).toBe('storage_full');
    expect(lading.storage().level).toBe('critical');
    const before = asked;
    await phone.pass(60_000);
    expect(asked).toBe(before + 2);
    await phone.until(lading.close());
  });

  it('asks nobody for room that comes after Lading was closed', async () => {
    const network = gate();
    await unloaded('reservations', () => network.promise);
    const phone = world({ preloads: false, online: false });
    let asked = 0;
    const lading = await phone.open({
      storageEstimate: {
        async estimate() {
          asked += 1;
          return {};
        },
      },
    });
    await phone.until(lading.close());
    network.open();
    await imported();
    await phone.pass(60_000);
    expect(asked).toBe(0);
  });
});
