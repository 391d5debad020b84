import { fileTypeFromBuffer, supportedMimeTypes } from 'file-type';
import type { AttachmentKind } from '../../machines/attachment/types.ts';
import { latin1, startsWith } from './bytes.ts';
import { activeMarkup } from './markup.ts';

/** What the giver says of a file. */
export interface Claim {
  readonly kind: AttachmentKind;
  /** A media type in lower case; `application/octet-stream` for none. */
  readonly contentType: string;
  readonly filename: string | null;
}

const UNKNOWN = 'application/octet-stream';

/**
 * What the bytes are, by their beginning (contract 3.1, field case 60). The claim counts only where bytes of that type
 * have no mark of their own: text, and formats that nobody sniffs.
 */
export async function sniff(head: Uint8Array, claim: Claim): Promise<string> {
  if (startsWith(head, '#!')) return 'text/x-shellscript';
  const found = (await fileTypeFromBuffer(head))?.mime;
  if (found !== undefined && found !== 'application/xml') return known(found, claim.kind);
  const markup = activeMarkup(head);
  if (markup !== undefined) return markup;
  if (found !== undefined) return found;
  // Readers take a PDF whose header comes a little late (ISO 32000-1, annex H 3.4.1).
  if (latin1(head.subarray(0, 1024)).includes('%PDF-')) return 'application/pdf';
  return isText(head) ? textType(claim) : binaryType(claim);
}

/** Names for the same: an animated PNG is a PNG; a recording in a container for films is what its field says. */
function known(found: string, kind: AttachmentKind): string {
  if (found === 'image/apng') return 'image/png';
  if (kind === 'audio' && CONTAINERS.has(found)) return found.replace('video/', 'audio/');
  return found;
}

const CONTAINERS: ReadonlySet<string> = new Set([
  'video/mp4',
  'video/webm',
  'video/3gpp',
  'video/3gpp2',
]);

/** Programs and pages that have no mark: their name is all there is. */
const ACTIVE_NAME =
  /\.(?:bat|cmd|com|cpl|exe|hta|htaccess|html?|jar|jse?|lnk|mjs|msi|pif|ps1|reg|scr|sh|svgz?|vbe|vbs|ws[fh]?|xhtml)$/i;

const TEXT_TYPES: Readonly<Record<string, string>> = {
  csv: 'text/csv',
  ics: 'text/calendar',
  json: 'application/json',
  md: 'text/markdown',
  tsv: 'text/tab-separated-values',
  vcf: 'text/vcard',
  xml: 'application/xml',
  yaml: 'application/yaml',
};

function textType({ contentType, filename }: Claim): string {
  if (ACTIVE_NAME.test(filename ?? '')) return 'application/x-executable';
  if (/^text\/|[/+](?:json|xml|yaml)$/.test(contentType)) return contentType;
  return TEXT_TYPES[/\.(\w+)$/.exec(filename ?? '')?.[1]?.toLowerCase() ?? ''] ?? 'text/plain';
}

function binaryType({ contentType, filename }: Claim): string {
  if (ACTIVE_NAME.test(filename ?? '')) return 'application/x-executable';
  const isRecognisable =
    supportedMimeTypes.has(contentType) || /^(?:image|video|audio|text)\//.test(contentType);
  return isRecognisable ? UNKNOWN : contentType;
}

/** No byte that text does not have (WHATWG MIME Sniffing 3, binary data byte), or a mark of UTF-16. */
function isText(head: Uint8Array): boolean {
  if (startsWith(head, '\xff\xfe') || startsWith(head, '\xfe\xff')) return true;
  return head.every(
    (byte) => byte > 0x1f || (byte >= 0x09 && byte <= 0x0d && byte !== 0x0b) || byte === 0x1b,
  );
}
