import { describe, expect, it } from 'vitest';
import { LadingError } from '../../ports/errors.ts';
import { objectKey, type UploadOutcome } from '../../ports/remote.ts';
import { calmNetwork, roughNetwork } from '../../testing/world/network-faults.ts';
import type { ObjectStoreOptions } from '../../testing/world/sim-object-store.ts';
import { bytesOf, download, factsOf, hashOf, type Run, setup } from '../support/remote-world.ts';

const KEY = objectKey('ann', 'm1');
const SMALL = 10;
const LARGE = 100;

describe('simulated remote: uploads', () => {
  it('puts a small object by one request and proves the locator with its answer', async () => {
    const { finish, store, network, upload } = setup();
    const run = await finish(upload(SMALL));
    expect(run.outcome).toMatchObject({
      ok: true,
      receipt: { url: 'https://objects.example/ann/m1', token: 'v1', byteSize: SMALL },
    });
    expect(run.opened).toEqual([]);
    expect(network.trace.filter(({ what }) => what === 'sent')).toHaveLength(1);
    expect(store.objects()).toMatchObject([{ key: KEY, byteSize: SMALL }]);
  });

  it('names a resumable upload before it sends a byte, then goes in chunks', async () => {
    const { clock, finish, store, upload } = setup();
    const gate: { open?: () => void } = {};
    const uploading = upload(LARGE, {
      opened: () =>
        new Promise((resolve) => {
          gate.open = resolve;
        }),
    });
    await clock.advanceBy(60_000);
    expect(store.receivedBytes).toBe(0);
    expect(store.sessions()).toHaveLength(1);
    gate.open?.();
    const run = await finish(uploading);
    expect(run.outcome).toMatchObject({ ok: true, receipt: { url: null, byteSize: LARGE } });
    expect(run.progress).toEqual([0, 40, 80, 100]);
    expect(run.saved).toEqual([{ offset: 40 }, { offset: 80 }, { offset: 100 }]);
    expect(store.sessions()).toEqual([]);
    expect(store.objects()[0]?.bytes).toEqual(bytesOf(LARGE));
  });

  it('resumes where the server stands and sends no byte twice', async () => {
    const { clock, finish, phone, store, upload } = setup();
    const first = upload(LARGE);
    await clock.runUntil(() => store.receivedBytes >= 40);
    phone.setOnline(false);
    const { outcome, opened } = await finish(first);
    expect(outcome).toMatchObject({ ok: false, class: 'retryable', code: 'connection_lost' });
    phone.setOnline(true);
    await clock.advanceBy(3_600_000); // what was held back has landed, or is lost
    const second = await finish(upload(LARGE, { handle: opened[0] ?? null, rerun: true }));
    expect(second.outcome).toMatchObject({ ok: true });
    expect(store.receivedBytes).toBe(LARGE);
    expect(store.history).toHaveLength(1);
  });

  it('looks first when it runs again, and sends nothing when the object is there (contract 4.2)', async () => {
    const { finish, store, upload } = setup();
    for (const size of [SMALL, LARGE]) {
      const id = `m${size}`;
      await finish(upload(size, { id }));
      const received = store.receivedBytes;
      const again = await finish(upload(size, { id, rerun: true }));
      expect(again.outcome).toMatchObject({ ok: true, receipt: { byteSize: size } });
      expect(store.receivedBytes).toBe(received);
    }
    expect(store.history).toHaveLength(2);
  });

  it('meets its earlier self even when it does not look: a second create or put is refused', async () => {
    const { finish, store, upload } = setup();
    for (const size of [SMALL, LARGE]) {
      const id = `m${size}`;
      await finish(upload(size, { id }));
      expect((await finish(upload(size, { id }))).outcome).toMatchObject({ ok: true });
    }
    expect(store.history).toHaveLength(2);
  });

  it('shows doubles in the history of a store that refuses nothing', async () => {
    const { finish, store, upload } = setup({}, { refusesSecond: false });
    await finish(upload(LARGE));
    await finish(upload(LARGE));
    expect(store.objects()).toHaveLength(1);
    expect(store.history.map(({ token, endedAtMs }) => [token, endedAtMs === null])).toEqual([
      ['v1', false],
      ['v2', true],
    ]);
  });

  it('takes an expired upload for what it is: the object if it is there, else a new upload', async () => {
    const { clock, finish, store, upload } = setup({}, { sessionLifeMs: 1_000 });
    store.create(store.issueToken('ann'), KEY, factsOf(LARGE));
    const handle = store.sessions()[0]?.handle ?? '';
    await clock.advanceBy(1_001);
    const anew = await finish(upload(LARGE, { handle, rerun: true }));
    expect([anew.outcome.ok, anew.opened]).toEqual([true, [handle]]);
    const received = store.receivedBytes;
    expect((await finish(upload(LARGE, { handle }))).outcome).toMatchObject({ ok: true });
    expect([store.receivedBytes, store.history.length]).toEqual([received, 1]);
  });

  it('reports resume_lost when the upload vanishes under its hands', async () => {
    const { clock, finish, store, upload } = setup();
    const uploading = upload(LARGE);
    await clock.runUntil(() => store.receivedBytes > 0);
    store.remove(store.issueToken('ann'), KEY);
    expect((await finish(uploading)).outcome).toMatchObject({
      class: 'resume_lost',
      code: 'no_such_upload',
    });
  });

  it('is not deceived by another object under its key', async () => {
    const { finish, store, upload } = setup();
    const token = store.issueToken('ann');
    const other = new Uint8Array(SMALL).fill(9);
    store.put(token, KEY, { ...factsOf(SMALL), sha256: hashOf(other) }, other);
    expect((await finish(upload(SMALL))).outcome).toMatchObject({
      class: 'terminal',
      code: 'other_content',
    });
  });

  it('refuses bytes that do not match their hash, and starts over', async () => {
    const { finish, store, upload } = setup();
    const wrong = { media: { ...factsOf(LARGE), sha256: 'f'.repeat(64) } };
    expect((await finish(upload(LARGE, wrong))).outcome).toMatchObject({
      class: 'resume_lost',
      code: 'checksum_mismatch',
    });
    expect([store.history, store.sessions()]).toEqual([[], []]);
  });

  it.each([
    ['a file that is too large', { maxBytes: 5 }, 'terminal', 'too_large'],
    ['a type it does not take', { accepts: () => false }, 'terminal', 'unsupported'],
    ['a key that nobody may write', { forbids: () => true }, 'terminal', 'forbidden'],
    [
      'more than it can serve',
      { refuse: () => ({ status: 503, code: 'busy', retryAfterMs: 7_000 }) },
      'retryable',
      'busy',
    ],
  ] satisfies [string, Partial<ObjectStoreOptions>, string, string][])(
    'classifies the refusal of %s',
    async (_what, options, faultClass, code) => {
      const { finish, upload } = setup({}, options);
      for (const size of [SMALL, LARGE]) {
        expect((await finish(upload(size))).outcome).toMatchObject({ class: faultClass, code });
      }
    },
  );

  it('asks for credentials before each request, and calls expired, revoked and missing ones auth', async () => {
    const { clock, finish, signIn, store, upload } = setup();
    signIn(store.issueToken('ann', 1_000));
    expect((await finish(upload(SMALL))).outcome).toMatchObject({ ok: true });
    await clock.advanceBy(1_000);
    const expired = await finish(upload(LARGE, { id: 'm2' }));
    expect(expired.outcome).toMatchObject({ class: 'auth', code: 'credentials_expired' });
    signIn(store.issueToken('ann'));
    store.revokeTokens('ann');
    expect((await finish(upload(LARGE))).outcome).toMatchObject({ class: 'auth' });
    signIn(null);
    expect((await finish(upload(LARGE))).outcome).toMatchObject({ code: 'no_credentials' });
    signIn(store.issueToken('bob'));
    expect((await finish(upload(SMALL))).outcome).toMatchObject({
      class: 'terminal',
      code: 'other_account',
    });
  });

  it('ends on abort, though the bytes under way may still arrive', async () => {
    const { clock, finish, store, upload } = setup();
    const controller = new AbortController();
    const uploading = upload(LARGE, { signal: controller.signal });
    await clock.runUntil(() => store.receivedBytes > 0);
    controller.abort(new Error('paused'));
    expect((await finish(uploading)).outcome).toMatchObject({
      class: 'retryable',
      code: 'aborted',
    });
  });

  it('says offline when it is, and source_missing when the bytes are gone', async () => {
    const { finish, phone, upload } = setup();
    const noBytes = (): AsyncIterable<Uint8Array> => {
      throw new LadingError('blob_missing', 'gone');
    };
    expect((await finish(upload(SMALL, { open: noBytes }))).outcome).toMatchObject({
      class: 'terminal',
      code: 'source_missing',
    });
    phone.setOnline(false);
    expect((await finish(upload(SMALL))).outcome).toMatchObject({ class: 'offline' });
  });

  it('ends with one object after enough attempts in rough weather, whatever was lost or doubled', async () => {
    for (let seed = 0; seed < 40; seed++) {
      const { clock, finish, network, store, upload } = setup(roughNetwork, {}, seed);
      const size = seed % 2 === 0 ? LARGE : SMALL;
      let handle: string | null = null;
      let outcome: UploadOutcome | undefined;
      for (let attempt = 0; outcome?.ok !== true && attempt < 50; attempt++) {
        const run: Run = await finish(upload(size, { handle, rerun: attempt > 0 }));
        outcome = run.outcome;
        handle = run.opened.at(-1) ?? handle;
        if (!outcome.ok && outcome.class === 'resume_lost') handle = null;
      }
      expect(outcome).toMatchObject({ ok: true });
      await clock.advanceBy(3_600_000);
      expect(network.underway).toBe(0);
      expect(store.history).toHaveLength(1);
      expect(store.objects()[0]?.bytes).toEqual(bytesOf(size));
    }
  });
});

