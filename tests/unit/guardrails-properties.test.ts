import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createReservations } from '../../engine/guardrails/reservations.ts';
import { say } from '../../engine/guardrails/sentences.ts';
import type { MediaId } from '../../machines/attachment/types.ts';
import type { AttachmentTables } from '../../ports/attachment-tables.ts';
import { LadingError } from '../../ports/errors.ts';
import type { EventStore, StoreTransaction } from '../../ports/event-store.ts';
import { device, OWNER, sized, storedBytes, unsized } from '../support/guardrails-world.ts';
import type { World } from '../support/lading-world.ts';

const TOTAL = 1_000;
/** The last number of bytes that is not nearly full. */
const LAST = 899;
const TX = {} as StoreTransaction;

/** Reservations over a log that is a map of committed files. */
function ledger() {
  const committed = new Map<string, number>();
  const sum = (): number => [...committed.values()].reduce((bytes, one) => bytes + one, 0);
  const events = { read: <T>(query: (tx: StoreTransaction) => T) => query(TX) } as EventStore;
  const tables = {
    totalBytes: sum,
    media: (_tx: StoreTransaction, id: MediaId) =>
      committed.has(id) ? { hasBytes: true } : undefined,
  } as unknown as AttachmentTables;
  const reservations = createReservations({
    events,
    tables,
    sampler: undefined,
    budgetBytes: TOTAL,
    say,
    isOnline: () => false,
    freeRoom: async () => 0,
  });
  return { committed, sum, reservations };
}

const life = fc.record({
  pieces: fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 5 }),
  /** What the source says of its size: the truth, nothing, or something else. */
  says: fc.constantFrom('truth', 'nothing', 'less', 'more'),
  fate: fc.constantFrom('commits', 'commits', 'fails while read', 'fails in the commit'),
});

