import { manualConnectivity } from 'lading/connectivity';
import { seededRandom, virtualClock } from 'lading/testing';
import { describe, expect, it } from 'vitest';
import type { Host } from '../../engine/host/host.ts';
import { createCredentials } from '../../engine/lifecycle/credentials.ts';
import { createGateKeeper } from '../../engine/lifecycle/gates.ts';
import { sleep } from '../../ports/clock.ts';
import type { EventStore } from '../../ports/event-store.ts';
import { silentLogger } from '../../ports/logger.ts';
import { captureMany, codeOf, gate, image, picture, shows } from '../support/lading-world.ts';
import { EXPIRED, FORBIDDEN, refresher, signedIn } from '../support/signed-in.ts';

const WAITING = 'local_only, waiting for credentials';

/** What the log says of a kind of event, over all attachments. */
function count(app: ReturnType<typeof signedIn>, type: string): number {
  return app.phone.rows(`SELECT 1 FROM lading_event WHERE type = '${type}'`).length;
}

describe('one refresh for all (contract 4.4)', () => {
  it('is asked for once, however many were refused, and nobody has to be told', async () => {
    const app = signedIn();
    const held = gate();
    const tokens = refresher(['second'], { after: () => held.promise });
    const lading = await app.open({ concurrency: 3, ...tokens });
    app.valid = 'second';
    const ids = await captureMany(app.phone, lading, 6);
    await app.phone.pass(5_000);
    expect(tokens.asked).toHaveLength(1);
    expect(tokens.asked[0]).toMatchObject({ account: 'account-1', code: 'unauthorized' });
    expect(ids.map((id) => shows(lading.view(id)))).toEqual(Array.from(ids, () => WAITING));
    held.open();
    await app.phone.pass(5_000);
    expect(ids.map((id) => shows(lading.view(id)))).toEqual(Array.from(ids, () => 'uploaded'));
    expect(tokens.asked).toHaveLength(1);
    expect(app.handed).toEqual(['second']);
    expect(app.refusals()).toBe(3);
  });

  it('answers before the refusal is in the log: the late one is woken all the same', async () => {
    const app = signedIn();
    const tokens = refresher(['second']);
    const lading = await app.open({ ...tokens });
    app.valid = 'second';
    const [id = ''] = await captureMany(app.phone, lading, 1);
    await app.phone.pass(1_000);
    expect(shows(lading.view(id))).toBe('uploaded');
    expect(lading.history(id).map(({ type }) => type)).toContain('credentials.changed');
  });

  it('is waited for by settled: its answer is on its way', async () => {
    const app = signedIn();
    const held = gate();
    const tokens = refresher(['second'], { after: () => held.promise });
    const lading = await app.open({ ...tokens });
    app.valid = 'second';
    const [id = ''] = await captureMany(app.phone, lading, 1);
    app.phone.clock.schedule(5_000, () => held.open());
    await app.phone.until(lading.settled());
    expect(shows(lading.view(id))).toBe('uploaded');
  });

  it('that gives none leaves them waiting, and is not asked again by itself', async () => {
    for (const none of [null, new Error('no network there')]) {
      const app = signedIn();
      const tokens = refresher([none, 'second']);
      const lading = await app.open({ ...tokens });
      app.valid = 'second';
      const [id = ''] = await captureMany(app.phone, lading, 1);
      await app.phone.pass(3_600_000);
      expect(tokens.asked).toHaveLength(1);
      expect(shows(lading.view(id))).toBe(WAITING);
      await app.phone.until(lading.retry(id));
      await app.phone.pass(1_000);
      expect(tokens.asked).toHaveLength(2);
      expect(shows(lading.view(id))).toBe('uploaded');
    }
  });

  it('that hangs is given up after thirty seconds, and what it says later is not taken', async () => {
    const app = signedIn();
    const tokens = refresher(['late'], { after: () => sleep(app.phone.clock, 60_000) });
    const lading = await app.open({ ...tokens });
    app.valid = 'second';
    const [id = ''] = await captureMany(app.phone, lading, 1);
    await app.phone.pass(29_000);
    expect(tokens.asked[0]?.signal.aborted).toBe(false);
    await app.phone.pass(2_000);
    expect(tokens.asked[0]?.signal.aborted).toBe(true);
    await app.phone.pass(60_000);
    expect(app.handed).toEqual([]);
    expect(shows(lading.view(id))).toBe(WAITING);
  });

  it('is not asked for while offline, and is when the network is back', async () => {
    const clock = virtualClock();
    const net = manualConnectivity({ online: false });
    const gates = createGateKeeper({
      connectivity: net,
      clock,
      debounceMs: 0,
      logger: silentLogger,
    });
    const tokens = refresher(['second']);
    const nothing = { subscribe: () => () => {}, read: () => [], jobs: () => [] };
    const credentials = createCredentials({
      ...tokens,
      host: nothing as unknown as Host,
      events: nothing as unknown as EventStore,
      tables: nothing,
      accountId: 'account-1',
      remote: {},
      gates,
      clock,
      random: seededRandom('offline'),
      logger: silentLogger,
    });
    // The refusal was on its way when the network went.
    expect(credentials.refused(0, 'unauthorized')).toBe(true);
    await clock.advanceBy(3_600_000);
    expect(tokens.asked).toHaveLength(0);
    expect(gates.mayStart()).toBe(false);
    net.set({ online: true });
    await clock.advanceBy(1_000);
    expect(tokens.asked).toHaveLength(1);
    expect(credentials.generation).toBe(1);
    expect(gates.mayStart()).toBe(true);
    await credentials.close();
  });

  it('gives way to the app, which was faster', async () => {
    const held = gate();
    const app = signedIn();
    const tokens = refresher(['from the refresh'], { after: () => held.promise });
    const lading = await app.open({ ...tokens });
    app.valid = 'from the user';
    const [id = ''] = await captureMany(app.phone, lading, 1);
    await app.phone.pass(100);
    await app.phone.until(lading.credentials('from the user'));
    held.open();
    await app.phone.pass(1_000);
    expect(app.handed).toEqual(['from the user']);
    expect(shows(lading.view(id))).toBe('uploaded');
  });

  it('a refusal under credentials that were replaced meanwhile is no strike: the run is repeated', async () => {
    const held = gate();
    const app = signedIn();
    const lading = await app.open();
    app.onRequest = () => held.promise;
    const [id = ''] = await captureMany(app.phone, lading, 1);
    await app.phone.pass();
    app.valid = 'second';
    await app.phone.until(lading.credentials('second'));
    app.onRequest = undefined;
    held.open();
    await app.phone.pass(1_000);
    expect(shows(lading.view(id))).toBe('uploaded');
    expect(count(app, 'upload.failed')).toBe(0);
    expect(app.requests.map(({ token }) => token)).toEqual(['first', 'second']);
  });

  it('fails one attachment alone after three refusals under ever newer credentials', async () => {
    const app = signedIn({ online: false });
    const tokens = refresher(['second', 'third', 'fourth', 'fifth']);
    const lading = await app.open({ concurrency: 1, ...tokens });
    const [bad = '', ...others] = await captureMany(app.phone, lading, 4);
    app.valid = undefined;
    app.refusesOnly = (key) => key.includes(bad);
    app.phone.net.set({ online: true });
    await app.phone.pass(600_000);
    expect(lading.view(bad)).toMatchObject({ state: 'failed', error: { code: 'unauthorized' } });
    expect(others.map((id) => shows(lading.view(id)))).toEqual(
      Array.from(others, () => 'uploaded'),
    );
    expect(
      new Set(app.requests.filter(({ key }) => key.includes(bad)).map(({ token }) => token)),
    ).toEqual(new Set(['first', 'second', 'third']));
    expect(app.refusals()).toBe(3);
  });

  it('fails no large file whose token ends in the middle, however often (field case 38)', async () => {
    const app = signedIn({
      script: ({ operation, nth }) =>
        operation === 'upload' && nth < 6
          ? { fault: EXPIRED, afterBytes: nth * 20_000 }
          : undefined,
    });
    const tokens = refresher(Array.from({ length: 10 }, () => 'first'));
    const lading = await app.open({ ...tokens });
    const { id } = await app.phone.until(lading.capture(picture('film', 150_000), image()));
    await app.phone.pass(60_000);
    expect(shows(lading.view(id))).toBe('uploaded');
    expect(tokens.asked).toHaveLength(5);
  });

  it('does not ask on and on for credentials that let nothing in', async () => {
    const app = signedIn();
    const tokens = refresher(Array.from({ length: 1_000 }, (_, n) => `token ${n}`));
    const lading = await app.open({ concurrency: 1, ...tokens });
    app.valid = undefined;
    await captureMany(app.phone, lading, 50);
    await app.phone.pass(60_000);
    // Each answer is tried by one, and the next question waits for ever longer, up to a minute.
    expect(tokens.asked.length).toBeLessThan(16);
    expect(tokens.running.most).toBe(1);
  });

  it('a kill while it is under way loses nothing', async () => {
    const app = signedIn();
    const tokens = refresher(['second'], { after: () => new Promise(() => {}) });
    const lading = await app.open({ ...tokens });
    app.valid = 'second';
    const ids = await captureMany(app.phone, lading, 5);
    await app.phone.pass(1_000);
    app.phone.kill();
    const again = await app.open({ ...refresher(['second']) });
    await app.phone.pass(60_000);
    expect(ids.map((id) => shows(again.view(id)))).toEqual(Array.from(ids, () => 'uploaded'));
  });
});