describe('simulated remote: the other verbs', () => {
  it('tells there is no object from not being able to tell', async () => {
    const { finish, network, remote, upload } = setup();
    const options = { handle: null, signal: new AbortController().signal };
    expect(await finish(remote.head(KEY, options))).toEqual({ ok: true, exists: false });
    await finish(upload(LARGE));
    expect(await finish(remote.head(KEY, options))).toMatchObject({
      exists: true,
      byteSize: LARGE,
      sha256: factsOf(LARGE).sha256,
      url: 'https://objects.example/ann/m1',
    });
    network.setHostUp('remote', false);
    expect(await finish(remote.head(KEY, options))).toMatchObject({
      ok: false,
      class: 'retryable',
      code: 'connection_refused',
    });
  });

  it('removes the object and the unfinished upload, and what is not there', async () => {
    const { finish, remote, store, upload } = setup();
    const options = { handle: null, signal: new AbortController().signal };
    expect(await finish(remote.remove(KEY, options))).toEqual({ ok: true });
    await finish(upload(LARGE));
    store.create(store.issueToken('ann'), objectKey('ann', 'm2'), factsOf(LARGE));
    await finish(remote.remove(KEY, options));
    await finish(remote.remove(objectKey('ann', 'm2'), options));
    expect([store.objects(), store.sessions()]).toEqual([[], []]);
    expect(store.history).toMatchObject([{ key: KEY }]);
  });

  it('lets a put land after our delete was answered: the object is back (contract 5.2)', async () => {
    const { clock, finish, network, remote, store, upload } = setup({
      holdBack: 1,
      holdMs: [600_000, 600_000],
    });
    expect((await finish(upload(SMALL))).outcome).toMatchObject({ class: 'retryable' });
    network.faults = calmNetwork;
    const options = { handle: null, signal: new AbortController().signal };
    expect(await finish(remote.remove(KEY, options))).toEqual({ ok: true });
    expect(store.objects()).toEqual([]);
    await clock.advanceBy(600_000);
    expect(store.objects()).toMatchObject([{ key: KEY }]);
  });

  it('downloads in pieces, from anywhere, and only from its own origin', async () => {
    const { finish, remote, upload } = setup();
    await finish(upload(LARGE));
    const { signal } = new AbortController();
    const url = 'https://objects.example/ann/m1';
    for (const start of [0, 55, 100]) {
      expect(await finish(download(remote, url, start))).toEqual(
        Array.from(bytesOf(LARGE).slice(start)),
      );
    }
    const missing = remote.download('https://objects.example/ann/none', { signal });
    expect(await finish(missing)).toMatchObject({ class: 'absent' });
    const foreign = remote.download('https://evil.example/ann/m1', { signal });
    expect(await finish(foreign)).toMatchObject({ class: 'terminal', code: 'foreign_origin' });
  });
});
