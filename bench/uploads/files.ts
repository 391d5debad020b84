import { createHash } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sampleJpeg } from '../../testing/sample-files/index.ts';
import { seededRandom } from '../../testing/world/seeded-random.ts';

/** Files on a disk, all of one size and each of other bytes. */
export interface BenchFiles {
  readonly paths: readonly string[];
  readonly sizeBytes: number;
  readonly totalBytes: number;
}

export async function benchFiles(
  folder: string,
  count: number,
  sizeBytes: number,
): Promise<BenchFiles> {
  const path = await mkdtemp(join(folder, 'files-'));
  const random = seededRandom(sizeBytes);
  const paths: string[] = [];
  for (let n = 0; n < count; n++) {
    const name = createHash('sha1').update(random.bytes(8)).digest('hex');
    const file = join(path, `${name}.jpg`);
    await writeFile(file, sampleJpeg({ body: name, sizeBytes }));
    paths.push(file);
  }
  return { paths, sizeBytes, totalBytes: count * sizeBytes };
}
