import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AttachmentContext,
  defaultPolicy,
  initialContext,
} from '../../machines/attachment/context.ts';
import { isEvictableNow } from '../../machines/attachment/facts.ts';
import type { MediaId } from '../../machines/attachment/types.ts';
import type { Json, JsonObject } from '../../machines/json.ts';
import { attachmentTables } from '../../persistence/attachment/tables.ts';
import { compareTotals, repairTotals } from '../../persistence/attachment/totals.ts';
import { logTransaction } from '../../persistence/log/log-transaction.ts';
import { runnerTransaction } from '../../persistence/log/runner-transaction.ts';
import { taskTransaction } from '../../persistence/log/task-transaction.ts';
import { initialSchema } from '../../persistence/migrations/0001-initial.ts';
import { cleanupSchema } from '../../persistence/migrations/0002-cleanup.ts';
import { migrate } from '../../persistence/migrations/index.ts';
import type { ProjectedState } from '../../ports/attachment-tables.ts';
import type { StoreTransaction } from '../../ports/event-store.ts';
import type { SqlDatabase } from '../../ports/sql.ts';
import { memoryDrivers } from '../support/drivers.ts';

const ACCOUNT = 'account-1';

/** What one attachment is: which file it holds, if any, and what the machine would say to an eviction. */
interface Shape {
  readonly file: number | null;
  readonly local: 'present' | 'inUse';
  readonly url: boolean;
  readonly fault: boolean;
  readonly pinned: boolean;
}

const shapes: fc.Arbitrary<Shape> = fc.record({
  file: fc.option(fc.integer({ min: 0, max: 2 })),
  local: fc.constantFrom('present', 'inUse'),
  url: fc.boolean(),
  fault: fc.boolean(),
  pinned: fc.boolean(),
});

function stateOf(id: number, shape: Shape): ProjectedState & { readonly context: JsonObject } {
  const { file } = shape;
  const size = file ?? 0;
  const context: AttachmentContext = {
    ...initialContext({
      mediaId: `m${id}` as MediaId,
      accountId: ACCOUNT,
      origin: 'here',
      media: {
        kind: 'file',
        contentType: 'application/pdf',
        byteSize: size * 10,
        sha256: `hash-${size}`,
        filename: null,
      },
      policy: defaultPolicy,
      url: null,
      blobKey: file === null ? null : `file-${file}`,
      capturedAt: id,
    }),
    url: shape.url ? 'https://remote/object' : null,
    fault: shape.fault
      ? { class: 'backend', code: 'refused', message: null, retryable: true }
      : null,
    pinned: shape.pinned,
  };
  const value: Json = {
    reference: 'linked',
    transfer: { live: 'uploaded' },
    localCopy: { live: file === null ? 'evicted' : shape.local },
  };
  return { value, context: context as unknown as JsonObject };
}

function emptyStore() {
  const sql = memoryDrivers['node:sqlite']();
  migrate(sql, 0);
  return { sql, tx: transactionOn(sql) };
}

function transactionOn(sql: SqlDatabase): StoreTransaction {
  return {
    log: logTransaction(sql),
    tasks: taskTransaction(sql),
    runners: runnerTransaction(sql),
    sql,
  };
}

/** What is left to find besides rows of streams that this test does not make. */
function differences(tx: StoreTransaction): readonly string[] {
  return compareTotals(tx).filter((line) => !line.includes('has no stream'));
}

