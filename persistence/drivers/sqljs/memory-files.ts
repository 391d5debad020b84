import type { SqlFiles } from './files.ts';

/** Files that are gone with the handle, for `':memory:'`: nothing is written beside the app, not even a lock. */
export function memoryFiles(): SqlFiles {
  const files = new Map<string, Uint8Array>();
  return {
    read: (path) => files.get(path),
    open(path, mode) {
      let bytes = mode === 'create' ? new Uint8Array(0) : (files.get(path) ?? new Uint8Array(0));
      files.set(path, bytes);
      const replace = (sizeBytes: number): void => {
        const next = new Uint8Array(sizeBytes);
        next.set(bytes.subarray(0, sizeBytes));
        for (const [name, found] of files) if (found === bytes) files.set(name, next);
        bytes = next;
      };
      return {
        write(position, given) {
          if (position + given.byteLength > bytes.byteLength) replace(position + given.byteLength);
          bytes.set(given, position);
        },
        truncate: replace,
        sync: () => {},
        close: () => {},
      };
    },
    rename(from, to) {
      const bytes = files.get(from);
      if (bytes !== undefined) files.set(to, bytes);
      files.delete(from);
    },
    remove: (path) => void files.delete(path),
    syncDirectory: () => {},
    lock: () => () => {},
  };
}
