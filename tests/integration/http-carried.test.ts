import { type HttpRemoteOptions, httpRemote } from 'lading/remotes/http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Json } from '../../machines/json.ts';
import type { Carrier, CarrierResult } from '../../ports/carrier.ts';
import { leftBehind } from '../../ports/closing.ts';
import { LadingError } from '../../ports/errors.ts';
import type { UploadRequest } from '../../ports/remote.ts';
import { type HttpWorld, httpWorld } from '../support/http-store.ts';
import { answered, scriptedCarrier } from '../support/scripted-carrier.ts';
import { content, engine, uploadRequest } from '../support/tus-world.ts';

const PHOTO = content(10_000);
const ID = 'account-1.media-1';

let world: HttpWorld;
beforeEach(async () => {
  world = await httpWorld();
});
afterEach(() => world.dispose());

const scripted = (next?: CarrierResult) => scriptedCarrier(() => next);

const remote = (carrier: Carrier, options: Partial<HttpRemoteOptions> = {}) =>
  httpRemote({ endpoint: world.endpoint, carrier, ...options });
const request: UploadRequest = { ...uploadRequest(PHOTO), file: async () => '/somewhere/photo' };

describe('an upload by HTTP that a carrier takes', () => {
  it('has its url, its headers and its file, and a name that is made from the object key', async () => {
    const { carrier, started, tasks } = scripted(answered(201));
    const signing = remote(carrier, {
      headers: { Authorization: 'Bearer CANARY' },
      address: ({ objectKey }) => `${world.endpoint}/${objectKey}?X-Sign=CANARY&Expires=1800000000`,
    });
    const outcome = await signing.upload(request, engine().run());
    const url = `${world.endpoint}/account-1/media-1`;
    expect(outcome).toMatchObject({ ok: true, receipt: { url, byteSize: 10_000 } });
    expect(started).toMatchObject([
      {
        id: ID,
        method: 'PUT',
        url: `${url}?X-Sign=CANARY&Expires=1800000000`,
        file: '/somewhere/photo',
        byteSize: 10_000,
        note: `${url}?exp=1800000000`,
        headers: { authorization: 'Bearer CANARY', 'content-type': 'image/jpeg' },
      },
    ]);
    expect(world.server.seen).toEqual([]);
    expect(tasks.size).toBe(0); // its end was taken
  });

  it.each([
    [answered(401), 'auth unauthorized'],
    [answered(503, { headers: [['retry-after', '7']] }), 'retryable server_error'],
    [answered(413), 'terminal too_large'],
    [answered(200, { headers: [['content-type', 'text/html']] }), 'retryable not_the_remote'],
    [{ ended: 'failed', code: 'network', mayHaveArrived: true }, 'retryable network'],
    [{ ended: 'failed', code: 'source_missing', mayHaveArrived: false }, 'terminal source_missing'],
  ] as const)('is judged as if it had been sent from here: %j is %s', async (result, expected) => {
    const { carrier, tasks } = scripted(result);
    const outcome = await remote(carrier).upload(request, engine().run());
    expect(outcome.ok ? 'ok' : `${outcome.class} ${outcome.code}`).toBe(expected);
    expect('retryAfterMs' in outcome ? outcome.retryAfterMs : 7000).toBe(7000);
    expect(tasks.size).toBe(0); // the next attempt begins anew
  });

  it('whose answer is heard at once is judged by the clock of this device: it may be wrong (field case 43)', async () => {
    const refused = answered(403, { headers: [['date', 'Thu, 01 Jan 2026 00:00:00 GMT']] });
    const { carrier, started } = scripted(refused);
    const outcome = await remote(carrier).upload(request, engine().run());
    expect(outcome).toMatchObject({ class: 'auth', code: 'clock_skewed' });
    expect(started).toHaveLength(1); // nothing is signed here: it would be no other one
  });

  it('is met by the next run, which neither looks nor sends', async () => {
    const { carrier, started, tasks } = scripted();
    const note = `${world.endpoint}/account-1/media-1`;
    tasks.set(ID, { id: ID, note, result: answered(201) });
    const outcome = await remote(carrier).upload(request, engine().run({ rerun: true }));
    expect(outcome).toMatchObject({ ok: true });
    expect([started.length, world.server.seen.length]).toEqual([0, 0]);
  });

  it.each([
    [{}, ['HEAD']],
    [{ method: 'POST', look: false }, []],
  ] as const)(
    'of an earlier run, to a server that the app had before, says nothing of the one of now: %j',
    async (options, asked) => {
      const { carrier, started, tasks } = scripted(answered(201));
      const note = 'https://old.example/objects/account-1/media-1?exp=1900000000';
      tasks.set(ID, { id: ID, note, result: answered(201) });
      const checkpoint = { load: async () => 'sending', save: async () => {} };
      const lent = engine().run({ rerun: true, checkpoint });
      const url = `${world.endpoint}/account-1/media-1`;
      const outcome = await remote(carrier, options).upload(request, lent);
      expect(outcome).toMatchObject({ ok: true, receipt: { url } });
      expect(started.map((task) => task.url)).toEqual([url]);
      expect(world.server.seen.map(({ method }) => method)).toEqual(asked);
    },
  );

  it('is looked for when it is gone without an end', async () => {
    const { carrier, tasks } = scripted(answered(201));
    const lost: Carrier = { ...carrier, attach: async () => undefined };
    const lent = engine();
    const first = await remote(lost).upload(request, lent.run());
    expect(first).toMatchObject({ class: 'retryable', code: 'carrier_lost' });
    tasks.clear();
    await remote(carrier).upload(request, lent.run());
    expect(world.server.seen.map(({ method }) => method)).toEqual(['HEAD']);
  });

  it.each([
    ['goes on when the run is left behind', leftBehind(new Error('closing')), []],
    ['is stopped when the run is', new DOMException('stopped', 'AbortError'), [ID]],
  ])('%s', async (_, reason, expected) => {
    const { carrier, cancelled } = scripted();
    const abort = new AbortController();
    const running = remote(carrier).upload(request, engine().run({ signal: abort.signal }));
    await expect.poll(async () => (await carrier.list()).length).toBe(1);
    abort.abort(reason);
    expect(await running).toMatchObject({ code: 'aborted' });
    expect(cancelled).toEqual(expected);
  });

  it('is asked for again where its carrier could not be asked: nobody says yet that its end is unknown (contract 4.4)', async () => {
    const { carrier, started } = scripted(answered(201));
    let asked = 0;
    const deaf: Carrier = {
      ...carrier,
      attach: (id, options) =>
        ++asked % 2 === 1 ? Promise.reject(new Error('EMFILE')) : carrier.attach(id, options),
    };
    let noted: Json | null = null;
    const checkpoint = {
      load: async () => noted,
      async save(value: Json) {
        noted = value;
      },
    };
    // A server that takes each request for a new file.
    const posting = remote(deaf, { method: 'POST', look: false, read: () => ({ url: null }) });
    const lent = engine();
    const attempt = () => posting.upload(request, lent.run({ checkpoint }));
    const unheard = { class: 'retryable', code: 'carrier_failed' };
    expect(await attempt()).toMatchObject(unheard); // whether one is under way
    expect(await attempt()).toMatchObject(unheard); // how the one ended that it began
    expect(await attempt()).toMatchObject({ ok: true });
    expect(started).toHaveLength(1);
  });

  it('is stopped before its object is removed, and when the user signs out (contract 4.8, 5.2)', async () => {
    const { carrier, tasks, cancelled } = scripted();
    const note = `${world.endpoint}/x`;
    tasks.set(ID, { id: ID, note, result: undefined });
    const options = { handle: null, signal: new AbortController().signal };
    expect(await remote(carrier).remove(request.objectKey, options)).toEqual({ ok: true });
    expect(cancelled).toEqual([ID]);
    tasks.set('another', { id: 'another', note, result: undefined });
    await remote(carrier).credentials?.('new ones');
    expect(tasks.size).toBe(1);
    await remote(carrier).credentials?.(null);
    expect(tasks.size).toBe(0);
  });

  it('is stopped when the user signs out, also where another one cannot be', async () => {
    const { carrier, tasks } = scripted();
    for (const id of ['first', 'stuck', 'last']) tasks.set(id, { id, note: '', result: undefined });
    const cancel = async (id: string) => {
      if (id === 'stuck') throw new Error('busy');
      await carrier.cancel(id);
    };
    await expect(async () => remote({ ...carrier, cancel }).credentials?.(null)).rejects.toThrow(
      'busy',
    );
    expect([...tasks.keys()]).toEqual(['stuck']);
  });

  it('is not removed while nobody can stop it', async () => {
    const { carrier } = scripted();
    const stuck = { ...carrier, cancel: () => Promise.reject(new Error('busy')) };
    const options = { handle: null, signal: new AbortController().signal };
    expect(await remote(stuck).remove(request.objectKey, options)).toMatchObject({
      class: 'retryable',
      code: 'carrier_failed',
    });
    expect(world.server.seen).toEqual([]);
  });
});

