import type { BigIntStats } from 'node:fs';
import { constants, statSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ErrorCode } from '../../ports/errors.ts';
import { LadingError } from '../../ports/errors.ts';
import type { CaptureSource } from '../../ports/source.ts';
import { captureAborted } from './abortable.ts';

export interface FileSourceOptions {
  /** Default: the file's own name. */
  readonly filename?: string;
  readonly contentType?: string;
}

const PIECE_BYTES = 256 * 1024;

/**
 * A file of this machine to capture. Nothing is opened before the capture reads it; `sizeBytes` looks at the file
 * when it is asked for.
 *
 * Reading throws {@link LadingError} `source_missing`; `source_not_a_file` (a directory, device or pipe);
 * `source_unreadable`; `source_changed`, when size, modification time or identity differ before and after, or the
 * bytes read are not as many as the file has (field cases 12 and 13). Messages name no path (contract 10.4).
 *
 * @example
 * ```ts
 * await lading.capture(fileSource('scans/receipt.pdf'), { owner, kind: 'pdf' })
 * ```
 */
export function fileSource(path: string, options: FileSourceOptions = {}): CaptureSource {
  return {
    filename: options.filename ?? basename(path),
    contentType: options.contentType,
    get sizeBytes() {
      return sizeNow(path);
    },
    open: (signal) => readWhole(path, signal),
  };
}

async function* readWhole(path: string, signal?: AbortSignal): AsyncIterable<Uint8Array> {
  const file = await openFile(path);
  try {
    const before = await facts(file);
    let readBytes = 0n;
    for (;;) {
      if (signal?.aborted) throw captureAborted();
      const buffer = new Uint8Array(PIECE_BYTES);
      const { bytesRead } = await file.read(buffer, 0, PIECE_BYTES, Number(readBytes)).catch(typed);
      if (bytesRead === 0) break;
      readBytes += BigInt(bytesRead);
      if (readBytes > before.size) throw failure('source_changed');
      yield buffer.subarray(0, bytesRead);
    }
    const after = await facts(file);
    const same =
      after.size === before.size && after.mtimeNs === before.mtimeNs && after.ino === before.ino;
    if (!same || readBytes !== before.size) throw failure('source_changed');
  } finally {
    await file.close();
  }
}

/** Looks before it opens, and opens without waiting: a pipe would block until somebody writes to it. */
async function openFile(path: string): Promise<FileHandle> {
  const named = await stat(path).catch(typed);
  if (!named.isFile()) throw failure('source_not_a_file');
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch(typed);
  try {
    if (!(await facts(file)).isFile()) throw failure('source_not_a_file');
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

function facts(file: FileHandle): Promise<BigIntStats> {
  return file.stat({ bigint: true }).catch(typed);
}

function sizeNow(path: string): number | undefined {
  try {
    const named = statSync(path, { throwIfNoEntry: false });
    return named?.isFile() ? named.size : undefined;
  } catch {
    return undefined; // a hint only: reading tells what is wrong
  }
}

function typed(error: NodeJS.ErrnoException): never {
  throw failure(MISSING.has(error.code ?? '') ? 'source_missing' : codeOf(error), error);
}

const MISSING: ReadonlySet<string> = new Set([
  'ENOENT',
  'ENOTDIR',
  'ENAMETOOLONG',
  'ELOOP',
  'ERR_INVALID_ARG_VALUE', // a NUL in the path: no such file can exist
]);

function codeOf(error: NodeJS.ErrnoException): SourceCode {
  return error.code === 'EISDIR' ? 'source_not_a_file' : 'source_unreadable';
}

type SourceCode = Extract<ErrorCode, `source_${string}`>;

const SENTENCES: Readonly<Partial<Record<SourceCode, string>>> = {
  source_missing: 'The file is not there any more. Choose it again.',
  source_not_a_file: 'That is not a file but a folder, device or pipe. Choose a file.',
  source_unreadable: 'The file can not be read. Check its permissions, then capture it again.',
  source_changed: 'The file changed while it was read. Capture it again when it is at rest.',
};

function failure(code: SourceCode, cause?: unknown): LadingError {
  return new LadingError(code, SENTENCES[code] ?? code, cause === undefined ? {} : { cause });
}
