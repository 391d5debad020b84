import { describe, expect, it } from 'vitest';
import { nodeSqlite } from '../../persistence/drivers/node-sqlite.ts';
import { captureMany, shows, world } from '../support/lading-world.ts';

describe('a retry of many (field case 31)', () => {
  it('reads them page by page, at a start, by "Retry sync", and with new credentials', async () => {
    let fault: 'failed' | 'awaiting' | undefined = 'failed';
    const phone = world({
      fields: { 'item.images': { kinds: ['image'], policy: { maxAttempts: 1 } } },
      script: () =>
        fault === 'failed'
          ? { fault: { ok: false, class: 'retryable', code: 'locked' } }
          : fault === 'awaiting'
            ? { fault: { ok: false, class: 'auth', code: 'unauthorized' } }
            : undefined,
      online: false,
    });
    let most = 0;
    const counting = () => {
      const database = nodeSqlite(phone.handle);
      return {
        ...database,
        get inTransaction() {
          return database.inTransaction;
        },
        all(sql: string, ...params: Parameters<typeof database.all>[1][]) {
          const rows = database.all(sql, ...params);
          if (/FROM lading_job\s+WHERE/.test(sql)) most = Math.max(most, rows.length);
          return rows;
        },
        close() {},
      };
    };
    const lading = await phone.open({ concurrency: 150, store: counting() });
    const ids = await captureMany(phone, lading, 150);
    const all = (now = lading) => new Set(ids.map((id) => shows(now.view(id))));
    phone.net.set({ online: true });
    await phone.pass(1_000);
    expect(all()).toEqual(new Set(['failed, waiting for retry']));
    await phone.until(lading.close());

    most = 0;
    const next = await phone.open({ concurrency: 150, store: counting() });
    await phone.pass(1_000);
    expect(all(next)).toEqual(new Set(['failed, waiting for retry']));
    fault = 'awaiting';
    expect(await phone.until(next.retrySync())).toMatchObject({ retried: 150 });
    await phone.pass(1_000);
    expect(all(next)).toEqual(new Set(['local_only, waiting for credentials']));
    fault = undefined;
    await phone.until(next.credentials('new'));
    await phone.pass(10_000);
    expect(all(next)).toEqual(new Set(['uploaded']));
    expect(most).toBeLessThanOrEqual(64);
  });
});
