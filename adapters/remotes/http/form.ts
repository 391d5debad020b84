import type { MediaFacts } from '../../../machines/attachment/types.ts';
import { printable } from '../../../ports/printable.ts';
import type { Piece } from '../transport/piece.ts';

/** A form with one file, as the body of a request (RFC 7578). */
export interface FormBody {
  readonly contentType: string;
  /** The whole body; its length is exact, since many servers refuse a chunked one. */
  readonly piece: Piece;
  /** Bytes before the first one of the file. */
  readonly headBytes: number;
}

export interface FormParts {
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly field: string;
  readonly filename: string;
  readonly media: MediaFacts;
  readonly file: Piece;
}

export function formBody(parts: FormParts): FormBody {
  // 128 random bits: nobody can have put it into a file.
  const boundary = `lading-${hex(crypto.getRandomValues(new Uint8Array(16)))}`;
  const fields = parts.fields.map(
    ([name, value]) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${escaped(name)}"\r\n\r\n${value}\r\n`,
  );
  const file =
    `--${boundary}\r\nContent-Disposition: form-data; name="${escaped(parts.field)}"; ` +
    `filename="${escaped(printable(parts.filename))}"\r\n` +
    `Content-Type: ${oneLine(parts.media.contentType)}\r\n\r\n`;
  const head = new TextEncoder().encode(`${fields.join('')}${file}`);
  const tail = new TextEncoder().encode(`\r\n--${boundary}--\r\n`);
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    headBytes: head.byteLength,
    piece: {
      size: head.byteLength + parts.file.size + tail.byteLength,
      async *open() {
        yield head;
        yield* parts.file.open();
        yield tail;
      },
    },
  };
}

/** As browsers write names (HTML, multipart/form-data encoding algorithm): nothing in them ends the line or the quotes. */
function escaped(name: string): string {
  return name.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22');
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]/g, ' ');
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
