import { expect, it } from 'vitest';
import { captureMany, owner, shows, world } from '../support/lading-world.ts';

const DERIVED = [
  'lading_snapshot',
  'lading_media',
  'lading_ref',
  'lading_job',
  'lading_blob',
  'lading_usage',
  'lading_task',
];

it('verify rebuilds every snapshot, projection and task from the log alone (contract 9.2)', async () => {
  const phone = world({
    script: ({ operation, nth }) =>
      operation === 'upload' && nth === 1
        ? { fault: { ok: false, class: 'retryable', code: 'http_503' } }
        : undefined,
  });
  const lading = await phone.open();
  const ids = await captureMany(phone, lading, 5);
  await phone.pass(60_000);
  await phone.until(lading.remove(ids[1] ?? '', owner()));
  phone.net.set({ online: false });
  await captureMany(phone, lading, 2);
  expect((await phone.until(lading.verify())).differences).toEqual([]);

  const derived = (): unknown =>
    DERIVED.slice(1).map((table) =>
      phone
        .rows(`SELECT * FROM ${table} ORDER BY 1, 2`)
        .map((row) => ({ ...row, attempts: undefined, runner: undefined })),
    );
  const shown = lading.list(owner()).map(({ ref, view }) => [ref, shows(view)]);
  const before = derived();
  const usage = lading.storage();
  for (const table of DERIVED) phone.handle.exec(`DELETE FROM ${table}`);

  const found = await phone.until(lading.verify());
  expect(found.ok).toBe(false);
  expect(found.differences.length).toBeGreaterThanOrEqual(7);
  const mended = await phone.until(lading.verify({ repair: true }));
  expect(mended.ok).toBe(true);
  expect(derived()).toEqual(before);
  expect(lading.storage()).toEqual(usage);
  expect(lading.list(owner()).map(({ ref, view }) => [ref, shows(view)])).toEqual(shown);
  expect((await phone.until(lading.verify())).differences).toEqual([]);
});
