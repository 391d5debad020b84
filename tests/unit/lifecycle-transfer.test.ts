import type { Lading } from 'lading';
import { describe, expect, it } from 'vitest';
import { captureMany, gate, image, owner, picture, shows, world } from '../support/lading-world.ts';

/** The object was looked for twice: at once, and after the longest life of a request. */
const LATE_MS = 15 * 60_000;
const POLICY = { undoGraceMs: 1_000, lateArrivalMs: 20_000 };
const QUICK = { 'item.images': { kinds: ['image'], policy: POLICY } } as const;

/** One upload under way, which goes on when `held` opens; a late one lands whatever we did meanwhile. */
async function underWay(options: { readonly landed: boolean }) {
  const held = gate();
  const phone = world({
    fields: QUICK,
    script: ({ operation, nth }) =>
      operation === 'upload' && nth === 1
        ? { after: held.promise, landed: options.landed }
        : undefined,
  });
  const lading = await phone.open();
  const photo = await phone.until(lading.capture(picture(), image()));
  await phone.pass();
  expect(shows(photo.view)).toBe('uploading');
  return { held, phone, lading, id: photo.id };
}

const ENDS: readonly [string, (lading: Lading, id: string) => Promise<unknown>][] = [
  ['remove', (lading, id) => lading.remove(id, owner())],
  ['ownerDeleted', (lading) => lading.ownerDeleted(owner())],
  ['cancel', (lading, id) => lading.cancel(id)],
  ['replace', (lading, id) => lading.replace(id, picture('new'), owner(), { kind: 'image' })],
];

describe('during an upload', () => {
  it.each(ENDS)(
    '%s stops it, a late success never brings the ref back, and its object goes (contract 5.2, field cases 47, 48)',
    async (verb, end) => {
      const { held, phone, lading, id } = await underWay({ landed: true });
      await phone.until(end(lading, id));
      expect(shows(lading.view(id))).toMatch(/^gone/);
      held.open();
      await phone.pass(60_000);
      const left = verb === 'replace' ? 1 : 0;
      expect(lading.list(owner())).toHaveLength(left);
      expect(phone.blobs.keys).toHaveLength(left);
      expect([...phone.remote.objects.keys()].filter((key) => key.includes(id))).toEqual([]);
      expect(lading.view(id)).toMatchObject({ state: 'gone' });
      expect(lading.view(id)).not.toHaveProperty('waitingFor');
      const states = phone.rows(
        `SELECT type FROM lading_event WHERE stream = '${id}' AND type = 'upload.succeeded'`,
      );
      expect(states).toEqual([]);
      expect(lading.list(owner()).map(({ view }) => view.state)).toEqual(
        verb === 'replace' ? ['uploaded'] : [],
      );
    },
  );

  it('an undo goes on with it, and it ends with one object', async () => {
    const { held, phone, lading, id } = await underWay({ landed: false });
    const token = await phone.until(lading.remove(id, owner()));
    await phone.pass(500);
    await phone.until(lading.undo(token));
    held.open();
    await phone.until(lading.settled());
    expect(shows(lading.view(id))).toBe('uploaded');
    expect([...phone.remote.completions.values()]).toEqual([1]);
  });

  it('close stops it, and the next start goes on with "rerun" (contract 4.1)', async () => {
    const { phone, lading, id } = await underWay({ landed: false });
    await phone.until(Promise.all([lading.close(), lading.close()]));
    await phone.pass(60_000);
    expect(phone.remote.running.now).toBe(0);
    const next = await phone.open();
    await phone.until(next.settled());
    expect(shows(next.view(id))).toBe('uploaded');
    expect(phone.remote.calls.map(({ rerun }) => rerun)).toEqual([false, true]);
  });

  it('the network goes: it is interrupted, burns nothing, and goes on at its byte', async () => {
    const held = gate();
    const fault = { ok: false, class: 'retryable', code: 'connection_reset' } as const;
    const phone = world({
      resumableAboveBytes: 1_000,
      script: ({ nth }) => (nth === 1 ? { fault, afterBytes: 60_000 } : { after: held.promise }),
    });
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture('x', 100_000), image()));
    await phone.pass(3_000);
    expect(shows(photo.view)).toBe('uploading');
    phone.net.set({ online: false });
    await phone.pass();
    expect(shows(photo.view)).toBe('local_only, waiting for network');
    held.open();
    phone.net.set({ online: true });
    await phone.until(lading.settled());
    expect(shows(photo.view)).toBe('uploaded');
    expect(phone.remote.receivedBytes).toBe(100_000);
    const types = phone.rows('SELECT type FROM lading_event').map(({ type }) => type);
    expect(types.filter((type) => type === 'upload.failed')).toHaveLength(1);
    expect(types.filter((type) => type === 'upload.opened')).toHaveLength(1);
  });
});