describe('files and their holders (contract 5.3, 7.1)', () => {
  it('count each file once, however many attachments hold it, whatever they become', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), shapes), { minLength: 1, maxLength: 40 }),
        (steps) => {
          const { sql, tx } = emptyStore();
          const states = new Map<number, ProjectedState>();
          for (const [id, shape] of steps) {
            const after = stateOf(id, shape);
            attachmentTables.project(tx, states.get(id) ?? null, after);
            states.set(id, after);

            const holders = Map.groupBy(
              [...states.values()].filter(({ context }) => context['blobKey'] !== null),
              ({ context }) => context['blobKey'] as string,
            );
            const files = [...holders].map(([key, of]) => {
              const context = of[0]?.context as unknown as AttachmentContext;
              const evictable = of.filter((state) =>
                isEvictableNow(state.value, state.context as unknown as AttachmentContext),
              ).length;
              const { byteSize, sha256 } = context.media;
              return { key, sha256, byteSize, holders: of.length, evictable };
            });
            const stored = sql.all(
              `SELECT blob_key AS key, sha256, byte_size AS byteSize, holders, evictable
               FROM lading_blob ORDER BY blob_key`,
            );
            expect(stored.map((row) => ({ ...row }))).toEqual(
              files.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
            );
            const sum = (of: typeof files): number =>
              of.reduce((bytes, { byteSize }) => bytes + byteSize, 0);
            expect(attachmentTables.usage(tx, ACCOUNT)).toEqual({
              bytes: sum(files),
              blobs: files.filter(({ byteSize }) => byteSize > 0).length,
              evictableBytes: sum(files.filter((one) => one.evictable === one.holders)),
            });
            // The same in SQL, from the media rows.
            expect(differences(tx)).toEqual([]);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are found wrong by verify, and rebuilt; when a file was opened stays as it was', () => {
    const { sql, tx } = emptyStore();
    const shape: Shape = { file: 1, local: 'present', url: true, fault: false, pinned: false };
    for (const id of [0, 1]) attachmentTables.project(tx, null, stateOf(id, shape));
    attachmentTables.project(tx, null, stateOf(2, { ...shape, file: 2 }));
    sql.run('UPDATE lading_blob SET opened_at = 777');
    expect(differences(tx)).toEqual([]);
    const right = sql.all('SELECT * FROM lading_blob ORDER BY 1');

    sql.run(`UPDATE lading_blob SET holders = 1, sha256 = 'other' WHERE blob_key = 'file-1'`);
    sql.run('UPDATE lading_usage SET evictable_bytes = 3');
    expect(differences(tx)).toEqual([
      'lading_blob differs from the rows in sha256, holders, for 1 files',
      'lading_usage of account-1: stored 30 bytes in 2 files, 3 evictable, the rows say 30 bytes in 2 files, 30 evictable',
    ]);
    sql.exec('CREATE TEMP TABLE kept AS SELECT * FROM lading_media');
    repairTotals(tx); // it drops rows without a stream, as these are
    sql.exec('INSERT INTO lading_media SELECT * FROM kept');
    expect(sql.all('SELECT * FROM lading_blob')).toEqual([]);
    for (const id of [0, 1, 2]) {
      sql.run(
        `INSERT INTO lading_stream (stream, machine, version, status) VALUES (?, 'attachment', 1, 'active')`,
        `m${id}`,
      );
    }
    sql.run(`INSERT INTO lading_blob VALUES ('file-1', 'x', 'x', 0, 9, 9, 777)`);
    sql.run(`INSERT INTO lading_blob VALUES ('file-2', 'x', 'x', 0, 9, 9, 777)`);
    sql.run(`INSERT INTO lading_blob VALUES ('stray', 'x', 'x', 0, 9, 9, 777)`);
    repairTotals(tx);
    expect(sql.all('SELECT * FROM lading_blob ORDER BY 1')).toEqual(right);
    expect(compareTotals(tx)).toEqual([]);
  });

  it('protection by a hold ends in the commit that makes its owner a holder', () => {
    const { sql, tx } = emptyStore();
    for (const holder of ['m0', 'm1']) {
      sql.run(`INSERT INTO lading_hold VALUES ('file-1', ?, 5)`, holder);
    }
    const shape: Shape = { file: 1, local: 'present', url: false, fault: false, pinned: false };
    attachmentTables.project(tx, null, stateOf(0, shape));
    expect(sql.all('SELECT holder FROM lading_hold').map(({ holder }) => holder)).toEqual(['m1']);
  });

  it('of a database of the first schema are counted by the migration as by every later step', () => {
    fc.assert(
      fc.property(fc.array(shapes, { maxLength: 6 }), (all) => {
        const { sql: now, tx: nowTx } = emptyStore();
        const old = memoryDrivers['node:sqlite']();
        old.exec('CREATE TABLE lading_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)');
        old.exec(initialSchema);
        all.forEach((shape, id) => {
          // Before holders were known, every file had one.
          const state = stateOf(id, { ...shape, file: shape.file === null ? null : id });
          attachmentTables.project(nowTx, null, state);
        });
        for (const row of now.all('SELECT * FROM lading_media')) {
          const values = Object.values(row);
          old.run(
            `INSERT INTO lading_media VALUES (${values.map(() => '?').join(', ')})`,
            ...values,
          );
        }
        for (const row of now.all('SELECT account_id, bytes, blobs FROM lading_usage')) {
          old.run('INSERT INTO lading_usage VALUES (?, ?, ?)', ...Object.values(row));
        }
        old.exec(cleanupSchema);
        expect(differences(transactionOn(old))).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});

describe('rows of a step', () => {
  const shape: Shape = { file: 1, local: 'present', url: false, fault: false, pinned: false };

  it('are written where they differ from those of the step before', () => {
    const { sql, tx } = emptyStore();
    attachmentTables.project(tx, null, stateOf(0, shape));
    // What no step has changed is left as it is: here by a mark that no step makes.
    sql.run("UPDATE lading_media SET filename = 'a mark'");
    attachmentTables.project(tx, stateOf(0, shape), stateOf(0, { ...shape, url: true }));
    expect(sql.all('SELECT media_id, filename, url FROM lading_media')).toEqual([
      { media_id: 'm0', filename: 'a mark', url: 'https://remote/object' },
    ]);
  });

  it('are written whole where the row of the step before was lost', () => {
    const { sql, tx } = emptyStore();
    attachmentTables.project(tx, null, stateOf(0, { ...shape, url: true }));
    const whole = sql.all('SELECT * FROM lading_media');
    sql.run('DELETE FROM lading_media');
    attachmentTables.project(tx, stateOf(0, shape), stateOf(0, { ...shape, url: true }));
    expect(sql.all('SELECT * FROM lading_media')).toEqual(whole);
  });
});
