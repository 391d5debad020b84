import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CANARY, document, lading, type SickPhone, sickPhone } from '../support/cli-world.ts';

const folder = mkdtempSync(join(tmpdir(), 'lading-cli-'));
let phone: SickPhone;
let before: { readonly bytes: Buffer; readonly mtimeMs: number };

beforeAll(async () => {
  phone = await sickPhone(folder);
  before = { bytes: readFileSync(phone.file), mtimeMs: statSync(phone.file).mtimeMs };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const at = (...args: readonly string[]) => lading([...args, '--at', phone.now]);

describe('lading doctor', () => {
  it('groups what is stuck by its cause, says why and what to do, and exits with 1', async () => {
    const { code, stdout } = await at('doctor', phone.file);
    expect(code).toBe(1);
    expect(stdout.replaceAll(phone.file, 'app.sqlite')).toMatchInlineSnapshot(`
      "app.sqlite  7 attachments, as of 2026-01-01 00:01:12: 3 causes need a person

      ! 1 attachment failed: the server answered 413 to the bytes of an upload (too_large).
        since 00:00:01 (71 s)
          019b76da-abe8-735f-aeb4-c65c17c3995a  3.4 MB image/jpeg  item/item-1.images
        → Raise the size limit of the server, or of the proxy before it, then retry this attachment.

      ! 1 attachment waits for the user to end the pause (resume).
        since 00:01:03 (9 s)
          019b76db-9e18-7403-b766-5c771f6bb877  900 bytes image/jpeg  item/item-2.images
        → End the pause in the app: for this attachment, or for all uploads.

      ! 1 attachment waits for new credentials (credentials).
        since 00:01:07 (5 s)
          019b76db-9a30-7297-b969-c3d783a3a034  900 bytes image/jpeg  item/item-2.images
        → Sign in again in the app, so that it gets new credentials.

      · 1 attachment waits for the app to link it (link).
        since 00:01:05 (7 s)
          019b76db-a5e8-7660-ba20-a256678800b8  162 bytes image/jpeg
        → Nothing, or save the form that it was taken for. An abandoned draft is cleaned up by itself.

      · 1 attachment waits for the end of the time in which its removal can be undone (undo).
        since 00:01:06 (6 s)
          019b76db-a5e8-74ef-9c1f-1cdafe3e4267  900 bytes image/jpeg
        → Nothing, or undo the removal in the app while there is time.

      · 1 attachment waits for the next try (backoff): the server answered 503, see https://files.example/e?[redacted] (server_error).
        since 00:01:06 (6 s)
          019b76db-a9d0-7453-88e9-457c7f0ecba4  900 bytes image/jpeg  profile/me.logo
        → Nothing: it tries again by itself; “Retry sync” tries at once.

      One in full: lading explain FILE ID
      "
    `);
  });

  it('gives the same as one document, with causes that are stable', async () => {
    const told = await document<{
      readonly needsPerson: boolean;
      readonly findings: readonly { readonly cause: string; readonly needsPerson: boolean }[];
    }>('doctor', phone.file, '--at', phone.now);
    expect(told).toMatchObject({ format: 1, command: 'doctor', at: phone.at, needsPerson: true });
    expect(
      Object.fromEntries(told.findings.map(({ cause, needsPerson }) => [cause, needsPerson])),
    ).toEqual({
      'failed:too_large': true,
      credentials: true,
      resume: true,
      link: false,
      undo: false,
      'backoff:server_error': false,
    });
  });

  it('says days later, without a runner, that the app has to be opened', async () => {
    const { stdout } = await lading(['explain', phone.file, phone.ids.busy, '--at', '2026-01-09']);
    expect(stdout).toContain('It waits until 2026-01-01 00:02:36 for the next try (backoff).');
  });
});

describe('lading explain', () => {
  it('tells one attachment in sentences, from its capture to what to do', async () => {
    const { code, stdout } = await at('explain', phone.file, phone.ids.busy);
    expect(code).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "019b76db-a9d0-7453-88e9-457c7f0ecba4  “IMG_7Zq3 busy.jpg”
      local_only, waiting for backoff

      What happened
        Captured 2026-01-01 00:01:06 on this device, 900 bytes image/jpeg.
        At 00:01:06, it was linked to profile me, logo.
        Upload attempt 1 began at 00:01:06.
        Upload attempt 1 failed at 00:01:06: the server answered 503, see https://files.example/e?[redacted] (server_error). The next attempt is at 00:02:36, 1 of 10 are used up.

      Where it stands
        Its last upload attempt failed: the server answered 503, see https://files.example/e?[redacted] (server_error); 1 of 10 attempts are used up.
        It waits until 2026-01-01 00:02:36 for the next try (backoff).
        Its bytes are on this device, 900 bytes.

      What to do
        Nothing: it tries again by itself; “Retry sync” tries at once.
      "
    `);
  });

  it('tells it as it was after any of its events (contract 9.5)', async () => {
    const { stdout } = await at('explain', phone.file, phone.ids.busy, '--at-version', '2');
    expect(stdout).toContain('local_only, waiting for runner, as it was after event 2 of 4');
    expect(stdout).not.toContain('Upload attempt');
  });

  it.each([
    ['its whole id', (id: string) => id],
    ['the beginning of its id', (id: string) => id.slice(0, 20)],
    ['its offline:// url', (id: string) => `offline://${id}`],
    ['capitals', (id: string) => id.toUpperCase()],
  ])('finds it by %s', async (_, form) => {
    const { stdout } = await at('explain', phone.file, form(phone.ids.uploaded));
    expect(stdout).toContain('It is uploaded since');
  });

  it('takes the id before the file as well', async () => {
    const { code } = await at('explain', phone.ids.uploaded, phone.file);
    expect(code).toBe(0);
  });
});

describe('lading status, list, history and verify', () => {
  it('counts what the database holds', async () => {
    const { accounts, ...rest } = await document<{ readonly accounts: readonly unknown[] }>(
      'status',
      phone.file,
      '--at',
      phone.now,
    );
    expect(rest).toMatchObject({
      database: { schemaVersion: expect.any(Number), read: 'at rest' },
      attachments: 7,
      setAside: 0,
    });
    expect(accounts).toMatchObject([
      {
        account: 'account-1',
        shown: { uploaded: 1, uploading: 0, local_only: 4, failed: 1, gone: 1 },
        queueDepth: 4,
        waitingFor: { retry: 1, credentials: 1, resume: 1, backoff: 1 },
        files: 7,
        syncedUpTo: null,
      },
    ]);
  });

  const listed = async (...args: readonly string[]): Promise<readonly string[]> => {
    const { attachments } = await document<{
      readonly attachments: readonly { readonly id: string }[];
    }>('list', phone.file, '--at', phone.now, ...args);
    return attachments.map(({ id }) => id);
  };

  it('lists by state, owner, account and number, the newest first', async () => {
    const { ids } = phone;
    await expect(listed('--failed')).resolves.toEqual([ids.tooLarge]);
    await expect(listed('--state', 'gone')).resolves.toEqual([ids.removed]);
    await expect(listed('--owner', 'item-2')).resolves.toEqual([ids.paused, ids.signedOut]);
    await expect(listed('--account', 'nobody')).resolves.toEqual([]);
    await expect(listed('--limit', '2')).resolves.toEqual([ids.busy, ids.draft]);
  });

  it('says how many more there are than it shows', async () => {
    const { stdout } = await at('list', phone.file, '--limit', '1');
    expect(stdout).toContain('… and 5 more: --limit 0 shows all.');
  });

  it('lists every event with the state after it', async () => {
    const { events } = await document<{
      readonly events: readonly { readonly type: string; readonly situation: string }[];
    }>('history', phone.file, phone.ids.signedOut);
    expect(events.map(({ type, situation }) => `${type}: ${situation}`)).toEqual([
      'attachment.created: draft',
      'ref.linked: queued',
      'upload.started: uploading',
      'upload.interrupted: queued', // the network went
      'upload.started: uploading',
      'upload.failed: awaitingCredentials',
    ]);
  });

  it('finds a sound database sound, and exits with 1 when a row is not what the log says', async () => {
    await expect(at('verify', phone.file)).resolves.toMatchObject({ code: 0 });
    const broken = join(folder, 'broken.sqlite');
    const source = new DatabaseSync(phone.file);
    source.prepare('VACUUM INTO ?').run(broken);
    source.close();
    const handle = new DatabaseSync(broken);
    handle.exec(`UPDATE lading_media SET has_bytes = 0 WHERE media_id = '${phone.ids.busy}'`);
    handle.close();
    const { code, stdout } = await at('verify', broken);
    expect(code).toBe(1);
    expect(stdout).toContain(
      `${phone.ids.busy}  projection: lading_media differs from the log in has_bytes`,
    );
  });
});

describe('lading graph', () => {
  it('gives the machine as Mermaid, with the states of one attachment marked', async () => {
    const { stdout } = await lading(['graph', phone.file, '--id', phone.ids.busy]);
    expect(stdout).toContain('state "uploading · runs upload" as transfer_uploading');
    expect(stdout.match(/class (\w+) here/g)).toEqual([
      'class reference here',
      'class reference_linked here',
      'class transfer here',
      'class transfer_live here',
      'class transfer_waiting here',
      'class localCopy here',
      'class localCopy_live here',
      'class localCopy_present here',
    ]);
  });

  it('gives it as a drawing, and never overwrites a file', async () => {
    const target = join(folder, 'machine.svg');
    const args = ['graph', phone.file, '--id', phone.ids.busy, '--format', 'svg', '-o', target];
    await expect(lading(args)).resolves.toMatchObject({ code: 0 });
    expect(readFileSync(target, 'utf8')).toContain(
      '<g id="state-transfer_waiting" class="node here"',
    );
    await expect(lading(args)).resolves.toMatchObject({
      code: 2,
      stderr: `lading: ${target} is there already: give another name, nothing is overwritten.\n`,
    });
  });
});

describe('lading export', () => {
  it('leaves out names, paths, hashes, tokens and ids, and says so (contract 10.4)', async () => {
    for (const id of Object.values(phone.ids)) {
      const { stdout } = await at('export', phone.file, id);
      const report = JSON.parse(stdout) as Readonly<Record<string, unknown>>;
      expect(report).toMatchObject({ format: 1, mediaId: id, redacted: expect.any(Array) });
      expect(stdout).not.toMatch(new RegExp(`${CANARY}|item-[123]|"me"|blobs/|[0-9a-f]{64}`));
    }
  });

  it('keeps the ids of the app when they are wanted, and nothing else', async () => {
    const { stdout } = await at('export', phone.file, phone.ids.tooLarge, '--include-ids');
    expect(stdout).toContain('"entityId": "item-1"');
    expect(stdout).not.toContain(CANARY);
  });
});

describe('lading watch', () => {
  it('shows one view and ends with --once', async () => {
    const { code, stdout } = await at('watch', phone.file, '--once');
    expect(code).toBe(0);
    expect(stdout).toMatch(/shown {5}uploaded 1[\s\S]*backoff[\s\S]*upload\.failed/);
    expect(stdout).not.toContain('\u001b');
  });

  it('prints one line of JSON for each view', async () => {
    const { stdout } = await at('watch', phone.file, '--once', '--json');
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      command: 'watch',
      moving: expect.any(Array),
    });
  });
});

