import { nodeSqlite } from 'lading/sqlite/node';
import { describe, expect, it } from 'vitest';
import { LadingError } from '../../ports/errors.ts';
import { ailing } from '../support/failing-database.ts';
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
import { EXPIRED, refresher, signedIn } from '../support/signed-in.ts';

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

  it.each(['by the app', 'when it is asked'])(
    'given %s while the database fails wake all once it is well',
    async (when) => {
      const app = signedIn();
      const trouble = ailing(nodeSqlite(app.phone.handle));
      const isAsked = when === 'when it is asked';
      const held = gate();
      const tokens = refresher(['second'], { after: () => held.promise });
      const lading = await app.open({
        store: trouble.store,
        ...(isAsked ? { refreshCredentials: (why) => tokens.refreshCredentials(why) } : {}),
      });
      app.valid = 'second';
      const ids = await captureMany(app.phone, lading, 3);
      await app.phone.pass(10_000);
      expect(ids.map((id) => shows(lading.view(id)))).toEqual(Array.from(ids, () => WAITING));
      trouble.fall();
      held.open();
      const told = isAsked ? [] : [await codeOf(app.phone.until(lading.credentials('second')))];
      expect(told).toEqual(isAsked ? [] : ['database_io_failed']);
      await app.phone.pass(15_000);
      expect(app.handed).toEqual(['second']);
      trouble.mend();
      await app.phone.pass(60_000);
      expect(ids.map((id) => shows(lading.view(id)))).toEqual(Array.from(ids, () => 'uploaded'));
    },
  );

  it('are looked for again when the first look falls into trouble of the database', async () => {
    const app = signedIn();
    const trouble = ailing(nodeSqlite(app.phone.handle));
    const lading = await app.open({ store: trouble.store });
    app.valid = 'second';
    const [id = ''] = await captureMany(app.phone, lading, 1);
    await app.phone.pass(10_000);
    expect(shows(lading.view(id))).toBe(WAITING);
    app.valid = 'first'; // as after a clock that was set right
    trouble.fall();
    await app.phone.pass(90_000);
    trouble.mend();
    await app.phone.pass(60_000);
    expect(shows(lading.view(id))).toBe('uploaded');
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

describe('a refusal that comes late', () => {
  it('says nothing when others were let in since it was sent: it is repeated, and holds up nobody', async () => {
    const slow = gate();
    let isSignedIn = false;
    let first: string | undefined;
    const phone = world({
      script({ objectKey, nth }) {
        first ??= objectKey;
        if (objectKey === first && nth === 1) return { after: slow.promise, fault: EXPIRED };
        return isSignedIn ? undefined : { fault: EXPIRED };
      },
    });
    const lading = await phone.open({ concurrency: 2 });
    const ids = await captureMany(phone, lading, 3);
    await phone.pass(1_000);
    isSignedIn = true;
    await phone.pass(61_000);
    const late = ids.find((id) => first?.includes(id)) ?? '';
    expect(ids.filter((id) => shows(lading.view(id)) === 'uploaded')).toHaveLength(2);
    expect(shows(lading.view(late))).toBe('uploading');
    slow.open();
    await phone.pass(1_000);
    const [next = ''] = await captureMany(phone, lading, 1);
    await phone.pass(1_000);
    expect([late, next].map((id) => shows(lading.view(id)))).toEqual(['uploaded', 'uploaded']);
    expect(lading.history(late).map(({ type }) => type)).not.toContain('upload.failed');
  });
});

describe('one that waits alone for credentials that an adapter finds by itself', () => {
  it('is tried again, ever more seldom, goes when they are good, and is never given up for that', async () => {
    let isSignedIn = false;
    const phone = world({ script: () => (isSignedIn ? undefined : { fault: EXPIRED }) });
    const lading = await phone.open();
    const [id = ''] = await captureMany(phone, lading, 1);
    await phone.pass(24 * 3_600_000);
    expect(shows(lading.view(id))).toBe(WAITING);
    expect(phone.remote.calls.length).toBeGreaterThan(90);
    expect(phone.remote.calls.length).toBeLessThan(110);
    isSignedIn = true;
    await phone.pass(15 * 60_000);
    expect(shows(lading.view(id))).toBe('uploaded');
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

describe('an adapter that never takes what it is handed', () => {
  const app = () => {
    const known = signedIn();
    const credentials = (): Promise<void> => new Promise(() => {});
    return { ...known, remote: { ...known.remote, credentials } };
  };

  it('holds up no close', async () => {
    const { phone, remote } = app();
    const lading = await phone.open({ remote });
    const handing = codeOf(lading.credentials('next'));
    await phone.pass(1_000);
    await phone.until(lading.close());
    expect(await handing).toBe('closed');
  });

  it('holds up no sign-out', async () => {
    const { phone, remote } = app();
    const lading = await phone.open({ remote });
    await captureMany(phone, lading, 1);
    await phone.pass(10);
    expect((await phone.until(lading.signOut())).unsent.uploads).toBe(0);
  });
});
