import { copyFile, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Breakage } from '../messages.ts';

/** Harms what the server holds, on purpose: `--break byte` and `--break object`. */
export async function doHarm(directory: string, what: Breakage): Promise<void> {
  const names = (await readdir(directory)).filter((name) => !name.endsWith('.json')).toSorted();
  const [victim] = names;
  if (victim === undefined) throw new Error('there is nothing to break');
  const path = join(directory, victim);
  if (what === 'byte') await flipOneByte(path);
  else await double(path);
}

async function flipOneByte(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    const { size } = await file.stat();
    const position = Math.floor(size / 2);
    await file.read(byte, 0, 1, position);
    byte.writeUInt8(byte.readUInt8() ^ 1);
    await file.write(byte, 0, 1, position);
  } finally {
    await file.close();
  }
}

/** As an upload that was begun anew under another id would leave it. */
async function double(path: string): Promise<void> {
  await copyFile(path, `${path}-again`);
  const facts = JSON.parse(await readFile(`${path}.json`, 'utf8')) as { readonly id: string };
  await writeFile(`${path}-again.json`, JSON.stringify({ ...facts, id: `${facts.id}-again` }));
}
