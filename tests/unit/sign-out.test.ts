import { describe, expect, it } from 'vitest';
import {
  captureMany,
  codeOf,
  gate,
  image,
  ME,
  owner,
  picture,
  shows,
  world,
} from '../support/lading-world.ts';
import { refresher, signedIn } from '../support/signed-in.ts';

const OTHER = 'account-2';
const BIG = 100_000;

describe('signing out (contract 4.8, field case 59)', () => {
  it('stops an upload, burns nothing, forgets credentials, and goes on at the next sign-in', async () => {
    const held = gate();
    const app = signedIn({
      script: ({ nth }) => (nth === 1 ? { after: held.promise } : undefined),
    });
    const lading = await app.open();
    const { id } = await app.phone.until(lading.capture(picture('x', BIG), image()));
    await app.phone.pass();
    expect(shows(lading.view(id))).toBe('uploading');
    const left = await app.phone.until(lading.signOut());
    expect(left).toEqual({
      unsent: { uploads: 1, bytes: BIG },
      waiting: 1,
      failed: 0,
      deadLetters: [],
      unsyncedOps: 1,
    });
    expect(app.handed).toEqual([null]);
    expect(app.phone.rows('SELECT situation, attempts FROM lading_job')).toEqual([
      { situation: 'queued', attempts: 0 },
    ]);
    expect(await codeOf(lading.capture(picture(), image()))).toBe('closed');
    held.open();

    app.valid = 'again';
    const again = await app.open();
    await app.phone.until(again.credentials('again'));
    await app.phone.pass(60_000);
    expect(shows(again.view(id))).toBe('uploaded');
  });

  it('says what is left, dead letters by id, code and owner, and does nothing on a dry run', async () => {
    const app = signedIn({
      script: ({ nth, objectKey }) =>
        objectKey.includes(bad) && nth === 1
          ? { fault: { ok: false, class: 'terminal', code: 'too_large' } }
          : undefined,
    });
    let bad = 'nobody';
    const lading = await app.open();
    await captureMany(app.phone, lading, 1);
    await app.phone.pass(1_000);
    app.phone.net.set({ online: false });
    [bad = ''] = await captureMany(app.phone, lading, 1);
    app.phone.net.set({ online: true });
    await app.phone.pass(1_000);
    expect(lading.view(bad).state).toBe('failed');
    app.phone.net.set({ online: false });
    await captureMany(app.phone, lading, 2);
    const dry = await app.phone.until(lading.signOut({ dryRun: true }));
    expect(dry).toMatchObject({
      unsent: { uploads: 3 },
      waiting: 2,
      failed: 1,
      deadLetters: [{ mediaId: bad, code: 'too_large', owner: owner() }],
    });
    expect(app.handed).toEqual([]);
    expect(lading.list(owner())).toHaveLength(4);
    expect(await app.phone.until(lading.signOut())).toEqual(dry);
  });

  it('another account on the same database neither sees nor sends what is left', async () => {
    const app = signedIn({ online: false });
    const lading = await app.open();
    const ids = await captureMany(app.phone, lading, 3);
    await app.phone.until(lading.signOut());

    const other = await app.open({ account: OTHER });
    await app.phone.until(other.credentials('the token of the other'));
    app.valid = 'the token of the other';
    app.phone.net.set({ online: true });
    await captureMany(app.phone, other, 1, owner('item.images', 'item-1', OTHER));
    await app.phone.until(other.retrySync());
    await app.phone.pass(3_600_000);
    expect(ids.map((id) => other.view(id).waitingFor)).toEqual(Array.from(ids, () => 'author'));
    expect(await app.phone.until(other.signOut({ dryRun: true }))).toMatchObject({
      unsent: { uploads: 0, bytes: 0 },
      waiting: 0,
    });
    expect(app.requests.filter(({ key }) => key.startsWith(`${ME}/`))).toEqual([]);
    await app.phone.until(other.signOut());

    app.valid = 'mine';
    const again = await app.open();
    await app.phone.until(again.credentials('mine'));
    await app.phone.pass(60_000);
    expect(ids.map((id) => shows(again.view(id)))).toEqual(Array.from(ids, () => 'uploaded'));
    const mine = app.requests.filter(({ key }) => key.startsWith(`${ME}/`));
    expect(new Set(mine.map(({ token }) => token))).toEqual(new Set(['mine']));
  });

  it('in the middle of a capture: it rejects, and leaves nothing behind', async () => {
    const app = signedIn();
    const lading = await app.open();
    const held = gate();
    const source = picture();
    const slow = {
      ...source,
      async *open() {
        await held.promise;
        yield* source.open();
      },
    };
    const capture = codeOf(lading.capture(slow, image()));
    await app.phone.pass();
    const leaving = lading.signOut();
    held.open();
    await app.phone.until(leaving);
    expect(['closed', 'capture_aborted']).toContain(await capture);
    expect(app.phone.blobs.keys).toEqual([]);
    expect(app.phone.rows('SELECT * FROM lading_media')).toEqual([]);
  });

  it('in the middle of a refresh: what that gives reaches nobody', async () => {
    const held = gate();
    const app = signedIn();
    const tokens = refresher(['second'], { after: () => held.promise });
    const lading = await app.open({ ...tokens });
    app.valid = 'second';
    await captureMany(app.phone, lading, 1);
    await app.phone.pass(1_000);
    expect(tokens.asked).toHaveLength(1);
    await app.phone.until(lading.signOut());
    expect(tokens.asked[0]?.signal.aborted).toBe(true);
    held.open();
    await app.phone.pass(60_000);
    expect(app.handed).toEqual([null]);
  });

  it('in the middle of new credentials: the old ones are forgotten last', async () => {
    const held = gate();
    const app = signedIn();
    const handed: unknown[] = [];
    const lading = await app.open({
      remote: {
        ...app.remote,
        async credentials(next) {
          if (next !== null) await held.promise;
          handed.push(next);
        },
      },
    });
    await captureMany(app.phone, lading, 1);
    await app.phone.pass(1_000);
    const giving = codeOf(lading.credentials('second'));
    const leaving = lading.signOut();
    await app.phone.pass();
    held.open();
    await app.phone.until(leaving);
    expect(handed).toEqual(['second', null]);
    expect(['closed', 'no error']).toContain(await giving);
  });

  it('in the middle of a push: the op stays, and is sent again under the next session', async () => {
    const held = gate();
    const app = signedIn();
    let pushes = 0;
    const backend = {
      credentials: (next: unknown) => void app.handed.push(next),
      async push(ops: readonly { readonly opId: string }[]) {
        pushes += 1;
        if (pushes === 1) await held.promise;
        return ops.map(({ opId }) => ({ opId, status: 'applied' as const }));
      },
      pull: async () => ({ rows: [], more: false }),
      listen: () => () => {},
    };
    const lading = await app.open({ backend });
    await captureMany(app.phone, lading, 1);
    await app.phone.pass(1_000);
    expect(pushes).toBe(1);
    const left = await app.phone.until(lading.signOut());
    expect(left.unsyncedOps).toBeGreaterThan(0);
    expect(app.handed).toEqual([null, null]);
    held.open();
    const again = await app.open({ backend });
    await app.phone.until(again.settled());
    expect((await app.phone.until(again.signOut({ dryRun: true }))).unsyncedOps).toBe(0);
  });

  it('twice at once is once', async () => {
    const app = signedIn();
    const lading = await app.open();
    const [one, other] = await app.phone.until(Promise.all([lading.signOut(), lading.signOut()]));
    expect(one).toEqual(other);
    expect(app.handed).toEqual([null]);
  });

  it.each([
    'sign_out_stopped',
    'sign_out_forgotten',
    'credentials_refused',
    'credentials_handed_over',
  ])('killed at %s, all of it is there at the next start, and nothing was burnt', async (point) => {
    const app = signedIn();
    let killed = false;
    const crashPoint = (name: string): void => {
      if (killed || name !== point) return;
      killed = true;
      app.phone.kill();
    };
    const lading = await app.open({ crashPoint, concurrency: 2, ...refresher(['second']) });
    app.valid = point.startsWith('sign') ? 'first' : 'second';
    app.onRequest = point.startsWith('sign') ? () => new Promise(() => {}) : undefined;
    const ids = await captureMany(app.phone, lading, 5);
    await app.phone.pass(1_000);
    if (point.startsWith('sign')) lading.signOut().catch(() => {});
    await app.phone.pass(20_000);
    expect(killed).toBe(true);
    app.onRequest = undefined;
    app.valid = 'new';
    const again = await app.open({ ...refresher(['new']) });
    await app.phone.pass(120_000);
    expect(ids.map((id) => shows(again.view(id)))).toEqual(Array.from(ids, () => 'uploaded'));
    const failures = app.phone.rows(
      `SELECT payload ->> '$.output.class' AS class FROM lading_event WHERE type = 'upload.failed'`,
    );
    expect(failures.every((row) => row['class'] === 'auth')).toBe(true);
    expect([...app.phone.remote.completions.values()]).toEqual([1, 1, 1, 1, 1]);
  });

  it('leaves the same account of another process alone', async () => {
    const phone = world();
    const one = await phone.open();
    const other = await phone.open();
    await phone.until(one.signOut());
    const { id } = await phone.until(other.capture(picture(), image()));
    await phone.pass(60_000);
    expect(shows(other.view(id))).toBe('uploaded');
  });
});
