import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { directoryBlobs } from '../../../adapters/blobs/directory.ts';
import { manualConnectivity } from '../../../adapters/connectivity/manual.ts';
import { type Lading, openLading } from '../../../index.ts';
import { nodeSqlite } from '../../../persistence/drivers/node-sqlite.ts';
import { bytesSource } from '../../../ports/source.ts';
import { memoryRemote } from '../../../testing/memory-remote.ts';
import { sampleJpeg } from '../../../testing/sample-files/index.ts';
import { SCALE_FIELDS } from './fields.ts';
import { cloneAttachment } from './fill.ts';

export interface OpenFigures {
  readonly openMs: number;
  readonly firstUploadMs: number;
  readonly heapUsed: number;
}

/** Fills a folder with `settled` uploaded attachments. */
export async function prepareFolder(folder: string, settled: number): Promise<void> {
  const id = await once(folder, true, capture);
  const handle = new DatabaseSync(join(folder, 'app.db'));
  cloneAttachment(handle, id, settled - 1);
  handle.close();
}

/** Leaves one attachment queued, as if captured with no network. */
export function queueOne(folder: string): Promise<string> {
  return once(folder, false, capture);
}

/** Opens the folder in a process of its own, the best of `runs`: other work on the machine only makes it slower. */
export async function openFigures(folder: string, runs = 3): Promise<OpenFigures> {
  const all: OpenFigures[] = [];
  for (let run = 0; run < runs; run++) {
    await queueOne(folder);
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', CHILD, folder]);
    all.push(JSON.parse(stdout) as OpenFigures);
  }
  const least = (name: keyof OpenFigures): number => Math.min(...all.map((one) => one[name]));
  return {
    openMs: least('openMs'),
    firstUploadMs: least('firstUploadMs'),
    heapUsed: least('heapUsed'),
  };
}

const CHILD = fileURLToPath(new URL('./open-child.ts', import.meta.url));

async function once<T>(
  folder: string,
  online: boolean,
  use: (lading: Lading) => Promise<T>,
): Promise<T> {
  const lading = await openLading({
    store: nodeSqlite(new DatabaseSync(join(folder, 'app.db'), { timeout: 0 })),
    blobs: directoryBlobs({ directory: join(folder, 'blobs') }),
    remote: memoryRemote(),
    connectivity: manualConnectivity({ online }),
    fields: SCALE_FIELDS,
    account: 'me',
  });
  const result = await use(lading);
  await lading.settled();
  await lading.close();
  return result;
}

async function capture(lading: Lading): Promise<string> {
  const owner = {
    scope: { accountId: 'me', projectId: null },
    entityType: 'item',
    entityId: 'entity-0',
    field: 'images',
  };
  const source = bytesSource(sampleJpeg());
  return (await lading.capture(source, { owner, kind: 'image' })).id;
}
