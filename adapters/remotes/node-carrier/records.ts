import {
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import type { CarrierResult } from '../../../ports/carrier.ts';
import { LadingError } from '../../../ports/errors.ts';
import { isHelper } from './process-mark.ts';

/** What a helper says of itself when it takes a request over. No url and no header stands in it (contract 10.4). */
export interface RunRecord {
  readonly pid: number;
  /** Stands in the helper's command line: a process id alone may be given away again. */
  readonly mark: string;
  readonly note: string;
}

export interface EndRecord {
  readonly note: string;
  readonly result: CarrierResult;
}

const RUN = '.run';
const END = '.end';
const SENT = '.sent';
const TEMPORARY = '.tmp';

/**
 * The folder by which an app and its helpers speak: `<id>.run` while a helper carries it, `<id>.end` when it ended, and
 * `<id>.sent` for how far it is, which nobody needs to survive. Names appear whole, or not at all.
 */
export function records(directory: string) {
  const at = (id: string, kind: string): string => join(directory, checked(id) + kind);
  /** What this process is writing down. */
  const temporaryOf = (id: string, pid: number): string => at(id, `.${pid}${TEMPORARY}`);

  async function read<T>(id: string, kind: string): Promise<T | undefined> {
    try {
      return JSON.parse(await readFile(at(id, kind), 'utf8')) as T;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Written and synced under another name first. */
  async function prepared(id: string, value: unknown): Promise<string> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const temporary = temporaryOf(id, process.pid);
    const file = await open(temporary, 'w', 0o600);
    try {
      await file.writeFile(JSON.stringify(value));
      await file.sync();
    } finally {
      await file.close();
    }
    return temporary;
  }

  async function syncFolder(): Promise<void> {
    if (process.platform === 'win32') return; // a folder cannot be opened there
    const folder = await open(directory, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  /** @param killed the helper that was killed, perhaps while it wrote. */
  async function forget(id: string, killed?: number): Promise<void> {
    for (const kind of [RUN, END, SENT]) await rm(at(id, kind), { force: true });
    if (killed !== undefined) await rm(temporaryOf(id, killed), { force: true });
    await syncFolder().catch(() => {}); // no folder, nothing to forget
  }

  return {
    run: (id: string) => read<RunRecord>(id, RUN),
    end: (id: string) => read<EndRecord>(id, END),
    forget,

    /** Durable when it resolves. @returns false when another helper carries it, or it has ended. */
    async claim(id: string, record: RunRecord): Promise<boolean> {
      const temporary = await prepared(id, record);
      try {
        for (let tries = 0; tries < 2; tries++) {
          if ((await read(id, END)) !== undefined) return false;
          try {
            await link(temporary, at(id, RUN));
            await syncFolder();
            return true;
          } catch (error) {
            if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
          }
          const other = await read<RunRecord>(id, RUN);
          if (other !== undefined && (await isHelper(other))) return false;
          await rm(at(id, RUN), { force: true }); // it died without an end
        }
        return false;
      } finally {
        await rm(temporary, { force: true });
      }
    },

    /** Durable when it resolves; then nobody carries it any more. */
    async finish(id: string, record: EndRecord): Promise<void> {
      await rename(await prepared(id, record), at(id, END));
      await syncFolder();
      for (const kind of [RUN, SENT]) await rm(at(id, kind), { force: true });
    },

    async tell(id: string, sentBytes: number): Promise<void> {
      await writeFile(at(id, SENT), String(sentBytes), { mode: 0o600 });
    },

    async sent(id: string): Promise<number> {
      const text = await readFile(at(id, SENT), 'utf8').catch(() => '');
      return /^\d{1,15}$/.test(text) ? Number(text) : 0;
    },

    /** All that are known; results that ended longer ago are forgotten on the way, and what was never written to its end. */
    async ids(keepMs: number, nowMs: number): Promise<readonly string[]> {
      const names = await readdir(directory).catch(() => []);
      const found = new Set<string>();
      const isOld = async (path: string): Promise<boolean> => {
        const facts = await stat(path).catch(() => undefined);
        return facts !== undefined && facts.mtimeMs < nowMs - keepMs;
      };
      for (const name of names) {
        const path = join(directory, name);
        if (name.endsWith(TEMPORARY) && (await isOld(path))) await rm(path, { force: true });
        const id =
          name.endsWith(RUN) || name.endsWith(END) ? name.slice(0, -RUN.length) : undefined;
        if (id === undefined || found.has(id)) continue;
        if (await isOld(at(id, END))) await forget(id);
        else found.add(id);
      }
      return [...found].toSorted();
    },
  };
}

/** Ids become file names (contract 10.1). */
function checked(id: string): string {
  if (/^[a-z0-9_-][a-z0-9._-]{0,239}$/.test(id)) return id;
  throw new LadingError('invalid_id', 'The id of a task is made of a-z, 0-9, ".", "_" and "-".', {
    details: { length: id.length },
  });
}
