import { describe, expect, it } from 'vitest';
import { sleep } from '../../ports/clock.ts';
import { LadingError } from '../../ports/errors.ts';
import {
  captureMany,
  codeOf,
  gate,
  image,
  owner,
  picture,
  shows,
  world,
} from '../support/lading-world.ts';
import { EXPIRED, FORBIDDEN, refresher, signedIn } from '../support/signed-in.ts';

const WAITING = 'local_only, waiting for credentials';

/** What the log says of a kind of event, over all attachments. */
function count(app: ReturnType<typeof signedIn>, type: string): number {
  return app.phone.rows(`SELECT 1 FROM lading_event WHERE type = '${type}'`).length;
}

describe('a session that has ended (contract 4.4, field case 38)', () => {
  it('is noticed once: all others wait, say so, and go on with new credentials', async () => {
    const app = signedIn();
    const lading = await app.open({ concurrency: 1 });
    app.valid = 'second';
    const ids = await captureMany(app.phone, lading, 5);
    await app.phone.pass(10_000);
    expect(app.requests).toHaveLength(1);
    expect(ids.map((id) => shows(lading.view(id)))).toEqual(Array.from(ids, () => WAITING));
    expect(count(app, 'upload.started')).toBe(1);

    await app.phone.until(lading.credentials('second'));
    await app.phone.pass(10_000);
    expect(ids.map((id) => shows(lading.view(id)))).toEqual(Array.from(ids, () => 'uploaded'));
    expect(app.handed).toEqual(['second']);
  });

  it('burns no attempt, and keeps what was sent', async () => {
    const app = signedIn({
      script: ({ nth }) => (nth === 1 ? { fault: EXPIRED, afterBytes: 60_000 } : undefined),
    });
    const lading = await app.open();
    const { id } = await app.phone.until(lading.capture(picture('x', 100_000), image()));
    await app.phone.pass(10_000);
    expect(shows(lading.view(id))).toBe(WAITING);
    expect(lading.history(id).at(-1)).toMatchObject({ type: 'upload.failed' });
    expect(app.phone.rows('SELECT attempts FROM lading_job')).toEqual([{ attempts: 0 }]);
    await app.phone.until(lading.credentials());
    await app.phone.pass(10_000);
    expect(shows(lading.view(id))).toBe('uploaded');
    expect(app.phone.remote.receivedBytes).toBe(100_000);
  });

  it('keeps new captures from running into it', async () => {
    const app = signedIn();
    const lading = await app.open();
    app.valid = 'second';
    await captureMany(app.phone, lading, 1);
    await app.phone.pass();
    const seen = app.requests.length;
    const [later = ''] = await captureMany(app.phone, lading, 1);
    await app.phone.pass(30_000);
    expect(app.requests).toHaveLength(seen);
    expect(shows(lading.view(later))).toBe(WAITING);
    expect(lading.metrics().now.waitingFor).toEqual({ credentials: 2 });
    expect((await app.phone.until(lading.settled())).waiting.map((one) => one.waitingFor)).toEqual([
      'credentials',
      'credentials',
    ]);
  });

  it('lets what is under way end as it will', async () => {
    const held = gate();
    const app = signedIn({
      script: ({ nth }) => (nth === 1 ? { after: held.promise } : undefined),
    });
    const lading = await app.open({ concurrency: 2 });
    const [first = ''] = await captureMany(app.phone, lading, 1);
    await app.phone.pass();
    app.valid = 'second';
    const [other = ''] = await captureMany(app.phone, lading, 1);
    await app.phone.pass(1_000);
    expect(shows(lading.view(other))).toBe(WAITING);
    expect(shows(lading.view(first))).toBe('uploading');
    held.open();
    await app.phone.pass(1_000);
    expect(shows(lading.view(first))).toBe('uploaded');
  });

  it('wakes removals and fetches too', async () => {
    const app = signedIn({
      fields: {
        'item.images': {
          kinds: ['image'],
          policy: { dropLocalAtOnce: true, undoGraceMs: 0, lateArrivalMs: 1_000 },
        },
      },
    });
    const held = gate();
    const lading = await app.open();
    const [kept = ''] = await captureMany(app.phone, lading, 1);
    await app.phone.pass(10_000);
    app.onRequest = (operation) => (operation === 'upload' ? held.promise : undefined);
    const [dropped = ''] = await captureMany(app.phone, lading, 1);
    await app.phone.pass();
    app.valid = 'second';
    await app.phone.until(lading.cancel(dropped));
    await app.phone.pass(1_000);
    expect(await codeOf(app.phone.until(lading.resolve(kept)))).toBe('bytes_missing');
    expect(lading.view(dropped)).toMatchObject({ state: 'gone', waitingFor: 'credentials' });

    await app.phone.until(lading.credentials('second'));
    await app.phone.pass(60_000);
    expect(count(app, 'download.succeeded')).toBe(1);
    expect(count(app, 'removeRemote.succeeded')).toBe(2);
    expect(app.phone.rows('SELECT * FROM lading_task')).toEqual([]);
  });

  it('leaves no trace of what was handed over in any row (contract 10.4)', async () => {
    const app = signedIn();
    const canary = 'canary-5f2c9a77e1';
    const tokens = refresher([`${canary}-refreshed`]);
    const lading = await app.open({ ...tokens });
    app.valid = `${canary}-refreshed`;
    await captureMany(app.phone, lading, 2);
    await app.phone.pass(1_000);
    await app.phone.until(lading.credentials(`${canary}-given`));
    await app.phone.pass(1_000);
    expect(app.handed).toEqual([`${canary}-refreshed`, `${canary}-given`]);
    const tables = app.phone.rows(`SELECT name FROM sqlite_schema WHERE type = 'table'`);
    const rows = tables.flatMap(({ name }) => app.phone.rows(`SELECT * FROM "${String(name)}"`));
    expect(rows.length).toBeGreaterThan(10);
    expect(JSON.stringify([rows, app.phone.logged])).not.toContain(canary);
  });

  it('wakes all, however many', async () => {
    const app = signedIn({ online: false });
    const lading = await app.open({ concurrency: 200 });
    const ids = await captureMany(app.phone, lading, 200);
    app.valid = 'second';
    app.phone.net.set({ online: true });
    await app.phone.pass(1_000);
    const waiting = app.phone.rows(
      "SELECT 1 FROM lading_job WHERE situation = 'awaitingCredentials'",
    ).length;
    expect(waiting).toBeGreaterThan(1);
    await app.phone.until(lading.credentials('second'));
    expect(count(app, 'credentials.changed')).toBe(waiting);
    await app.phone.pass(60_000);
    expect(ids.filter((id) => shows(lading.view(id)) !== 'uploaded')).toEqual([]);
  });
});

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
    const held = gate();
    const app = signedIn();
    app.onRequest = () => held.promise;
    const tokens = refresher(['second']);
    const lading = await app.open({ ...tokens });
    const [id = ''] = await captureMany(app.phone, lading, 1);
    await app.phone.until(lading.pause(id));
    await app.phone.until(lading.resume(id));
    await app.phone.pass();
    app.valid = 'second';
    await app.phone.until(lading.cancel(id));
    await app.phone.pass();
    app.phone.net.set({ online: false });
    held.open();
    await app.phone.pass(60_000);
    expect(tokens.asked).toHaveLength(0);
    app.phone.net.set({ online: true });
    await app.phone.pass(60_000);
    expect(tokens.asked.length).toBeLessThan(2);
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

