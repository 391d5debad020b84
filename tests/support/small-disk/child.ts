import { writeFileSync } from 'node:fs';
import { rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { directoryBlobs } from '../../../adapters/blobs/directory.ts';
import { manualConnectivity } from '../../../adapters/connectivity/index.ts';
import { nodeStorage } from '../../../adapters/storage/node.ts';
import {
  bytesSource,
  type Lading,
  LadingError,
  type LadingOptions,
  openLading,
} from '../../../index.ts';
import { openNodeSqlite } from '../../../persistence/drivers/node-sqlite.ts';
import { memoryRemote } from '../../../testing/memory-remote.ts';

/** Filled until nothing fits; printed as JSON. */
export interface FullReport {
  /** How captures ended that found no room: large ones, and small ones after them. */
  readonly refused: readonly string[];
  readonly captured: number;
  readonly whileFull: DiskState;
  /** Captures that went well once there was room again, without a restart. */
  readonly afterwards: number;
  readonly restarted: DiskState;
}

/** Filled with an estimate; printed as JSON. */
export interface GuardedReport {
  readonly code: string;
  readonly freeBytes: number;
  readonly captured: number;
  readonly state: DiskState;
}

export interface DiskState {
  readonly differences: readonly unknown[];
  readonly temporary: number;
  readonly blobBytes: number;
  readonly usedBytes: number;
  /** Attachments whose bytes are not as they were captured. */
  readonly spoilt: number;
  readonly integrity: string;
}

const directory = process.argv[2] ?? '';
const ballast = join(directory, 'ballast');
const blobs = directoryBlobs({ directory: join(directory, 'blobs') });
const sizes = new Map<string, number>();
const owner = {
  scope: { accountId: 'me', projectId: null },
  entityType: 'item',
  entityId: '1',
  field: 'files',
};

const report = process.argv[3] === 'guarded' ? await fillGuarded() : await fillToTheEnd();
process.stdout.write(JSON.stringify(report));

/** Bytes and database share the disk; something else has a part of it, and goes later. */
async function fillToTheEnd(): Promise<FullReport> {
  writeFileSync(ballast, new Uint8Array(512 * 1024));
  const lading = await open();
  const refused: string[] = [];
  for (const bytes of [48, 12, 3, 1].map((kilobytes) => kilobytes * 1024)) {
    let code = 'ok';
    while (code === 'ok') code = await capture(lading, bytes);
    refused.push(code);
  }
  const captured = sizes.size;
  const whileFull = await look(lading);
  await rm(ballast);
  let afterwards = 0;
  while (afterwards < 3 && (await capture(lading, 12 * 1024)) === 'ok') afterwards += 1;
  await lading.close();
  const next = await open();
  const restarted = await look(next);
  await next.close();
  return { refused, captured, whileFull, afterwards, restarted };
}

/** Captures until it is refused: the guardrails should speak before the disk does. */
async function fillGuarded(): Promise<GuardedReport> {
  const lading = await open({ storageEstimate: nodeStorage({ directory }) });
  let code = 'ok';
  while (code === 'ok') code = await capture(lading, 256 * 1024);
  const { bavail, bsize } = await statfs(directory);
  const state = await look(lading);
  await lading.close();
  return { code, freeBytes: bavail * bsize, captured: sizes.size, state };
}

function open(more: Partial<LadingOptions> = {}): Promise<Lading> {
  return openLading({
    store: openNodeSqlite(join(directory, 'app.db')),
    blobs,
    remote: memoryRemote(),
    connectivity: manualConnectivity({ online: false }),
    fields: { 'item.files': { kinds: ['file'] } },
    account: 'me',
    ...more,
  });
}

/** The code of the refusal, or `ok`. */
async function capture(on: Lading, bytes: number): Promise<string> {
  try {
    const { id } = await on.capture(bytesSource(new Uint8Array(bytes).fill(sizes.size)), {
      owner,
      kind: 'file',
    });
    sizes.set(id, bytes);
    return 'ok';
  } catch (error) {
    if (error instanceof LadingError) return error.code;
    throw error;
  }
}

async function look(on: Lading): Promise<DiskState> {
  let [temporary, blobBytes, spoilt] = [1, 0, 0];
  // Sidecars follow their commits: one may be under way.
  for (let looks = 0; temporary > 0 && looks < 100; looks++) {
    await new Promise((resolve) => setImmediate(resolve));
    [temporary, blobBytes] = [0, 0];
    for await (const blob of blobs.list()) {
      temporary += Number(blob.temporary);
      blobBytes += blob.sizeBytes;
    }
  }
  let index = 0;
  for (const [id, bytes] of sizes) {
    let read = 0;
    let same = true;
    for await (const piece of (await on.resolve(id)).open()) {
      read += piece.byteLength;
      same &&= piece.every((byte) => byte === index % 256);
    }
    spoilt += Number(!same || read !== bytes);
    index += 1;
  }
  const { differences } = await on.verify();
  const database = openNodeSqlite(join(directory, 'app.db'));
  const integrity = String(database.get('PRAGMA integrity_check')?.['integrity_check']);
  database.close();
  return {
    differences,
    temporary,
    blobBytes,
    usedBytes: on.storage().usedBytes,
    spoilt,
    integrity,
  };
}
