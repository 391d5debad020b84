import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Of a database file: what SQLite keeps beside it. */
export const BESIDE = ['-wal', '-shm', '-journal'] as const;

/** SHA-256 of a file; null where there is none. */
export function hashOf(path: string): string | null {
  if (!existsSync(path)) return null;
  const hash = createHash('sha256');
  const file = openSync(path, 'r');
  try {
    const buffer = new Uint8Array(1024 * 1024);
    for (let read = 1; read > 0; ) {
      read = readSync(file, buffer, 0, buffer.byteLength, null);
      hash.update(buffer.subarray(0, read));
    }
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}

/** Durable when it returns, under its name only when it is whole. */
export function copyDurably(from: string, to: string): void {
  const half = `${to}.part`;
  copyFileSync(from, half);
  syncFile(half);
  renameDurably(half, to);
}

export function writeDurably(path: string, text: string): void {
  const half = `${path}.part`;
  writeFileSync(half, text);
  syncFile(half);
  renameDurably(half, path);
}

export function renameDurably(from: string, to: string): void {
  renameSync(from, to);
  syncFolder(to);
}

export function removeDurably(...paths: readonly string[]): void {
  for (const path of paths) rmSync(path, { force: true });
  const [first] = paths;
  if (first !== undefined) syncFolder(first);
}

export function syncFile(path: string): void {
  const file = openSync(path, 'r+');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** A database and what lies beside it, without leftovers. */
export function removeDatabase(path: string): void {
  removeDurably(path, ...BESIDE.map((end) => path + end));
}

/** Undefined where there is none, or none that is whole. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Files in the folder of `path` whose names begin with its name and `end`. */
export function siblings(path: string, end: string): readonly string[] {
  const prefix = basename(path) + end;
  return readdirSync(dirname(path))
    .filter((name) => name.startsWith(prefix))
    .toSorted()
    .map((name) => join(dirname(path), name));
}

function syncFolder(of: string): void {
  if (process.platform === 'win32') return; // a folder cannot be opened there
  const folder = openSync(dirname(of), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
