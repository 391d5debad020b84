import { describe, expect, it } from 'vitest';
import { device, FILE, fill, OWNER, sized, storedBytes } from '../support/guardrails-world.ts';

const KB = 1_000;
const FIELDS = {
  'item.files': { kinds: ['file'], grace: { undoMs: 0 } },
  // Dropped once it is uploaded.
  'item.far': { kinds: ['file'], retention: { local: 'drop' } },
} as const;

describe('bytes that are fetched again fill the device too (contract 7.3, 3.6)', () => {
  async function withRemoteFile(usedBytes: number) {
    const phone = device({ online: true, fields: FIELDS });
    const lading = await phone.open({ storageBudgetBytes: 1_000 * KB });
    const far = { ...FILE, owner: { ...OWNER, field: 'far' } };
    const { id } = await phone.until(lading.capture(sized(300 * KB), far));
    await phone.until(lading.settled());
    expect(lading.storage().usedBytes).toBe(0);
    const other = await fill(phone, lading, usedBytes);
    await phone.until(lading.settled());
    return { phone, lading, id, other };
  }

  it('but are not refused where a capture would be, since somebody asked for them', async () => {
    const { phone, lading, id } = await withRemoteFile(700 * KB);
    expect((await phone.until(lading.resolve(id))).byteSize).toBe(300 * KB);
    expect(lading.storage()).toMatchObject({ usedBytes: 1_000 * KB, level: 'critical' });
  });

  it('past the whole they wait, leave nothing, and come when there is room', async () => {
    const { phone, lading, id, other } = await withRemoteFile(700 * KB + 1);
    const reading = lading.resolve(id);
    await phone.pass(1_000);
    expect(await storedBytes(phone)).toBe(700 * KB + 1);
    const [row] = phone.rows(`SELECT facts FROM lading_media WHERE media_id = '${id}'`);
    expect(JSON.parse(String(row?.['facts']))).toMatchObject({
      local: 'downloadWaiting',
      localError: { code: 'storage_full' },
    });
    await phone.until(lading.cancel(other));
    expect((await phone.until(reading)).byteSize).toBe(300 * KB);
    expect(lading.storage().usedBytes).toBe(await storedBytes(phone));
  });
});
