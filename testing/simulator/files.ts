import { sampleJpeg, samplePdf } from '../sample-files/index.ts';
import type { SeededRandom } from '../world/seeded-random.ts';

/** A photo, and how many bytes of its head say where it was taken; 0 for one that does not. */
export interface Photo {
  readonly bytes: Uint8Array;
  readonly placeBytes: number;
}

/** A sound photo with chance pixels. @param sizeBytes the file's, where it is enough for one. */
export function photoBytes(random: SeededRandom, sizeBytes: number): Uint8Array {
  return photo(random, sizeBytes, {}).bytes;
}

/** The same with the planted location in EXIF and XMP. */
export function placedPhoto(random: SeededRandom, sizeBytes: number): Photo {
  return photo(random, sizeBytes, { gps: true });
}

function photo(random: SeededRandom, sizeBytes: number, place: { readonly gps?: true }): Photo {
  const orientation = random.int(1, 8);
  const exif = { orientation, little: orientation % 2 === 0, ...place };
  const head = place.gps === true ? { exif, xmp: place } : { exif };
  const overhead = sampleJpeg(head).byteLength;
  // No byte that JPEG would have to escape, so that the size is the one that was asked for.
  const pixels = random
    .bytes(Math.max(0, sizeBytes - overhead))
    .map((byte) => Math.min(byte, 0xfe));
  const bytes = sampleJpeg({ ...head, body: pixels });
  const afterHead = sampleJpeg({ body: pixels }).byteLength - JFIF_BYTES;
  return { bytes, placeBytes: place.gps === true ? bytes.byteLength - afterHead : 0 };
}

/** A sound PDF with chance text. */
export function pdfBytes(random: SeededRandom, sizeBytes: number): Uint8Array {
  const overhead = samplePdf().byteLength;
  const letters = random.bytes(Math.max(0, sizeBytes - overhead)).map((byte) => 0x61 + (byte % 26));
  return samplePdf(Array.from(letters, (letter) => String.fromCharCode(letter)).join(''));
}

/** What stands before a JPEG's metadata: its start, and the JFIF segment. */
const JFIF_BYTES = 20;