describe('a plain 403 (field case 39)', () => {
  it('gets one refresh, and is repeated under what that gave', async () => {
    const app = signedIn();
    app.fault = FORBIDDEN;
    app.valid = 'second';
    const tokens = refresher(['second']);
    const lading = await app.open({ ...tokens });
    const [id = ''] = await captureMany(app.phone, lading, 1);
    await app.phone.pass(1_000);
    expect(shows(lading.view(id))).toBe('uploaded');
    expect(count(app, 'upload.failed')).toBe(0);
  });

  it('that comes while the app is asked is judged again under what it gives, once', async () => {
    const held = gate();
    const app = signedIn();
    const tokens = refresher(['second'], { after: () => held.promise });
    const lading = await app.open({ concurrency: 2, ...tokens });
    app.valid = 'second';
    const slow = gate();
    app.onRequest = () => (app.requests.length === 1 ? slow.promise : undefined);
    const [late = '', refused = ''] = await captureMany(app.phone, lading, 2);
    await app.phone.pass(1_000);
    expect(shows(lading.view(refused))).toBe(WAITING);
    app.fault = FORBIDDEN;
    slow.open();
    await app.phone.pass(1_000);
    held.open();
    await app.phone.pass(1_000);
    expect([late, refused].map((id) => shows(lading.view(id)))).toEqual(['uploaded', 'uploaded']);
    expect(tokens.asked).toHaveLength(1);
  });

  it.each([
    ['the app has none', [null]],
    ['those that it gave let nothing in', ['useless']],
  ])('under credentials that were refused waits for others when %s', async (_, given) => {
    const app = signedIn();
    const tokens = refresher([...given, null, null, null]);
    const lading = await app.open({ concurrency: 2, ...tokens });
    app.valid = 'good';
    const slow = gate();
    // The first one is on its way under the last credentials that there are, when the other is refused.
    app.onRequest = () => (app.requests.length === given.length * 2 - 1 ? slow.promise : undefined);
    const ids = await captureMany(app.phone, lading, 2);
    await app.phone.pass(1_000);
    app.fault = FORBIDDEN;
    slow.open();
    await app.phone.pass(20);
    expect(ids.map((id) => shows(lading.view(id)))).toEqual([WAITING, WAITING]);
    await app.phone.until(lading.credentials('good'));
    await app.phone.pass(1_000);
    expect(ids.map((id) => shows(lading.view(id)))).toEqual(['uploaded', 'uploaded']);
  });

  it('under credentials that were refused is what it says when it comes again under good ones', async () => {
    const slow = gate();
    let bad = 'nobody';
    const app = signedIn({
      script: ({ objectKey }) => (objectKey.includes(bad) ? { fault: FORBIDDEN } : undefined),
    });
    const lading = await app.open({ concurrency: 2, ...refresher([null]) });
    app.valid = 'good';
    app.refusesOnly = (key) => !key.includes(bad);
    app.onRequest = () => (app.requests.length === 1 ? slow.promise : undefined);
    const ids = await captureMany(app.phone, lading, 2);
    await app.phone.pass(1_000);
    bad = ids.find((id) => app.requests[0]?.key.includes(id)) ?? '';
    slow.open();
    await app.phone.pass(60_000);
    expect(ids.map((id) => shows(lading.view(id)))).toEqual([WAITING, WAITING]);
    await app.phone.until(lading.credentials('good'));
    await app.phone.pass(1_000);
    expect(lading.view(bad)).toMatchObject({ state: 'failed', error: { code: 'forbidden' } });
    expect(ids.filter((id) => shows(lading.view(id)) === 'uploaded')).toHaveLength(1);
    expect(app.requests).toHaveLength(4);
  });

  it('to a fetch under credentials that were refused has it wait for others, too', async () => {
    const app = signedIn({
      fields: { 'item.images': { kinds: ['image'], policy: { dropLocalAtOnce: true } } },
    });
    const lading = await app.open({ ...refresher([null]) });
    const [kept = ''] = await captureMany(app.phone, lading, 1);
    await app.phone.pass(10_000);
    app.valid = 'second';
    await app.phone.until(lading.capture(picture('another'), image()));
    await app.phone.pass(1_000);
    app.fault = FORBIDDEN;
    expect(await codeOf(app.phone.until(lading.resolve(kept)))).toBe('bytes_missing');
    await app.phone.until(lading.credentials('second'));
    await app.phone.pass(1_000);
    expect(count(app, 'download.succeeded')).toBe(1);
  });

  it('of several at once gets one refresh for all', async () => {
    const held = gate();
    const app = signedIn({ online: false });
    app.fault = FORBIDDEN;
    app.valid = 'second';
    const tokens = refresher(['second', 'third', 'fourth'], { after: () => held.promise });
    const lading = await app.open({ concurrency: 3, ...tokens });
    const ids = await captureMany(app.phone, lading, 3);
    app.phone.net.set({ online: true });
    await app.phone.pass(1_000);
    expect(app.refusals()).toBe(3);
    held.open();
    await app.phone.pass(1_000);
    expect(ids.filter((id) => shows(lading.view(id)) !== 'uploaded')).toEqual([]);
    expect([tokens.asked.length, tokens.running.most]).toEqual([1, 1]);
    expect(app.handed).toEqual(['second']);
  });

  it('is what it says when it comes again', async () => {
    const app = signedIn();
    app.fault = FORBIDDEN;
    app.valid = undefined;
    const tokens = refresher(['second', 'third']);
    const lading = await app.open({ concurrency: 1, ...tokens });
    const ids = await captureMany(app.phone, lading, 3);
    await app.phone.pass(30_000);
    for (const id of ids) {
      expect(lading.view(id)).toMatchObject({
        state: 'failed',
        error: { code: 'forbidden', retryable: false },
      });
    }
    // The others came under credentials that were a moment old: nothing could be newer.
    expect(tokens.asked).toHaveLength(1);
    expect(app.requests).toHaveLength(4);
  });

  it.each([
    ['nobody can be asked', undefined],
    ['there are none', null],
  ])('is what it says at once when %s', async (_, none) => {
    const app = signedIn();
    app.fault = FORBIDDEN;
    app.valid = undefined;
    const lading = await app.open(none === undefined ? {} : refresher([]));
    const [id = ''] = await captureMany(app.phone, lading, 1);
    await app.phone.pass(1_000);
    expect(lading.view(id)).toMatchObject({ state: 'failed', error: { code: 'forbidden' } });
    expect(app.requests).toHaveLength(1);
    // The others are not held up by it.
    app.valid = 'first';
    const [other = ''] = await captureMany(app.phone, lading, 1);
    await app.phone.pass(1_000);
    expect(shows(lading.view(other))).toBe('uploaded');
  });
});
