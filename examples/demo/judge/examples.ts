import { copyFile, mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const FILES = join(import.meta.dirname, '..', 'files');

/**
 * Puts the examples into a directory: real pictures and a real PDF from `examples/demo/files`, some made as large as a
 * phone makes them, and one picture of `largeBytes`. The bytes are the same every time.
 */
export async function makeExamples(directory: string, largeBytes: number): Promise<void> {
  await mkdir(directory, { recursive: true });
  const to = (name: string): string => join(directory, name);
  await copyFile(shipped('IMG_0412.jpg'), to('IMG_0412.jpg'));
  await enlarge(shipped('IMG_0413.jpg'), to('IMG_0413.jpg'), 2_600_000);
  await enlarge(shipped('IMG_0414.jpg'), to('Küche & Bad – Straße 7.jpg'), 1_400_000);
  await copyFile(shipped('IMG_0415.jpg'), to('IMG_0415.jpg'));
  await copyFile(shipped('IMG_0415.jpg'), to('IMG_0415 (copy).jpg'));
  await copyFile(shipped('floor-plan.png'), to('Floor plan.png'));
  await copyFile(shipped('site-report.pdf'), to('Site report.pdf'));
  await writePanorama(to('Attic, all around.bmp'), largeBytes);
}

function shipped(name: string): string {
  return join(FILES, name);
}

/** A JPEG with more in it that no viewer shows: comment segments behind its first marker, full of noise. */
async function enlarge(from: string, to: string, sizeBytes: number): Promise<void> {
  const picture = await readFile(from);
  const noise = noiseFrom(sizeBytes);
  const segments: Buffer[] = [];
  for (let missing = sizeBytes - picture.byteLength; missing > 4; ) {
    const segment = Buffer.alloc(Math.min(missing, 65_537));
    segment.writeUInt16BE(0xff_fe, 0);
    segment.writeUInt16BE(segment.byteLength - 2, 2);
    for (let at = 4; at < segment.byteLength; at += 1) segment[at] = noise();
    segments.push(segment);
    missing -= segment.byteLength;
  }
  await writeFile(to, Buffer.concat([picture.subarray(0, 2), ...segments, picture.subarray(2)]));
}

const WIDTH = 5_000;
const HEADER_BYTES = 54;

/** An uncompressed picture of an evening sky, as large as it is asked to be. */
async function writePanorama(path: string, sizeBytes: number): Promise<void> {
  const height = Math.ceil((sizeBytes - HEADER_BYTES) / (WIDTH * 3));
  const header = Buffer.alloc(HEADER_BYTES);
  header.write('BM');
  header.writeUInt32LE(HEADER_BYTES + WIDTH * 3 * height, 2);
  header.writeUInt32LE(HEADER_BYTES, 10);
  header.writeUInt32LE(40, 14);
  header.writeInt32LE(WIDTH, 18);
  header.writeInt32LE(height, 22);
  header.writeUInt16LE(1, 26);
  header.writeUInt16LE(24, 28);

  const noise = noiseFrom(height);
  const grain = Uint8Array.from({ length: WIDTH * 3 + 9_973 }, () => noise() & 0x1f);
  const row = Buffer.alloc(WIDTH * 3);
  const file = await open(path, 'w');
  try {
    await file.write(header);
    for (let y = 0; y < height; y += 1) {
      const share = y / height; // a bitmap begins at the bottom
      const [blue, green, red] = [70 + 110 * share, 130 - 40 * share, 215 - 150 * share];
      const shift = (y * 7_919) % 9_973;
      for (let x = 0; x < row.byteLength; x += 3) {
        row[x] = blue + (grain[x + shift] ?? 0);
        row[x + 1] = green + (grain[x + shift + 1] ?? 0);
        row[x + 2] = red + (grain[x + shift + 2] ?? 0);
      }
      await file.write(row);
    }
  } finally {
    await file.close();
  }
}

/** Bytes that look random and are the same each time (xorshift). */
function noiseFrom(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 0xff;
  };
}
