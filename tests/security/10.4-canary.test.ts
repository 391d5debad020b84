import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { type Backend, type Lading, type Logger, openLading, preload, systemClock } from 'lading';
import { directoryBlobs } from 'lading/blobs/directory';
import { tusRemote } from 'lading/remotes/tus';
import { openNodeSqlite } from 'lading/sqlite/node';
import { createReferenceBackend } from 'lading/sync';
import { memoryRemote } from 'lading/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { OutboxRow } from '../../ports/attachment-tables.ts';
import { redact, redacted } from '../../ports/redact.ts';
import type { Remote, UploadOutcome } from '../../ports/remote.ts';
import type { Secrets } from '../../ports/secrets.ts';
import { readPushAnswer } from '../../sync/push-answer.ts';
import { FIELDS, image, ME, owner, picture, world } from '../support/lading-world.ts';
import { content, engine, uploadRequest } from '../support/tus-world.ts';
import { CANARIES, type SecretServer, secretServer } from './secret-server.ts';

const CHUNK = 20_000;
const PATIENCE = { timeout: 20_000 };

// The backend refuses the ref at once: the upload must not wait for its part then.
beforeAll(preload);

describe('contract 10.4: a planted canary is found in no file and no output', () => {
  let base: string;
  let server: SecretServer;
  let output: string[];
  beforeEach(async () => {
    base = mkdtempSync(join(tmpdir(), 'lading-canary-'));
    server = await secretServer();
    output = [];
  });
  afterEach(async () => {
    await server.close();
    rmSync(base, { recursive: true, force: true });
  });

  /** As a console prints it, with causes and all that is not enumerable; and as JSON. */
  const write = (...values: readonly unknown[]): void => {
    for (const value of values)
      output.push(inspect(value, { depth: 20 }), JSON.stringify(value) ?? '');
  };
  const logger: Logger = { debug: write, info: write, warn: write, error: write };
  const tried = async <T>(promise: Promise<T>): Promise<T | undefined> => {
    try {
      const value = await promise;
      write(value);
      return value;
    } catch (error) {
      write(error);
      return undefined;
    }
  };
  let headersFail = false;
  const open = (secrets?: Secrets): Promise<Lading> =>
    openLading({
      store: openNodeSqlite(join(base, 'app.db')),
      blobs: directoryBlobs({ directory: join(base, 'blobs') }),
      remote: tusRemote({
        endpoint: `${server.origin}/files?key=${CANARIES.endpoint}`,
        chunkSizeBytes: CHUNK,
        headers() {
          if (headersFail) throw new Error(`no session: ${CANARIES.thrown}`);
          return { Authorization: `Bearer ${CANARIES.header}` };
        },
        locator: () => `${server.origin}/objects/last`,
      }),
      backend: leakyBackend(() => server.count('PATCH') >= 4),
      fields: {
        ...FIELDS,
        'item.images': {
          kinds: ['image'],
          policy: { backoffBaseMs: 1, backoffCapMs: 1, undoGraceMs: 0, lateArrivalMs: 0 },
        },
      },
      account: ME,
      logger,
      onlineDebounceMs: 0,
      ...(secrets === undefined ? {} : { secrets }),
    });
  const dump = (lading: Lading, ids: readonly string[]): void => {
    for (const id of ids) write(lading.history(id), lading.view(id));
    write(lading.list(owner()), lading.storage(), lading.metrics());
  };
  const found = (): readonly string[] =>
    Object.entries(CANARIES).flatMap(([name, canary]) => [
      ...grep(base, canary).map((path) => `${name} in ${path.slice(base.length)}`),
      ...output
        .filter((text) => text.includes(canary))
        .map((text) => `${name} in ${text.slice(0, 300)}`),
    ]);

  it('through a whole life: upload, faults of all kinds, a restart, cancel, download', {
    timeout: 90_000,
  }, async () => {
    server.plan(
      { method: 'PATCH', after: 1, answer: { status: 503, body: `busy ${CANARIES.body}` } },
      { method: 'HEAD', answer: { status: 500, body: `broken ${CANARIES.body}` } },
      { method: 'PATCH', after: 1, act: 'hang' },
    );
    let lading = await open();
    const photo = await lading.capture(picture('one', 3 * CHUNK), image());
    // Refused, broken, and now it hangs in the middle.
    await expect.poll(() => server.count('PATCH'), PATIENCE).toBe(4);
    dump(lading, [photo.id]);
    expect(found()).toEqual([]); // with the write-ahead log as a crash would leave it
    await lading.close();

    const before = server.seen.length;
    headersFail = true;
    lading = await open();
    await tried(lading.settled());
    headersFail = false;
    // The backend refuses its ref once, sooner or later: a retry asks again.
    for (let asked = 0; asked < 3; asked++) {
      await tried(lading.retry(photo.id));
      await tried(lading.settled());
    }
    expect(lading.view(photo.id).state).toBe('uploaded');
    // It went on where it stood: the sealed url was the right one after the restart.
    const resumed = server.seen.slice(before);
    expect(resumed.some(({ method }) => method === 'POST')).toBe(false);
    expect(resumed.some(({ path }) => path.includes(CANARIES.query))).toBe(true);

    server.plan({ method: 'PATCH', act: 'hang' });
    const hanging = server.hit();
    const second = await lading.capture(picture('two', CHUNK), image());
    await hanging;
    await tried(lading.cancel(second.id));
    await expect.poll(() => server.count('DELETE'), PATIENCE).toBeGreaterThan(0);

    for (const path of files(join(base, 'blobs'))) rmSync(path);
    server.plan({ method: 'GET', answer: { status: 403, body: `who are you, ${CANARIES.body}` } });
    await tried(lading.resolve(photo.id));
    await tried(lading.resolve(photo.id));
    await tried(lading.verify());
    await tried(lading.explain?.(photo.id) as Promise<unknown>);
    dump(lading, [photo.id, second.id]);
    expect(found()).toEqual([]);
    await lading.close();
    expect(found()).toEqual([]);
    expect(output.length).toBeGreaterThan(20);
  });

  it('is kept by what the app gives as its keeper of secrets, where it gives one', async () => {
    const kept: string[] = [];
    const secrets: Secrets = {
      seal: async (text) => `slot-${kept.push(text) - 1}`,
      open: async (sealed) => kept[Number(sealed.slice(5))] ?? null,
    };
    server.plan({ method: 'PATCH', after: 1, answer: { status: 503 } });
    const lading = await open(secrets);
    const photo = await lading.capture(picture('one', 3 * CHUNK), image());
    await lading.settled();
    for (let asked = 0; asked < 3; asked++) {
      await tried(lading.retry(photo.id));
      await tried(lading.settled());
    }
    expect(lading.view(photo.id).state).toBe('uploaded');
    expect(kept).toEqual([expect.stringContaining(CANARIES.query)]);
    expect(server.count('POST')).toBe(1);
    await lading.close();
    expect(found()).toEqual([]);
    expect(grep(base, 'slot-0').length).toBeGreaterThan(0);
  });
});

