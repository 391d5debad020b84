import { sampleJpeg, samplePdf } from '../sample-files/index.ts';
import type { SeededRandom } from '../world/seeded-random.ts';

/** A sound photo with chance pixels. @param sizeBytes the file's, where it is enough for one. */
export function photoBytes(random: SeededRandom, sizeBytes: number): Uint8Array {
  const orientation = random.int(1, 8);
  const exif = { orientation, little: orientation % 2 === 0 };
  const overhead = sampleJpeg({ exif }).byteLength;
  // No byte that JPEG would have to escape, so that the size is the one that was asked for.
  const pixels = random
    .bytes(Math.max(0, sizeBytes - overhead))
    .map((byte) => Math.min(byte, 0xfe));
  return sampleJpeg({ exif, body: pixels });
}

/** A sound PDF with chance text. */
export function pdfBytes(random: SeededRandom, sizeBytes: number): Uint8Array {
  const overhead = samplePdf().byteLength;
  const letters = random.bytes(Math.max(0, sizeBytes - overhead)).map((byte) => 0x61 + (byte % 26));
  return samplePdf(Array.from(letters, (letter) => String.fromCharCode(letter)).join(''));
}
