import type { AttachmentRef } from 'lading';
import { describe, expect, it } from 'vitest';
import { createActor } from 'xstate';
import { image, picture, world } from '../support/lading-world.ts';

describe('actors of one attachment on several screens', () => {
  it('are all told, and let go at its end, when a subscriber of one of them throws', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture(), image()));
    const [one, other] = [
      await phone.until(lading.actor(photo.id)),
      await phone.until(lading.actor(photo.id)),
    ];
    const seen: unknown[] = [];
    one.subscribe(() => {
      throw new Error('a bug of a screen');
    });
    one.subscribe(({ context }) => void seen.push(context.view?.state));
    const completions: string[] = [];
    other.subscribe({ complete: () => completions.push('done') });
    phone.net.set({ online: true });
    await phone.pass(60_000);
    expect(lading.view(photo.id).state).toBe('uploaded');
    for (const actor of [one, other]) {
      expect(actor.getSnapshot().context.view?.state).toBe('uploaded');
    }
    expect(seen.at(-1)).toBe('uploaded');
    await phone.until(lading.cancel(photo.id));
    await phone.pass(3_600_000);
    expect(one.getSnapshot().status).toBe('done');
    expect(completions).toEqual(['done']);
  });

  it('show what a synced ref says, also when it was opened by its id alone first', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const mediaId = lading.newMediaId();
    const ref: AttachmentRef = { mediaId, url: 'https://x.example/a', kind: 'image' };
    const byId = createActor(lading.attachmentLogic, { input: { ref: mediaId } }).start();
    const byRef = createActor(lading.attachmentLogic, { input: { ref } }).start();
    await phone.pass(1_000);
    expect(byRef.getSnapshot().context).toMatchObject({ ref, view: lading.view(ref) });
    expect(byId.getSnapshot().context.view).toEqual(lading.view(mediaId));
    byId.stop();
    byRef.stop();
  });
});
