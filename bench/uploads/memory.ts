import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { benchFiles } from './files.ts';

const SMALL_BYTES = 4_000_000;
const LARGE_BYTES = 256_000_000;

export interface MemoryFigures {
  readonly kind: string;
  /** The most memory that the process was seen to hold, in bytes. */
  readonly small: number;
  readonly large: number;
}

/** What one upload takes at most, of a file that is 64 times as large as the other: each in a process of its own. */
export async function memory(
  folder: string,
  places: Readonly<Record<string, string>>,
): Promise<readonly MemoryFigures[]> {
  const [small, large] = await Promise.all([
    benchFiles(folder, 1, SMALL_BYTES),
    benchFiles(folder, 1, LARGE_BYTES),
  ]);
  const figures: MemoryFigures[] = [];
  for (const [kind, place] of Object.entries(places)) {
    const most = async ({ paths: [path = ''] }: typeof small) => {
      const { stdout } = await run(process.execPath, [CHILD, folder, path, kind, place]);
      return Number(stdout);
    };
    figures.push({ kind, small: await most(small), large: await most(large) });
  }
  return figures;
}

const run = promisify(execFile);
const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));
