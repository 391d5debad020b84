import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CarrierResult } from '../../ports/carrier.ts';
import {
  type CarriedStore,
  carriedStore,
  credentials,
  NOON,
  refused,
  request,
  signedAt,
  stored,
} from '../support/s3-carried-store.ts';
import { scriptedCarrier } from '../support/scripted-carrier.ts';
import { engine } from '../support/tus-world.ts';

const ID = 'account-1.media-1';
const MINUTE = 60_000;

let store: CarriedStore;
beforeEach(async () => {
  store = await carriedStore();
});
afterEach(() => store.dispose());

describe('the signature of a carried PUT (field case 40)', () => {
  /** A carrier that waits for its network for so long, and how its requests end then. */
  const waiting = (waitsMs: readonly number[], end: (nth: number) => CarrierResult) =>
    scriptedCarrier((_, nth) => {
      vi.setSystemTime(Date.now() + (waitsMs[nth - 1] ?? 1_000));
      return end(nth);
    });

  it('is made anew when the request waited for longer than it lives: however often, and no refusal', async () => {
    const { carrier, started } = waiting([60 * MINUTE, 16 * MINUTE, 600 * MINUTE], (nth) =>
      nth < 4 ? refused('RequestTimeTooSkewed') : stored,
    );
    expect(await store.remote(carrier).upload(request, engine().run())).toMatchObject({ ok: true });
    // The clock was right all the time: no late answer has moved it.
    const minutes = started.map((task) => (signedAt(task) - NOON) / MINUTE);
    expect(minutes).toEqual([0, 60, 76, 676]);
    expect(store.server.seen).toEqual([]);
  });

  it('is made anew after a restart, when it ran out while the app was dead: one look, and one more request', async () => {
    const { carrier, started, tasks } = scriptedCarrier(() => stored);
    const result = refused('RequestTimeTooSkewed', 403, NOON - 300 * MINUTE);
    tasks.set(ID, { id: ID, note: store.place, result });
    const outcome = await store.remote(carrier).upload(request, engine().run({ rerun: true }));
    expect(outcome).toMatchObject({ ok: true });
    expect(started.map(signedAt)).toEqual([NOON]);
    expect(store.methods()).toEqual(['HEAD']);
  });

  it.each(['ExpiredToken', 'InvalidAccessKeyId', 'SignatureDoesNotMatch', 'AccessDenied'])(
    'and credentials that were replaced while the app was dead ask for no others: %s',
    async (code) => {
      const { carrier, started, tasks } = scriptedCarrier(() => stored);
      tasks.set(ID, { id: ID, note: store.place, result: refused(code) });
      const outcome = await store.remote(carrier).upload(request, engine().run({ rerun: true }));
      expect([outcome.ok, started.length]).toEqual([true, 1]);
    },
  );

  it('goes by the clock of the store, when that refuses one that was just made (field case 43)', async () => {
    const { carrier, started } = waiting([], (nth) =>
      nth < 2 ? refused('RequestTimeTooSkewed', 403, NOON + 300 * MINUTE) : stored,
    );
    expect(await store.remote(carrier).upload(request, engine().run())).toMatchObject({ ok: true });
    expect(started.map((task) => Math.round((signedAt(task) - NOON) / MINUTE))).toEqual([0, 300]);
  });

  it('goes by it also where the carrier is slow: no waiting explains such a difference', async () => {
    const { carrier, started } = waiting([60 * MINUTE], (nth) =>
      nth < 2 ? refused('RequestTimeTooSkewed', 403, Date.now() + 300 * MINUTE) : stored,
    );
    expect(await store.remote(carrier).upload(request, engine().run())).toMatchObject({ ok: true });
    expect(started.map((task) => Math.round((signedAt(task) - NOON) / MINUTE))).toEqual([0, 360]);
  });

  it('of credentials that are over is made anew once, where it waited: those of now may be others', async () => {
    const { carrier, started } = waiting([60 * MINUTE, 60 * MINUTE], () => refused('ExpiredToken'));
    const outcome = await store.remote(carrier).upload(request, engine().run());
    expect(outcome).toMatchObject({ class: 'auth', code: 'credentials_expired' });
    expect(started).toHaveLength(2);
  });

  it('that is refused twice when it was just made is wrong, and waits for credentials', async () => {
    const { carrier, started } = waiting([], () => refused('RequestTimeTooSkewed'));
    const outcome = await store.remote(carrier).upload(request, engine().run());
    expect(outcome).toMatchObject({ class: 'auth', code: 'clock_skewed' });
    expect(started).toHaveLength(2);
  });

  it('is that of a presigned url where the device signs and the carrier may wait for days', async () => {
    const { carrier, started } = scriptedCarrier(() => stored);
    const temporary = { ...credentials, sessionToken: 'of an hour' };
    const options = { credentials: temporary, carriedForMs: 7 * 24 * 60 * MINUTE };
    const outcome = await store.remote(carrier, options).upload(request, engine().run());
    expect(outcome).toMatchObject({ ok: true });
    const [task] = started;
    const query = Object.fromEntries(new URL(task?.url ?? '').searchParams);
    expect(query).toMatchObject({
      'X-Amz-Date': '20260601T120000Z',
      'X-Amz-Expires': '604800',
      'X-Amz-Security-Token': 'of an hour',
      'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD',
      'X-Amz-SignedHeaders':
        'content-disposition;content-type;host;if-none-match;x-amz-checksum-sha256;x-amz-meta-sha256',
    });
    expect(Object.keys(task?.headers ?? {}).toSorted()).toEqual([
      'content-disposition',
      'content-type',
      'if-none-match',
      'x-amz-checksum-sha256',
      'x-amz-meta-sha256',
    ]);
    expect(task?.note).toBe(`${store.place}?exp=${NOON / 1000 + 604_800}`);
  });

  it.each([0, Number.NaN, 8 * 24 * 60 * MINUTE])('cannot last for %d ms', (carriedForMs) => {
    const { carrier } = scriptedCarrier();
    expect(() => store.remote(carrier, { carriedForMs })).toThrow(/^carriedForMs must be/);
  });

  it.each([
    ['one that waited for longer is signed anew', 25 * 60, 0, 'ok'],
    ['one of a cache, that was over before, is refused at last', 1, 48 * 60, 'auth url_expired'],
  ])('of a presigned url lives as long as that says: %s', async (_, waits, isOld, expected) => {
    const { carrier, started } = waiting([waits * MINUTE], (nth) =>
      isOld === 0 && nth === 2 ? stored : refused('AccessDenied'),
    );
    const signing = store.remote(carrier, {
      async sign() {
        const date = new Date(Date.now() - isOld * MINUTE).toISOString().replace(/[-:]|\.\d+/g, '');
        return { url: `${store.place}?X-Amz-Date=${date}&X-Amz-Expires=86400&X-Amz-Signature=x` };
      },
    });
    const outcome = await signing.upload(request, engine().run());
    expect(outcome.ok ? 'ok' : `${outcome.class} ${outcome.code}`).toBe(expected);
    expect(started).toHaveLength(2);
  });
});
