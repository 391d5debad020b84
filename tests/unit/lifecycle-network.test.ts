import type { Fields } from 'lading';
import { describe, expect, it } from 'vitest';
import {
  codeOf,
  gate,
  image,
  picture,
  shows,
  type WorldOptions,
  world,
} from '../support/lading-world.ts';

const FIELDS = {
  'item.images': { kinds: ['image'], network: 'unmetered' },
  'profile.logo': { kinds: ['image'], single: true },
} as const satisfies Fields;

async function phoneWith(metered: boolean, more: WorldOptions = {}) {
  const phone = world({ fields: FIELDS, ...more });
  phone.net.set({ metered });
  return { phone, lading: await phone.open() };
}

const WAITS = 'local_only, waiting for unmetered_network';

describe('a field that uploads over unmetered links only (contract 3.4, field case 45)', () => {
  it('waits on a metered link, says for what, burns nothing, and goes when the link changes', async () => {
    const { phone, lading } = await phoneWith(true);
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.pass(3_600_000);
    expect(shows(photo.view)).toBe(WAITS);
    expect(phone.remote.calls).toEqual([]);
    expect(lading.history(photo.id).map(({ type }) => type)).toEqual([
      'attachment.created',
      'ref.linked',
    ]);
    expect(await phone.until(lading.settled())).toMatchObject({
      waiting: [{ mediaId: photo.id, waitingFor: 'unmetered_network' }],
      jobs: { unmetered: 1 },
    });
    expect(lading.metrics().now).toMatchObject({
      jobs: { unmetered: 1, queued: 0 },
      waitingFor: { unmetered_network: 1 },
    });

    phone.net.set({ metered: false });
    await phone.until(lading.settled());
    expect(shows(photo.view)).toBe('uploaded');
  });

  it('holds nobody else up: other fields upload meanwhile', async () => {
    const { phone, lading } = await phoneWith(true);
    const waiting = await phone.until(
      lading.captureAll(
        Array.from({ length: 10 }, (_, at) => ({
          source: picture(`${at}`),
          kind: 'image' as const,
        })),
        image(),
      ),
    );
    const logo = await phone.until(lading.capture(picture('logo'), image('profile.logo')));
    await phone.until(lading.settled());
    expect(shows(logo.view)).toBe('uploaded');
    expect(new Set(waiting.map(({ view }) => shows(view)))).toEqual(new Set([WAITS]));
  });

  it('stops an upload when the link becomes metered, and takes it up again without a burnt attempt', async () => {
    const held = gate();
    const { phone, lading } = await phoneWith(false, {
      script: ({ nth }) => (nth === 1 ? { after: held.promise } : undefined),
    });
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.pass();
    expect(phone.remote.running.now).toBe(1);
    phone.net.set({ metered: true });
    await phone.pass();
    expect(shows(photo.view)).toBe(WAITS);
    expect(lading.history(photo.id).at(-1)).toMatchObject({
      type: 'upload.interrupted',
      payload: { reason: 'metered' },
    });
    expect(phone.remote.running.now).toBe(0);
    phone.net.set({ metered: false });
    held.open();
    await phone.until(lading.settled());
    expect(shows(photo.view)).toBe('uploaded');
  });

  it('leaves an upload of another field alone when the link becomes metered', async () => {
    const held = gate();
    const { phone, lading } = await phoneWith(false, { script: () => ({ after: held.promise }) });
    const logo = await phone.until(lading.capture(picture(), image('profile.logo')));
    await phone.pass();
    phone.net.set({ metered: true });
    await phone.pass();
    expect(phone.remote.running.now).toBe(1);
    held.open();
    await phone.until(lading.settled());
    expect(shows(logo.view)).toBe('uploaded');
    expect(lading.history(logo.id).map(({ type }) => type)).not.toContain('upload.interrupted');
  });

  it('does not show what a killed process left as uploading, and sends nothing of it', async () => {
    const { phone, lading } = await phoneWith(false, {
      script: ({ nth }) => (nth === 1 ? { after: gate().promise } : undefined),
    });
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.pass();
    expect(phone.remote.running.now).toBe(1);
    phone.kill();
    await phone.pass(60_000);
    phone.net.set({ metered: true });
    const before = phone.remote.calls.length;
    const next = await phone.open();
    await phone.pass(60_000);
    expect(shows(next.view(photo.id))).toBe(WAITS);
    expect(phone.remote.calls).toHaveLength(before);
    expect((await phone.until(next.verify())).ok).toBe(true);
  });

  it('waits by the policy that it was captured with, whatever its field says later', async () => {
    const { phone, lading } = await phoneWith(true);
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.until(lading.close());
    const next = await phone.open({ fields: { 'item.images': { kinds: ['image'] } } });
    await phone.until(next.settled());
    expect(shows(next.view(photo.id))).toBe(WAITS);
  });
});

describe('sendNow', () => {
  it('sends that one over the metered link, and no other', async () => {
    const { phone, lading } = await phoneWith(true);
    const one = await phone.until(lading.capture(picture('one'), image()));
    const two = await phone.until(lading.capture(picture('two'), image()));
    await phone.until(lading.sendNow(one.id));
    await phone.until(lading.settled());
    expect([one, two].map(({ view }) => shows(view))).toEqual(['uploaded', WAITS]);
  });

  it('is remembered by a restart, since it is in the log', async () => {
    const { phone, lading } = await phoneWith(true, { online: false });
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.until(lading.sendNow(photo.ref));
    await phone.until(lading.close());
    const next = await phone.open();
    phone.net.set({ online: true, metered: true });
    await phone.until(next.settled());
    expect(shows(next.view(photo.id))).toBe('uploaded');
    expect(next.history(photo.id).map(({ type }) => type)).toContain('network.waived');
  });

  it('changes nothing where any link will do, and knows what it is asked about', async () => {
    const { phone, lading } = await phoneWith(false);
    const logo = await phone.until(lading.capture(picture(), image('profile.logo')));
    await phone.until(lading.sendNow(logo.id));
    expect(lading.history(logo.id).map(({ type }) => type)).not.toContain('network.waived');
    expect(await codeOf(phone.until(lading.sendNow(lading.newMediaId())))).toBe('not_found');
  });
});