describe('adapters that ask the app for headers', () => {
  it('need not be told: one look a minute later finds out, and then all go', async () => {
    let isSignedIn = false;
    const phone = world({ script: () => (isSignedIn ? undefined : { fault: EXPIRED }) });
    const lading = await phone.open({ concurrency: 1 });
    const ids = await captureMany(phone, lading, 4);
    await phone.pass(59_000);
    expect(phone.remote.calls).toHaveLength(1);
    await phone.pass(2_000);
    expect(phone.remote.calls).toHaveLength(2);
    isSignedIn = true;
    await phone.pass(180_000);
    expect(ids.map((id) => shows(lading.view(id)))).toEqual(Array.from(ids, () => 'uploaded'));
  });
});

describe('the backend', () => {
  it('is handed credentials too, and its refusal asks for new ones once', async () => {
    const app = signedIn();
    let token: unknown = 'first';
    const pushed: string[] = [];
    const tokens = refresher(['second']);
    const lading = await app.open({
      ...tokens,
      backend: {
        credentials(next) {
          token = next;
        },
        async push(ops) {
          if (token !== 'second') throw new LadingError('credentials_refused', 'Sign in again.');
          pushed.push(...ops.map(({ opId }) => opId));
          return ops.map(({ opId }) => ({ opId, status: 'applied' as const }));
        },
        pull: async () => ({ rows: [], more: false }),
        listen: () => () => {},
      },
    });
    app.valid = 'second';
    await captureMany(app.phone, lading, 2);
    await app.phone.pass(2_000);
    expect(tokens.asked).toHaveLength(1);
    expect(token).toBe('second');
    expect(pushed.length).toBeGreaterThan(1);
    expect((await app.phone.until(lading.settled())).unsyncedOps).toBe(0);
    expect(lading.list(owner()).map(({ view }) => view.state)).toEqual(['uploaded', 'uploaded']);
  });
});
