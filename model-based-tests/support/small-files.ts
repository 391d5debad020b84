import { createHash } from 'node:crypto';
import { crc32, deflateSync } from 'node:zlib';
import { type AttachmentKind, bytesSource, type CaptureSource } from 'lading';

/** A real file of a kind, as small as can be, with bytes of its own for each text. */
export function smallFile(kind: AttachmentKind, text: string): CaptureSource {
  const isPdf = kind === 'pdf';
  return bytesSource(isPdf ? smallPdf(text) : smallPng(text), {
    filename: isPdf ? 'small.pdf' : 'small.png',
    contentType: isPdf ? 'application/pdf' : 'image/png',
  });
}

/** One picture element, whose colour is the text's. */
export function smallPng(text: string): Uint8Array {
  return png(text, 0);
}

function png(text: string, padding: number): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(1, 0);
  header.writeUInt32BE(1, 4);
  header.set([8, 2, 0, 0, 0], 8); // 8 bits, RGB
  const [red = 0, green = 0, blue = 0] = createHash('sha256').update(text).digest();
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk(
      'IDAT',
      Buffer.concat([deflateSync(Buffer.from([0, red, green, blue])), Buffer.alloc(padding)]),
    ),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A real picture of exactly so many bytes: its picture data are longer than it needs. */
export function pngOf(sizeBytes: number): Uint8Array {
  const text = `of ${sizeBytes} bytes`;
  return png(text, sizeBytes - smallPng(text).byteLength);
}

function smallPdf(text: string): Uint8Array {
  return Buffer.from(
    `%PDF-1.4\n% ${text}\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF`,
  );
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.byteLength);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}
