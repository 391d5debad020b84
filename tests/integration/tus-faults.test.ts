import { tusRemote } from 'lading/remotes/tus';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  content,
  type Engine,
  engine,
  sha256,
  type TusWorld,
  tusWorld,
  uploadRequest,
} from '../support/tus-world.ts';

const ID = 'account-1.media-1';
const CHUNK = 50_000;
const PHOTO = content(150_000);
const TUS = { 'Tus-Resumable': '1.0.0' };

let world: TusWorld;
let lent: Engine;
beforeEach(async () => {
  world = await tusWorld();
  lent = engine();
});
afterEach(() => world.dispose());

const attempt = (run = lent.run()) =>
  tusRemote({ endpoint: world.endpoint, chunkSizeBytes: CHUNK }).upload(uploadRequest(PHOTO), run);

const expectCompleted = async (): Promise<void> => {
  expect(await attempt()).toMatchObject({ ok: true });
  expect(await world.uploads()).toEqual([ID]);
  expect(sha256(await world.bytesOf(ID))).toBe(sha256(PHOTO));
};

/** What each status comes to, where nothing else is done about it within the attempt. */
const STATUSES = [
  [400, 'terminal'],
  [401, 'auth'],
  [403, 'terminal'],
  [408, 'retryable'],
  [412, 'terminal'],
  [413, 'terminal'],
  [415, 'terminal'],
  [422, 'terminal'],
  [423, 'retryable'],
  [425, 'retryable'],
  [429, 'retryable'],
  [460, 'terminal'],
  [500, 'retryable'],
  [502, 'retryable'],
  [503, 'retryable'],
  [504, 'retryable'],
  [507, 'retryable'],
] as const;

describe('a tus server that answers the creation', () => {
  it.each([...STATUSES, [404, 'terminal'] as const, [410, 'terminal'] as const])(
    'with %i is a %s fault, once, and no byte is sent',
    async (status, faultClass) => {
      world.server.plan({ method: 'POST', answer: { status, headers: { 'Retry-After': '9' } } });
      const outcome = await attempt();
      expect(outcome).toMatchObject({ ok: false, class: faultClass });
      const waits = 'retryAfterMs' in outcome && outcome.retryAfterMs === 9000;
      expect(waits).toBe(faultClass === 'retryable');
      expect(world.server.seen).toHaveLength(1);
      expect(lent.handles).toEqual([]);
      await expectCompleted();
    },
  );

  it('with a broken connection is retryable, once', async () => {
    world.server.plan({ method: 'POST', act: 'reset' });
    expect(await attempt()).toMatchObject({ class: 'retryable', code: 'network' });
    expect(world.server.seen).toHaveLength(1);
    await expectCompleted();
  });

  it('with 409 although it has no such upload ends, instead of asking for ever', async () => {
    world.server.plan({ method: 'POST', times: 5, answer: { status: 409, headers: TUS } });
    expect(await attempt()).toMatchObject({ class: 'terminal', code: 'conflict' });
    expect(world.server.seen.length).toBeLessThan(5);
  });

  it.each([
    ['a captive portal page', { status: 200, headers: { 'Content-Type': 'text/html' } }],
    ['a 201 that does not speak tus', { status: 201, headers: { Location: '/files/x' } }],
    ['a redirect to a login page', { status: 302, headers: { Location: 'http://portal.test/' } }],
    ['a 201 without a place', { status: 201, headers: TUS }],
  ])('with %s is retryable, and stores no handle (field case 36)', async (_, answer) => {
    world.server.plan({ method: 'POST', answer });
    expect(await attempt()).toMatchObject({ class: 'retryable' });
    expect(lent.handles).toEqual([]);
    await expectCompleted();
  });

  it.each([
    { status: 201, headers: { ...TUS, Location: 'https://evil.test/files/x' } },
    { status: 307, headers: { ...TUS, Location: 'https://evil.test/files' } },
  ])(
    'with another origin in %j is refused before a byte leaves (contract 10.3)',
    async (answer) => {
      world.server.plan({ method: 'POST', answer });
      expect(await attempt()).toMatchObject({
        class: 'terminal',
        code: expect.stringMatching(/refused/),
      });
      expect(world.server.seen).toHaveLength(1);
      expect(lent.handles).toEqual([]);
    },
  );
});