describe('reservations, in any order of events (contract 7.3)', () => {
  it('asked for in the same moment are given to one', async () => {
    const { reservations } = ledger();
    const ask = (id: string) =>
      reservations.reserve([{ mediaId: id as MediaId, sizeBytes: 500 }], 'always');
    const asked = await Promise.allSettled([ask('media-1'), ask('media-2')]);
    expect(asked.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  it('never give the same room twice, never refuse for nothing, and leave none behind', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(life, { minLength: 2, maxLength: 7 }),
        async (scheduler, lives) => {
          const { committed, sum, reservations } = ledger();
          const onDisk = new Map<string, number>();
          const unjustified: unknown[] = [];
          const wanted = new Map<string, number>();
          const check = (): void => {
            let bytes = sum();
            for (const [id, written] of onDisk) if (!committed.has(id)) bytes += written;
            expect(bytes).toBeLessThanOrEqual(LAST);
          };
          const step = async (what: string): Promise<void> => {
            await scheduler.schedule(Promise.resolve(), what);
            check();
          };

          const capture = async (
            one: typeof life extends fc.Arbitrary<infer T> ? T : never,
            id: MediaId,
          ) => {
            const size = one.pieces.reduce((bytes, piece) => bytes + piece, 0);
            const said = { truth: size, nothing: undefined, less: size >> 1, more: size + 50 };
            const sizeBytes = said[one.says];
            await step(`${id} begins`);
            wanted.set(id, Math.max(size, sizeBytes ?? 0));
            let room: Awaited<ReturnType<typeof reservations.reserve>> | undefined;
            try {
              room = await reservations.reserve([{ mediaId: id, sizeBytes }], 'always');
              const source = async function* () {
                for (const piece of one.pieces) {
                  await step(`${id} reads`);
                  yield new Uint8Array(piece);
                }
                if (one.fate === 'fails while read') throw new Error('fails while read');
              };
              for await (const piece of room.metered(id, source())) {
                onDisk.set(id, (onDisk.get(id) ?? 0) + piece.byteLength);
                check();
              }
              await step(`${id} commits`);
              if (one.fate === 'fails in the commit') throw new Error('fails in the commit');
              committed.set(id, size);
              room.confirm(TX);
              await step(`${id} is told`);
            } catch (error) {
              onDisk.delete(id);
              // Somebody has it: what is committed, and what the others may still need, fill it up.
              let most = sum();
              for (const [other, bytes] of wanted) if (!committed.has(other)) most += bytes;
              const isExpected =
                error instanceof LadingError ? most > LAST : String(error).includes(one.fate);
              if (!isExpected) unjustified.push(error);
            } finally {
              wanted.delete(id);
              room?.release();
            }
          };
          const running = Promise.all(
            lives.map((one, index) => capture(one, `media-${index}` as MediaId)),
          );
          await scheduler.waitFor(running);

          expect(unjustified).toEqual([]);
          // Nothing is left of those that ended: exactly what is free can be had, and not a byte more.
          expect(reservations.ownBytes()).toBe(sum());
          const free = LAST - sum();
          const last = await reservations.reserve(
            [{ mediaId: 'last' as MediaId, sizeBytes: free }],
            'always',
          );
          last.release();
          last.release();
          await expect(
            reservations.reserve([{ mediaId: 'over' as MediaId, sizeBytes: free + 1 }], 'always'),
          ).rejects.toThrow(LadingError);
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe("the log's own account of bytes (contract 7.1)", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('capture' as const), bytes: fc.integer({ min: 1, max: 9_000 }) }),
    fc.record({
      do: fc.constantFrom(
        'draft',
        'abort',
        'fail in the commit',
        'full disk',
        'cancel',
        'remove',
        'undo',
        'replace',
        'resolve',
        'network',
        'wait',
        'restart',
      ),
      bytes: fc.integer({ min: 1, max: 9_000 }),
    }),
  );

  it('is what lies on the disk, whatever happened', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
        const phone = device({
          online: true,
          capacityBytes: 60_000,
          fields: {
            'item.files': { kinds: ['file'], grace: { undoMs: 5_000 } },
            // Dropped once it is uploaded, and fetched again by a reader.
            'item.far': { kinds: ['file'], retention: { local: 'drop' } },
          },
        });
        let lading = await phone.open();
        const ids: string[] = [];
        let online = true;
        let undo: (() => Promise<void>) | undefined;
        for (const [index, { do: what, bytes }] of steps.entries()) {
          const owner = { ...OWNER, field: index % 2 === 0 ? 'files' : 'far' };
          const file = { owner, kind: 'file' as const };
          const id = ids[bytes % Math.max(1, ids.length)];
          const tried = attempt();
          await phone.until(tried);

          async function attempt(): Promise<void> {
            try {
              switch (what) {
                case 'capture':
                  ids.push((await lading.capture(sized(bytes), file)).id);
                  break;
                case 'draft':
                  ids.push(
                    (await lading.capture(unsized(bytes, 512), { ...file, draft: true })).id,
                  );
                  break;
                case 'abort':
                  await lading.capture(unsized(bytes, 512), {
                    ...file,
                    signal: AbortSignal.abort(),
                  });
                  break;
                case 'fail in the commit':
                  await lading.capture(sized(bytes), {
                    ...file,
                    inTransaction: () => {
                      throw new LadingError('statement_count', 'the app says no');
                    },
                  });
                  break;
                case 'full disk':
                  await lading.captureAll(
                    [sized(bytes), sized(9_000_000)].map((source) => ({ source, kind: 'file' })),
                    { owner },
                  );
                  break;
                case 'cancel':
                  if (id !== undefined) await lading.cancel(id);
                  break;
                case 'remove':
                case 'replace': {
                  const item = lading.list(owner)[0];
                  if (item === undefined) break;
                  const token =
                    what === 'remove'
                      ? await lading.remove(item.ref, owner)
                      : (await lading.replace(item.ref, sized(bytes), owner, { kind: 'file' }))
                          .undo;
                  undo = () => lading.undo(token);
                  break;
                }
                case 'undo':
                  await undo?.();
                  break;
                case 'resolve':
                  if (id !== undefined && online) await lading.resolve(id);
                  break;
                case 'network':
                  online = !online;
                  phone.net.set({ online });
                  break;
                case 'wait':
                  await lading.settled();
                  break;
                case 'restart':
                  await lading.close();
                  lading = await phone.open();
              }
            } catch (error) {
              if (!(error instanceof LadingError)) throw error;
            }
          }
        }
        await phone.until(lading.settled());
        await phone.pass(20_000);
        expect(await account(phone)).toEqual({
          usedBytes: await storedBytes(phone),
          files: phone.blobs.keys.length,
        });
        const { usedBytes, files } = lading.storage();
        expect({ usedBytes, files }).toEqual(await account(phone));
        await phone.until(lading.close());
      }),
      { numRuns: 25 },
    );
  });

  async function account(phone: World) {
    const [row] = phone.rows('SELECT bytes AS usedBytes, blobs AS files FROM lading_usage');
    return row === undefined ? { usedBytes: 0, files: 0 } : { ...row };
  }
});
