import { readFile } from 'node:fs/promises';

/** Whether the process that once had this id is still the helper with this mark, and not a later one or a dead one. */
export async function isHelper({
  pid,
  mark,
}: {
  readonly pid: number;
  readonly mark: string;
}): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  if (process.platform !== 'linux') return true;
  // Empty for one that has ended and was not waited for.
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return line.includes(mark);
}
