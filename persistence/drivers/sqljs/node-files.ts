import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { SqlFile, SqlFiles } from './files.ts';
import { lockForProcess } from './node-lock.ts';

/** Node's file system. */
export function nodeFiles(): SqlFiles {
  return {
    read(path) {
      try {
        return readFileSync(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    open: (path, mode) => nodeFile(openSync(path, mode === 'create' ? 'w' : 'r+')),
    rename: (from, to) => renameSync(from, to),
    remove: (path) => rmSync(path, { force: true }),
    syncDirectory(path) {
      if (process.platform === 'win32') return; // a directory cannot be opened there, and NTFS journals its names
      const directory = openSync(dirname(path), 'r');
      try {
        fsyncSync(directory);
      } finally {
        closeSync(directory);
      }
    },
    lock: (path) => lockForProcess(path),
  };
}

function nodeFile(descriptor: number): SqlFile {
  return {
    write(position, bytes) {
      for (let done = 0; done < bytes.byteLength; ) {
        done += writeSync(descriptor, bytes, done, bytes.byteLength - done, position + done);
      }
    },
    truncate: (sizeBytes) => ftruncateSync(descriptor, sizeBytes),
    sync: () => fsyncSync(descriptor),
    close: () => closeSync(descriptor),
  };
}