describe('contract 10.4: what adapters say', () => {
  it('is redacted before it is stored, be it a fault or a throw', async () => {
    const canary = CANARIES.body;
    const remote = memoryRemote();
    const phone = world();
    const said: (() => never | UploadOutcome)[] = [
      () => ({ ok: false, class: 'retryable', code: 'leaky', message: `503 for token=${canary}` }),
      () => {
        throw new Error(`PUT https://s3.example.com/a?X-Amz-Signature=${canary} failed`);
      },
    ];
    const leaky: Remote = {
      ...remote,
      upload: async (request, context) => said.shift()?.() ?? remote.upload(request, context),
    };
    const logged: unknown[] = [];
    const log = (...given: readonly unknown[]): void =>
      void logged.push(inspect(given, { depth: 9 }));
    const logger: Logger = { debug: log, info: log, warn: log, error: log };
    const lading = await phone.open({ remote: leaky, logger });
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.pass(120_000);
    expect(said).toEqual([]);
    const rows = ['lading_event', 'lading_snapshot', 'lading_task', 'lading_media', 'lading_job'];
    const stored = rows.flatMap((table) => phone.rows(`SELECT * FROM ${table}`));
    const all = inspect([stored, lading.history(photo.id), photo.view, logged], { depth: 20 });
    expect(all).not.toContain(canary);
    expect(all).toContain('503 for token=[redacted]');
    expect(all).toContain('PUT https://s3.example.com/a?[redacted] failed');
  });

  it('never puts the token of an upload url into a ref, where the app gives no locator', async () => {
    const server = await secretServer();
    try {
      const remote = tusRemote({
        endpoint: `${server.origin}/files?key=${CANARIES.endpoint}`,
        headers: { Authorization: `Bearer ${CANARIES.header}` },
      });
      const handles: unknown[] = [];
      const context = engine().run({
        opened: async (handle, options) => void handles.push(new URL(handle).search, options),
      });
      const outcome = await remote.upload(uploadRequest(content(1_000)), context);
      expect(outcome).toEqual({
        ok: true,
        receipt: { url: `${server.origin}/files/${CANARIES.path}-1`, token: null, byteSize: 1_000 },
      });
      expect(handles).toEqual([`?token=${CANARIES.query}`, { isSecret: true }]);
    } finally {
      await server.close();
    }
  });
});

