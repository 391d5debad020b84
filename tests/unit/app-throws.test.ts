import type { LadingOptions } from 'lading';
import { manualConnectivity } from 'lading/connectivity';
import { virtualClock } from 'lading/testing';
import { describe, expect, it } from 'vitest';
import { createGateKeeper } from '../../engine/lifecycle/gates.ts';
import { silentLogger } from '../../ports/logger.ts';
import { captureMany, owner, shows, world } from '../support/lading-world.ts';

const THROWS = [
  [
    'throws',
    (): never => {
      throw new Error('of the app');
    },
  ],
  // As an async function does, which is taken where nothing is to be returned.
  ['rejects', (): unknown => Promise.reject(new Error('of the app'))],
] as const;

describe.each(THROWS)('what the app gives, and %s,', (_how, fails) => {
  it('is no failure of what was logged about: a logger', async () => {
    const phone = world();
    const logger: LadingOptions['logger'] = {
      debug: fails,
      info: fails,
      warn: fails,
      error: fails,
    };
    const lading = await phone.open({ logger });
    const [id = ''] = await captureMany(phone, lading, 1);
    await phone.pass(60_000);
    expect(shows(lading.view(id))).toBe('uploaded');
    await phone.until(lading.close());
  });

  it('stops no other listener, and no upload: who watches', async () => {
    const phone = world();
    const lading = await phone.open({
      onStartReport: fails,
      inspect: { actor: fails, event: fails, snapshot: fails, close: fails },
    });
    const [id = ''] = await captureMany(phone, lading, 1);
    const seen: string[] = [];
    const actor = await phone.until(lading.actor(id));
    actor.subscribe(fails);
    actor.subscribe(({ context }) => seen.push(`actor ${context.view?.state}`));
    lading.watch(id, fails);
    lading.watch(id, ({ state }) => seen.push(`view ${state}`));
    lading.watch(owner(), fails);
    lading.watch(owner(), ([item]) => seen.push(`list ${item?.view.state}`));
    lading.watch('sync', fails);
    lading.watch('sync', ({ state }) => seen.push(`sync ${state}`));
    lading.watch('storage', fails);
    lading.watch('storage', ({ files }) => seen.push(`storage ${files}`));
    await phone.pass(60_000);
    for (const last of ['actor uploaded', 'view uploaded', 'list uploaded', 'sync idle']) {
      expect(seen).toContain(last);
    }
    expect(seen).toContain('storage 1');
    await phone.until(lading.close());
    const said = new Set(phone.logged.map(({ message }) => message));
    for (const sentence of [
      'a watcher threw',
      'a subscriber threw',
      'onStartReport threw',
      'the inspector threw; nothing more is said about it',
    ]) {
      expect(said).toContain(sentence);
    }
  });
});

it('a listener of the gates that throws keeps nobody from hearing, and the platform from nothing', () => {
  const clock = virtualClock();
  const net = manualConnectivity();
  const said: string[] = [];
  const error = (message: string): void => void said.push(message);
  const gates = createGateKeeper({
    connectivity: net,
    clock,
    debounceMs: 0,
    logger: { ...silentLogger, error },
  });
  let heard = 0;
  gates.subscribe(() => {
    throw new Error('of the engine');
  });
  gates.subscribe(() => {
    heard += 1;
  });
  expect(() => net.set({ online: false })).not.toThrow();
  expect([heard, said]).toEqual([1, ['a subscriber threw']]);
});