describe('cancel is valid in every state, and twice (field case 69)', () => {
  const retryable = {
    ok: false,
    class: 'retryable',
    code: 'http_503',
    retryAfterMs: 60_000,
  } as const;
  const refused = { ok: false, class: 'auth', code: 'expired' } as const;
  const terminal = { ok: false, class: 'terminal', code: 'too_large' } as const;

  it.each([
    ['queued', { online: false }, 'local_only, waiting for network'],
    ['uploading', { script: () => ({ after: gate().promise }) }, 'uploading'],
    ['waiting', { script: () => ({ fault: retryable }) }, 'local_only, waiting for backoff'],
    ['refused', { script: () => ({ fault: refused }) }, 'local_only, waiting for credentials'],
    ['failed', { script: () => ({ fault: terminal }) }, 'failed, waiting for retry'],
    ['uploaded', {}, 'uploaded'],
  ] as const)('%s', async (_, options, before) => {
    const phone = world({ fields: QUICK, ...options });
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.pass(10);
    expect(shows(photo.view)).toBe(before);
    await phone.until(Promise.all([lading.cancel(photo.id), lading.cancel(photo.id)]));
    expect(photo.view.state).toBe('gone');
    expect(lading.list(owner())).toEqual([]);
    await phone.pass(10);
    expect(phone.blobs.keys).toEqual([]);
    await phone.until(lading.cancel(photo.id));
    // Refused credentials are not tried again, by a removal neither (contract 4.4).
    if (before.endsWith('credentials')) await phone.until(lading.credentials());
    await phone.pass(60_000); // a remote that asks to be left alone is asked for no removal either
    const touched = before !== 'local_only, waiting for network' && before !== 'uploaded';
    const removals = phone.remote.calls.filter(({ operation }) => operation === 'remove');
    expect(removals.length > 0).toBe(touched);
  });

  it('released', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const [id = ''] = await captureMany(phone, lading, 1);
    const token = await phone.until(lading.remove(id, owner()));
    await phone.until(lading.cancel(id));
    await phone.pass(10);
    expect(phone.blobs.keys).toEqual([]);
    await expect(phone.until(lading.undo(token))).rejects.toMatchObject({ code: 'undo_expired' });
  });

  it('looks for the object again after the longest life of a request (contract 5.2)', async () => {
    const held = gate();
    const phone = world({
      script: ({ operation }) =>
        operation === 'upload' ? { after: held.promise, landed: true } : {},
    });
    const lading = await phone.open({ runner: { leaseMs: 3_600_000 } });
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.pass();
    await phone.until(lading.cancel(photo.id));
    await phone.pass(1_000);
    held.open(); // the proxy lets it through after our removal was answered
    await phone.pass(1_000);
    expect(phone.remote.objects.size).toBe(1);
    expect(shows(photo.view)).toBe('gone, waiting for late_arrival');
    await phone.pass(LATE_MS);
    expect(phone.remote.objects.size).toBe(0);
    expect(shows(photo.view)).toBe('gone');
  });
});

describe('commits', () => {
  it('an upload whose remote names the locator at once costs two: the claim and the result (design 2)', async () => {
    let commits = 0;
    const phone = world({
      online: false,
      driver: {
        beforeCommit: () => {
          commits +=
            phone.handle.prepare('SELECT total_changes() AS n').get()?.['n'] === seen ? 0 : 1;
          seen = Number(phone.handle.prepare('SELECT total_changes() AS n').get()?.['n']);
        },
      },
    });
    let seen = 0;
    const lading = await phone.open();
    await captureMany(phone, lading, 1);
    await phone.pass(10_000); // whatever a lease costs was paid
    commits = 0;
    phone.net.set({ online: true });
    await phone.until(lading.settled());
    expect(shows(lading.list(owner())[0]?.view ?? { state: 'failed' })).toBe('uploaded');
    expect(commits).toBe(2);
  });

  it('uploads that are ready together share them', async () => {
    let commits = 0;
    const beforeCommit = (): void => {
      commits += 1;
    };
    const phone = world({ online: false, driver: { beforeCommit } });
    const lading = await phone.open({ concurrency: 10 });
    await captureMany(phone, lading, 10);
    commits = 0;
    phone.net.set({ online: true });
    await phone.until(lading.settled());
    expect(lading.list(owner()).every(({ view }) => view.state === 'uploaded')).toBe(true);
    expect(commits).toBeLessThanOrEqual(6);
  });
});
