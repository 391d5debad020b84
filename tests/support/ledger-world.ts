import { bytesSource, type LadingOptions, preload } from 'lading';
import { type ManualConnectivity, manualConnectivity } from 'lading/connectivity';
import { openNodeSqlite } from 'lading/sqlite/node';
import {
  type MemoryBlobs,
  type MemoryRemote,
  memoryBlobs,
  memoryRemote,
  type RemoteScript,
  seededRandom,
  type VirtualClock,
  virtualClock,
} from 'lading/testing';
import type { Entity } from '../../examples/ledger/entities.ts';
import type { PickedFile } from '../../examples/ledger/gallery.ts';
import type { Outcome } from '../../examples/ledger/inline-errors.ts';
import { type Ledger, openLedger } from '../../examples/ledger/ledger.ts';
import { pngOf, smallFile } from '../../model-based-tests/support/small-files.ts';

/** The example app on one device in memory, on virtual time. */
export interface LedgerWorld {
  readonly ledger: Ledger;
  readonly clock: VirtualClock;
  readonly blobs: MemoryBlobs;
  readonly remote: MemoryRemote;
  readonly net: ManualConnectivity;
  readonly until: <T>(promise: Promise<T>) => Promise<T>;
  /** The value of a use case that works. */
  readonly done: <T>(promise: Promise<Outcome<T>>) => Promise<T>;
  /** What a use case that is refused says beside its slot. */
  readonly refusal: (promise: Promise<Outcome<unknown>>) => Promise<string>;
  readonly pass: (ms: number) => Promise<void>;
  readonly rows: (sql: string) => readonly Record<string, unknown>[];
  /** A new entity with files in one slot. */
  readonly entity: (
    type: Entity['type'],
    slot: 'images' | 'receiptImages',
    count?: number,
  ) => Promise<Entity>;
}

export async function ledgerWorld(
  options: Partial<LadingOptions> & {
    readonly script?: RemoteScript;
    readonly online?: boolean;
  } = {},
): Promise<LedgerWorld> {
  const { script, online = false, ...more } = options;
  await preload();
  const clock = virtualClock();
  const blobs = memoryBlobs({ clock });
  const remote = memoryRemote(script === undefined ? {} : { script });
  const net = manualConnectivity({ online });
  const store = openNodeSqlite(':memory:');
  async function until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const note = (): void => {
      settled = true;
    };
    promise.then(note, note);
    await clock.runUntil(() => settled);
    return promise;
  }
  const ledger = await until(
    openLedger({
      store,
      blobs,
      remote,
      connectivity: net,
      onlineDebounceMs: 0,
      account: 'ada',
      clock,
      random: seededRandom('ledger'),
      ...more,
    }),
  );
  const done: LedgerWorld['done'] = async (promise) => {
    const outcome = await until(promise);
    if (outcome.ok) return outcome.value;
    throw new Error(`${outcome.error.code}: ${outcome.error.text}`);
  };
  return {
    ledger,
    clock,
    blobs,
    remote,
    net,
    until,
    done,
    async refusal(promise) {
      const outcome = await until(promise);
      return outcome.ok ? 'taken' : outcome.error.text;
    },
    pass: (ms) => clock.advanceBy(ms),
    rows: (sql) => store.all(sql),
    entity: (type, slot, count = 1) =>
      done(ledger.create({ type, projectId: null, name: `a ${type}` }, slot, images(count))),
  };
}

let made = 0;

/** Real pictures, each with bytes of its own. */
export function images(count: number): readonly PickedFile[] {
  return Array.from({ length: count }, () => ({
    source: smallFile('image', `image ${made++}`),
    kind: 'image' as const,
  }));
}

export function pdf(): PickedFile {
  return { source: smallFile('pdf', `invoice ${made++}`), kind: 'pdf' };
}

/** What a picker gives that did not look: bytes of one thing, said to be another. */
export function said(
  kind: 'image' | 'pdf',
  bytes: Uint8Array,
  contentType: string,
  filename: string,
): PickedFile {
  return { kind, source: bytesSource(bytes, { contentType, filename }) };
}

/** A real picture of exactly so many bytes. */
export function imageOf(sizeBytes: number): PickedFile {
  return said('image', pngOf(sizeBytes), 'image/png', 'large.png');
}
