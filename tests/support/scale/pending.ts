import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cloneAttachment } from './fill.ts';
import { queueOne } from './prepare.ts';

const CHILD = fileURLToPath(new URL('./first-upload-child.ts', import.meta.url));

/** Fills a folder with `count` attachments that were captured without a network; all of them hold the same file. */
export async function preparePending(folder: string, count: number): Promise<void> {
  const id = await queueOne(folder);
  const handle = new DatabaseSync(join(folder, 'app.db'));
  cloneAttachment(handle, id, count - 1, { sharesBytes: true });
  handle.close();
}

/** Milliseconds from opening to the first request to the remote, in a process of its own; nothing is uploaded. */
export async function firstUploadMs(folder: string): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [CHILD, folder]);
  return Number(stdout);
}
