import { expect, it } from 'vitest';
import { image, picture, world } from '../support/lading-world.ts';

it('bytes that were lost before their upload are told as lost, with what to do (contract 9.5)', async () => {
  const phone = world({ online: false });
  const lading = await phone.open();
  const { id, view } = await phone.until(lading.capture(picture(), image()));
  expect(view.state).toBe('local_only');
  for (const key of phone.blobs.keys) await phone.blobs.remove(key);
  phone.net.set({ online: true, metered: false });
  await phone.until(lading.settled());
  expect(lading.view(id)).toMatchObject({ state: 'failed', error: { code: 'source_missing' } });
  const told = await phone.until(lading.explain(id));
  const text = JSON.stringify(told);
  expect(text).toContain('nothing is left to send');
  expect(text).toContain('Add the file again');
  expect(text).not.toContain('its bytes are kept');
  expect(text).not.toContain('Its bytes are on this device');
});
