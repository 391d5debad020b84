import { expect, it } from 'vitest';
import { sampleJpeg } from '../../testing/sample-files/index.ts';
import { codeOf, gate, image, picture, world } from '../support/lading-world.ts';

it('forget leaves no derived file of another process', async () => {
  const phone = world();
  const a = await phone.open({ runner: { leaseMs: 4 * 3_600_000 } });
  const photo = await phone.until(a.capture(picture('large', 5_000), image()));
  await phone.until(a.settled());
  const b = await phone.open({ runner: { leaseMs: 4 * 3_600_000 } });
  const made = gate();
  const asked = codeOf(
    b.derive(photo.id, 'thumb', async () => {
      await made.promise;
      return sampleJpeg({ body: 'x', sizeBytes: 300 });
    }),
  );
  await phone.pass(1000);
  const c = await phone.open({
    account: 'account-2',
    runner: { leaseMs: 4 * 3_600_000 },
    crashPoint: (n) => {
      if (n === 'forget_blob_removed') made.open();
    },
  });
  console.log(await codeOf(phone.until(c.forget('account-1', { evenUnsent: true }))));
  console.log(await asked);
  await phone.pass(1000);
  expect(phone.blobs.keys).toEqual([]);
  expect(phone.rows('SELECT * FROM lading_derived')).toEqual([]);
});