describe('whatever it is asked', () => {
  it('has changed no byte of the file, and left nothing beside it', () => {
    expect(readFileSync(phone.file).equals(before.bytes)).toBe(true);
    expect(statSync(phone.file).mtimeMs).toBe(before.mtimeMs);
    for (const suffix of ['-wal', '-shm', '-journal']) {
      expect(statSync(`${phone.file}${suffix}`, { throwIfNoEntry: false })).toBeUndefined();
    }
  });

  it('prints no secret that a server told, and no control character (contract 10.1, 10.4)', async () => {
    for (const args of [['doctor'], ['status'], ['list'], ['watch', '--once']]) {
      const { stdout } = await at(...args, phone.file);
      expect(stdout).not.toContain(CANARY);
    }
    const { stdout } = await at('history', phone.file, phone.ids.busy, '--json');
    expect(stdout).not.toContain(`token=${CANARY}`);
  });

  it('tells its version and its commands', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      readonly version: string;
    };
    await expect(lading(['--version'])).resolves.toMatchObject({ code: 0, stdout: `${version}\n` });
    const { stdout, code } = await lading(['--help']);
    expect(code).toBe(0);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(110);
  });

  it.each(['doctor', 'status', 'list', 'explain', 'history', 'watch', 'verify', 'export', 'graph'])(
    'explains %s by itself',
    async (name) => {
      const { stdout, code } = await lading([name, '--help']);
      expect(code).toBe(0);
      expect(stdout).toContain(`  lading ${name} `);
    },
  );
});