describe('a tus server that answers bytes', () => {
  it.each([...STATUSES, [409, 'retryable'] as const])(
    'with %i is a %s fault, once, and the next attempt goes on where it stood',
    async (status, faultClass) => {
      world.server.plan({ method: 'PATCH', after: 1, answer: { status, headers: TUS } });
      expect(await attempt()).toMatchObject({ ok: false, class: faultClass });
      expect(world.server.count('PATCH')).toBe(2);
      const before = world.server.seen.length;
      await expectCompleted();
      expect(world.server.count('POST')).toBe(1);
      const [first, second] = world.server.seen.slice(before);
      expect([first?.method, second?.headers['upload-offset']]).toEqual(['HEAD', String(CHUNK)]);
    },
  );

  it.each([404, 410])('with %i meets the upload again within the attempt', async (status) => {
    world.server.plan({ method: 'PATCH', after: 1, answer: { status, headers: TUS } });
    expect(await attempt()).toMatchObject({ ok: true });
    await expectCompleted();
  });

  it('with 404 for ever says that the session is lost, instead of creating for ever', async () => {
    world.server.plan({ method: 'PATCH', times: 99, answer: { status: 404, headers: TUS } });
    expect(await attempt()).toMatchObject({ ok: false });
    expect(world.server.seen.length).toBeLessThan(10);
    expect(await world.uploads()).toEqual([ID]);
  });

  it.each(['0', '50000', '999999', 'x'])(
    'with success and the offset %s is not sent the same bytes for ever',
    async (offset) => {
      const answer = { status: 204, headers: { ...TUS, 'Upload-Offset': offset } };
      world.server.plan({ method: 'PATCH', after: 1, times: 99, answer });
      expect(await attempt()).toMatchObject({ class: 'retryable', code: 'bad_offset' });
      expect(world.server.count('PATCH')).toBe(2);
    },
  );

  it('with a success that is a lie is found out (field case 12)', async () => {
    const answer = { status: 204, headers: { ...TUS, 'Upload-Offset': '150000' } };
    world.server.plan({ method: 'PATCH', answer });
    expect(await attempt()).toMatchObject({ class: 'retryable', code: 'incomplete' });
    await expectCompleted();
  });
});

describe('a tus server that answers the question how far an upload is', () => {
  beforeEach(async () => {
    world.server.plan({ method: 'PATCH', after: 2, answer: { status: 503 } });
    await attempt();
  });

  it.each(STATUSES)(
    'with %i is a %s fault, never a new upload, and costs no progress (field case 41)',
    async (status, faultClass) => {
      world.server.plan({ method: 'HEAD', answer: { status } });
      const before = world.server.seen.length;
      expect(await attempt()).toMatchObject({ ok: false, class: faultClass });
      expect(world.server.seen).toHaveLength(before + 1);
      await expectCompleted();
      expect(world.server.count('POST')).toBe(1);
      expect(world.server.seen.at(-1)?.headers['upload-offset']).toBe(String(2 * CHUNK));
    },
  );

  it('with a broken connection is retryable, never a new upload', async () => {
    world.server.plan({ method: 'HEAD', act: 'reset', times: 2 });
    expect(await attempt()).toMatchObject({ class: 'retryable', code: 'network' });
    await expectCompleted();
    expect(world.server.count('POST')).toBe(1);
  });

  it.each([404, 410])('with %i looks for it under its id, and goes on', async (status) => {
    world.server.plan({ method: 'HEAD', answer: { status, headers: TUS } });
    await expectCompleted();
    expect(world.server.seen.at(-1)?.headers['upload-offset']).toBe(String(2 * CHUNK));
  });

  it.each([
    ['no offset', {}],
    ['an offset past its end', { 'Upload-Offset': '150001', 'Upload-Length': '150000' }],
    ['another length', { 'Upload-Offset': '0', 'Upload-Length': '7' }],
  ])('with %s sends nothing', async (_, headers) => {
    const patches = world.server.count('PATCH');
    world.server.plan({ method: 'HEAD', answer: { status: 200, headers: { ...TUS, ...headers } } });
    expect(await attempt()).toMatchObject({ ok: false });
    expect(world.server.count('PATCH')).toBe(patches);
  });
});

describe('secrets (contract 10.4)', () => {
  it('are in no fault: neither tokens nor upload urls', async () => {
    const failures = [
      { method: 'POST', answer: { status: 500, body: 'Bearer CANARY' } },
      { method: 'POST', act: 'reset' },
      { method: 'POST', answer: { status: 201, headers: { ...TUS, Location: '//x/CANARY' } } },
    ] as const;
    const remote = tusRemote({
      endpoint: `${world.endpoint}?token=CANARY`,
      headers: { Authorization: 'Bearer CANARY' },
    });
    for (const failure of failures) {
      world.server.plan(failure);
      const outcome = await remote.upload(uploadRequest(PHOTO), engine().run());
      expect(outcome.ok).toBe(false);
      expect(JSON.stringify(outcome)).not.toContain('CANARY');
    }
    const broken = tusRemote({
      endpoint: world.endpoint,
      headers: () => Promise.reject(new Error('CANARY')),
    });
    const outcome = await broken.upload(uploadRequest(PHOTO), engine().run());
    expect(outcome).toMatchObject({ class: 'retryable', code: 'headers_failed' });
    expect(JSON.stringify(outcome)).not.toContain('CANARY');
  });
});
