import { type HttpRemoteOptions, httpRemote } from 'lading/remotes/http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Carrier, CarrierResult } from '../../ports/carrier.ts';
import type { UploadRequest } from '../../ports/remote.ts';
import { type HttpWorld, httpWorld } from '../support/http-store.ts';
import { answered, scriptedCarrier } from '../support/scripted-carrier.ts';
import { content, engine, uploadRequest } from '../support/tus-world.ts';

const PHOTO = content(10_000);
const ID = 'account-1.media-1';
const NOON = Date.parse('2026-06-01T12:00:00Z');
const MINUTE = 60_000;

let world: HttpWorld;
beforeEach(async () => {
  world = await httpWorld();
  vi.useFakeTimers({ toFake: ['Date'], now: NOON });
});
afterEach(async () => {
  vi.useRealTimers();
  await world.dispose();
});

const request: UploadRequest = { ...uploadRequest(PHOTO), file: async () => '/somewhere/photo' };
const remote = (carrier: Carrier, options: Partial<HttpRemoteOptions> = {}) =>
  httpRemote({ endpoint: world.endpoint, carrier, ...options });
const methods = () => world.server.seen.map(({ method }) => method);

/** A carrier that waits for its network for so long, and how its requests end then. */
const waiting = (waitsMs: readonly number[], end: (nth: number) => CarrierResult) =>
  scriptedCarrier((_, nth) => {
    vi.setSystemTime(Date.now() + (waitsMs[nth - 1] ?? 1_000));
    return end(nth);
  });

describe('a carried request of an earlier run that was refused for its credentials', () => {
  const note = () => `${world.endpoint}/account-1/media-1?exp=1500000000`;
  const refusals = [
    ['unauthorized', answered(401)],
    ['forbidden', answered(403)],
    [
      'forbidden, under a signature that ran out',
      answered(403, { headers: [['date', new Date(NOON).toUTCString()]] }),
    ],
    ['led to a login page', answered(302, { headers: [['location', '/login']] })],
  ] as const;

  it.each(refusals)(
    'says nothing of those of now: one look, and one more request (contract 4.4): %s',
    async (_, result) => {
      const { carrier, started, tasks } = scriptedCarrier(() => answered(201));
      tasks.set(ID, { id: ID, note: note(), result });
      const headers = { Authorization: 'Bearer newer' };
      const now = remote(carrier, { headers });
      expect(await now.upload(request, engine().run({ rerun: true }))).toMatchObject({ ok: true });
      expect(methods()).toEqual(['HEAD']);
      expect(started.map((task) => task.headers['authorization'])).toEqual(['Bearer newer']);
    },
  );

  it('has left nothing: where nobody can look, it is sent again all the same (contract 4.2)', async () => {
    // The first one is under way when its app is killed.
    const { carrier, started, tasks } = scriptedCarrier((_, nth) =>
      nth === 1 ? undefined : answered(201),
    );
    const options = { method: 'POST', look: false } as const;
    const lent = engine();
    void remote(carrier, options).upload(request, lent.run());
    await vi.waitFor(() => expect(started).toHaveLength(1));
    tasks.set(ID, { id: ID, note: note(), result: answered(401) });
    const outcome = await remote(carrier, options).upload(request, lent.run({ rerun: true }));
    expect(outcome).toMatchObject({ ok: true });
    expect([started.length, methods()]).toEqual([2, []]);
  });

  it('and is refused again now waits for others', async () => {
    const { carrier, started, tasks } = scriptedCarrier(() => answered(401));
    tasks.set(ID, { id: ID, note: note(), result: answered(401) });
    const outcome = await remote(carrier).upload(request, engine().run({ rerun: true }));
    expect(outcome).toMatchObject({ class: 'auth', code: 'unauthorized' });
    expect(started).toHaveLength(1);
  });
});

describe('a carried request that was refused after a long wait in this run', () => {
  it('is handed over anew where its signature ran out meanwhile: however often, and no refusal (field case 40)', async () => {
    const { carrier, started } = waiting([61 * MINUTE, 90 * MINUTE], (nth) =>
      nth < 3 ? answered(403) : answered(201),
    );
    const signing = remote(carrier, {
      address: ({ objectKey }) => {
        const until = Date.now() / 1000 + 3_600;
        return `${world.endpoint}/${objectKey}?Expires=${until}&X-Sign=x`;
      },
    });
    expect(await signing.upload(request, engine().run())).toMatchObject({ ok: true });
    const untils = started.map(({ url }) => Number(new URL(url).searchParams.get('Expires')));
    expect(untils.map((until) => (until * 1000 - NOON) / MINUTE)).toEqual([60, 121, 211]);
    expect(methods()).toEqual([]);
  });

  it('is a refusal where the app gives a url that is over', async () => {
    const { carrier, started } = waiting([], () => answered(403));
    const signing = remote(carrier, {
      address: ({ objectKey }) => `${world.endpoint}/${objectKey}?Expires=1500000000&X-Sign=x`,
    });
    const outcome = await signing.upload(request, engine().run());
    expect(outcome).toMatchObject({ class: 'auth', code: 'url_expired' });
    expect(started).toHaveLength(1);
  });

  it('is handed over once more under the credentials of now', async () => {
    const { carrier, started } = waiting([60 * MINUTE, 60 * MINUTE], () => answered(401));
    const headers = () => ({ Authorization: `Bearer of ${Date.now() - NOON}` });
    const outcome = await remote(carrier, { headers }).upload(request, engine().run());
    expect(outcome).toMatchObject({ class: 'auth', code: 'unauthorized' });
    const sent = started.map((task) => task.headers['authorization']);
    expect(sent).toEqual(['Bearer of 0', `Bearer of ${60 * MINUTE}`]);
  });

  it('was answered when it says so: a plain refusal is one, however late it is heard (field case 43)', async () => {
    const date = new Date(NOON + MINUTE).toUTCString();
    const { carrier, started } = waiting([60 * MINUTE], () =>
      answered(403, { headers: [['date', date]] }),
    );
    const outcome = await remote(carrier).upload(request, engine().run());
    expect(outcome).toMatchObject({ class: 'terminal', code: 'forbidden' });
    expect(started).toHaveLength(1);
  });
});
