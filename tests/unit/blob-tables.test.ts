import { expect, it } from 'vitest';
import type { MediaId } from '../../machines/attachment/types.ts';
import { cacheTable } from '../../persistence/attachment/cache-table.ts';
import { derivedTable } from '../../persistence/attachment/derived-table.ts';
import { holdTable } from '../../persistence/attachment/hold-table.ts';
import { migrate } from '../../persistence/migrations/index.ts';
import type { BlobKey } from '../../ports/blob-store.ts';
import type { StoreTransaction } from '../../ports/event-store.ts';
import type { SqlTransaction } from '../../ports/sql.ts';
import { memoryDrivers } from '../support/drivers.ts';

const KEY = 'a-me/00/m-1' as BlobKey;
const SCAN = /^SCAN (?!CONSTANT)/;
const SCAN_OR_SORT = /^SCAN (?!CONSTANT)|TEMP B-TREE/;
const ID = 'm-1' as MediaId;

it.each(Object.entries(memoryDrivers))(
  'who needs a file, and what could go, is never found by a scan, on %s',
  (_name, open) => {
    const raw = open();
    migrate(raw, 0);
    raw.exec(`
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
    INSERT INTO lading_blob SELECT 'k' || i, 'me', 'h' || i, i, 1, i % 2, i FROM n;
    ANALYZE`);
    const seen = new Set<string>();
    const note = (sql: string): string => {
      seen.add(sql);
      return sql;
    };
    const sql: SqlTransaction = {
      run: (text, ...params) => raw.run(note(text), ...params),
      get: (text, ...params) => raw.get(note(text), ...params),
      all: (text, ...params) => raw.all(note(text), ...params),
    };
    const tx = { sql } as Partial<StoreTransaction> as StoreTransaction;
    holdTable.equalTo(tx, 'me', { byteSize: 1, sha256: 'h' });
    holdTable.hold(tx, KEY, ID, 5);
    holdTable.isHeldBy(tx, KEY, ID, 1);
    holdTable.protection(tx, KEY, 1);
    holdTable.letGo(tx, KEY, ID);
    cacheTable.opened(tx, KEY, 5);
    cacheTable.unused(tx, 'me', 100, 10);
    cacheTable.clampOpened(tx, 'me', 30_000);
    cacheTable.holders(tx, KEY);
    derivedTable.find(tx, ID, 'thumb');
    derivedTable.put(tx, { mediaId: ID, name: 'thumb', accountId: 'me', key: KEY, byteSize: 1 }, 5);
    derivedTable.drop(tx, KEY);
    derivedTable.dropOf(tx, ID);
    expect(seen.size).toBe(16);
    for (const text of seen) {
      const values = Array.from({ length: text.split('?').length - 1 }, () => '1');
      const plan = raw.all(`EXPLAIN QUERY PLAN ${text}`, ...values);
      // Equal files are a handful; what could go may be all of them.
      const bad = text.includes('sha256 = ?') ? SCAN : SCAN_OR_SORT;
      const steps = plan.map((row) => String(row['detail']));
      const wrong = steps.filter((step) => bad.test(step));
      expect({ text, wrong }).toEqual({ text, wrong: [] });
    }
  },
);