describe('contract 10.4: what a backend says of an op that it refuses', () => {
  it('is redacted before it is stored or logged', () => {
    const row = { opId: 'op-1' } as OutboxRow;
    const message = `session ${CANARIES.backend} may not`;
    const [answered] = readPushAnswer(
      [row],
      [{ opId: 'op-1', status: 'refused', code: 'forbidden', message }],
    );
    expect(answered?.result).toMatchObject({ message: 'session [redacted] may not' });
  });
});

describe('contract 10.4: redacted where it would be written', () => {
  it.each([
    [
      'GET https://ada:pw@files.example.com/a/b?X-Amz-Signature=abc#frag failed',
      'GET https://files.example.com/a/b?[redacted] failed',
    ],
    ['Authorization: Bearer abc.def', 'Authorization: [redacted]'],
    ['"password":"hunter2", next', '"password":"[redacted]", next'],
    ['set-cookie=sid=1; token = t1', 'set-cookie=[redacted]; token = [redacted]'],
    ['bearer a1b2c3d4e5', 'bearer [redacted]'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc', '[redacted]'],
    ['key AKIA1234567890ABCDEF refused', 'key [redacted] refused'],
    [
      'attachment 01890a5d-ac96-774b-bcce-b302099a8057 is gone',
      'attachment 01890a5d-ac96-774b-bcce-b302099a8057 is gone',
    ],
    [
      'The server answered 503 to the bytes of an upload.',
      'The server answered 503 to the bytes of an upload.',
    ],
  ])('%s', (text, shown) => {
    expect(redact(text)).toBe(shown);
  });

  it.each([
    ['a-'.repeat(110_000)],
    [`x-${'x-'.repeat(110_000)}`],
    ['eyJ-'.repeat(55_000)],
    [`token${' '.repeat(220_000)}x`],
    ['a'.repeat(220_000)],
    ['word '.repeat(44_000)],
  ])('of a long text only the beginning is looked at: %.10s', (long) => {
    const looked = vi.spyOn(String.prototype, 'replaceAll');
    try {
      expect(redact(long)).toMatch(/…$/);
      const lengths = looked.mock.contexts.map((text) => String(text).length);
      expect(lengths.length).toBeGreaterThan(4);
      expect(Math.max(...lengths)).toBeLessThanOrEqual(4_097);
    } finally {
      looked.mockRestore();
    }
  });

  it('of a long text nothing is cut so that half of a secret stays', () => {
    for (let size = 3_900; size < 4_100; size += 1) {
      // The query is hidden, so that what comes behind it is shown.
      const query = `https://files.example.com/?${'a'.repeat(size)}`;
      const shown = redact(`${query} eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc`);
      expect(shown).not.toContain('eyJ');
    }
  });

  it('looks into errors, their causes and details, and hides what is named a secret', () => {
    const error = Object.assign(new Error('token=abc', { cause: new Error('Bearer abcdef123') }), {
      code: 'E_FAILED',
    });
    const shown = redacted({
      error,
      handle: 'x',
      headers: { a: 'b' },
      list: ['password: x'],
      n: 1,
    });
    expect(shown).toEqual({
      error: {
        name: 'Error',
        message: 'token=[redacted]',
        code: 'E_FAILED',
        cause: { name: 'Error', message: 'Bearer [redacted]' },
      },
      handle: '[redacted]',
      headers: '[redacted]',
      list: ['password: [redacted]'],
      n: 1,
    });
  });
});

/** Takes refs, and now and then quotes a secret while it does not. */
/** @param mayRefuse a ref that is refused before its upload began would end the life that the test is about. */
function leakyBackend(mayRefuse: () => boolean): Backend {
  const real = createReferenceBackend({ clock: systemClock() }).client(ME);
  let pushes = 0;
  let hasRefused = false;
  return {
    ...real,
    pull: (...given) => real.pull(...given),
    listen: (...given) => real.listen(...given),
    async push(ops, options) {
      pushes += 1;
      if (pushes === 1 || (!hasRefused && !mayRefuse())) {
        const cause = new Error(`401 with ${CANARIES.backend}`);
        throw new Error(`push failed at https://api.example.com/?token=${CANARIES.backend}`, {
          cause,
        });
      }
      if (!hasRefused) {
        hasRefused = true;
        const message = `session ${CANARIES.backend} may not`;
        return ops.map(
          ({ opId }) => ({ opId, status: 'refused', code: 'forbidden', message }) as const,
        );
      }
      return real.push(ops, options);
    },
  };
}

function files(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function grep(folder: string, text: string): readonly string[] {
  return files(folder).filter((path) => readFileSync(path).includes(text) || path.includes(text));
}