describe('an upload by HTTP that is sent from here although there is a carrier', () => {
  /** Requests that were sent from here, and tasks that were started. */
  const counts = async (
    from: UploadRequest,
    options: Partial<HttpRemoteOptions> = {},
    change: Partial<Carrier> = {},
  ): Promise<readonly [sent: number, started: number]> => {
    const { carrier, started } = scripted(answered(201));
    const before = world.server.seen.length;
    const run = engine().run();
    await remote({ ...carrier, ...change }, options).upload(from, run);
    return [world.server.seen.length - before, started.length];
  };

  it('is one whose bytes lie in no plain file, as encrypted ones', async () => {
    expect(await counts(uploadRequest(PHOTO))).toEqual([1, 0]);
    expect(await counts({ ...request, file: async () => undefined })).toEqual([1, 0]);
  });

  it('is a small one, and a form', async () => {
    expect(await counts(request, { carryFromBytes: 10_001 })).toEqual([1, 0]);
    expect(await counts(request, { carryFromBytes: 10_000 })).toEqual([0, 1]);
    const form = { field: 'file', fields: { key: request.objectKey } };
    expect(await counts(request, { form })).toEqual([1, 0]);
  });

  it('is one that the carrier did not take', async () => {
    const start = () => Promise.reject(new Error('no process'));
    expect(await counts(request, {}, { start })).toEqual([1, 0]);
  });

  it('is none whose bytes are not those that were captured', async () => {
    const { carrier, started } = scripted(answered(201));
    const file = () => Promise.reject(new LadingError('source_changed', 'other bytes'));
    const outcome = await remote(carrier).upload({ ...request, file }, engine().run());
    expect(outcome).toMatchObject({ class: 'terminal', code: 'source_changed' });
    expect([started.length, world.server.seen.length]).toEqual([0, 0]);
  });
});
