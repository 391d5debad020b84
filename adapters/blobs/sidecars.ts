import { accountPrefix } from '../../ports/blob-store.ts';
import type { Disk } from '../../ports/disk.ts';
import { LadingError } from '../../ports/errors.ts';
import { sidecarIds } from '../../ports/sidecar-name.ts';
import type { SidecarName, SidecarStore } from '../../ports/sidecars.ts';
import { unlessAbsent, unreadable, writeError } from './disk-errors.ts';

const FOLDER = 'sidecars';
/** A sidecar has about 1 KB; what is larger is none. */
const LONGEST_BYTES = 256 * 1024;

/** Sidecars as files of a folder of their own, written as blobs are: temporary file → sync → rename → sync. */
export function directorySidecars(
  disk: Disk,
  temporaryFolder: string,
  temporaryName: () => string,
): SidecarStore {
  return {
    async write(name, text) {
      const { directory, path } = placeOf(name);
      const temporary = temporaryName();
      let leftover: string | undefined;
      try {
        await disk.makeDirectory(temporaryFolder);
        const file = await disk.open(temporary, 'create');
        leftover = temporary;
        try {
          await file.append(new TextEncoder().encode(text));
          await file.sync();
        } finally {
          await file.close();
        }
        await disk.makeDirectory(directory);
        await disk.rename(temporary, path);
        // From here on the name holds a whole text, the new one or, after a power cut, the old one.
        leftover = undefined;
        await disk.syncDirectory(directory);
      } catch (error) {
        if (leftover !== undefined) await disk.remove(leftover).catch(() => {});
        throw writeError(error);
      }
    },

    async read(name) {
      const opening = disk.open(placeOf(name).path, 'read');
      const file = await opening.catch(unlessAbsent).catch(unreadable);
      if (file === undefined) return undefined;
      try {
        const sizeBytes = Math.min(await file.size(), LONGEST_BYTES);
        return new TextDecoder().decode(await file.read(0, sizeBytes));
      } catch (error) {
        return unreadable(error);
      } finally {
        await file.close();
      }
    },

    async remove(name, { soon = false } = {}) {
      const { directory, path } = placeOf(name);
      await disk.remove(path).catch(unreadable);
      if (!soon) await disk.syncDirectory(directory).catch(unlessAbsent).catch(unreadable);
    },

    async *list(accountId) {
      const prefixes = accountId === undefined ? await foldersOf(disk) : [accountPrefix(accountId)];
      for (const prefix of prefixes) {
        const folder = `${FOLDER}/${prefix}`.slice(0, -1);
        for (const entry of await disk.list(folder).catch(unreadable)) {
          const name = `${prefix}${entry.name}`;
          // What has another name was put there by somebody else.
          if (!entry.directory && sidecarIds(name) !== undefined) yield name as SidecarName;
        }
      }
    },
  };
}

async function foldersOf(disk: Disk): Promise<readonly string[]> {
  const entries = await disk.list(FOLDER).catch(unreadable);
  return entries.filter(({ directory }) => directory).map(({ name }) => `${name}/`);
}

function placeOf(name: SidecarName): { readonly directory: string; readonly path: string } {
  if (sidecarIds(name) === undefined) {
    const message = 'The name of a sidecar is made of ids; make one with `sidecarName`.';
    throw new LadingError('invalid_id', message, { details: { length: name.length } });
  }
  return {
    directory: `${FOLDER}/${name.slice(0, name.indexOf('/'))}`,
    path: `${FOLDER}/${name}`,
  };
}
