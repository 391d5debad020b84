import { describe, expect, it } from 'vitest';
import { createLifetime } from '../../engine/lifecycle/lifetime.ts';
import { onDemand } from '../../on-demand.ts';
import { lazily } from '../../ports/part.ts';
import { codeOf, image, picture, world } from '../support/lading-world.ts';

describe('a part that is loaded on demand', () => {
  it('is loaded once, however many ask for it at the same time', async () => {
    let loads = 0;
    const load = lazily(async () => {
      loads += 1;
      return { part: loads };
    });
    expect(await Promise.all([load(), load()])).toEqual([{ part: 1 }, { part: 1 }]);
    expect(await load()).toEqual({ part: 1 });
  });

  it('is part_not_loaded without a network, and tried again by the next call', async () => {
    const answers = [Promise.reject(new TypeError('Failed to fetch')), Promise.resolve('here')];
    const load = lazily(() => answers.shift() as Promise<string>);
    expect(await codeOf(load())).toBe('part_not_loaded');
    expect(await load()).toBe('here');
  });
});

describe('a verb whose part is still being loaded', () => {
  it('rejects with closed when Lading closes, which does not wait for a load that hangs', async () => {
    const lifetime = createLifetime();
    const verb = lifetime.run(() => lifetime.load(() => new Promise(() => {})));
    const ended = lifetime.end();
    expect(await codeOf(verb)).toBe('closed');
    await ended;
  });

  it('is carried out when its part was there already, as if nothing had been loaded', async () => {
    const lifetime = createLifetime();
    const load = lazily(async () => 'part');
    await load();
    const verb = lifetime.run(() => lifetime.load(load));
    const ended = lifetime.end();
    expect(await verb).toBe('part');
    await ended;
  });

  it('has done its work when close was called in the same turn', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture(), image()));
    const removed = lading.remove(photo.id, image().owner);
    const closed = lading.close();
    expect(await codeOf(phone.until(removed))).toBe('no error');
    await phone.until(closed);
    expect(phone.rows('SELECT * FROM lading_ref')).toEqual([]);
  });
});

it('every part can be loaded', async () => {
  for (const load of Object.values(onDemand)) expect(Object.keys(await load())).not.toEqual([]);
});
