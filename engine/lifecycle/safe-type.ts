import type { MediaFacts } from '../../machines/attachment/types.ts';
import { sniff } from '../intake/sniff.ts';
import { IMAGE_TYPES } from './content-types.ts';

const HEAD_BYTES = 16 * 1024;
const UNKNOWN = 'application/octet-stream';

/** What a screen may show as what it is; nothing among them runs, or holds what runs in a page (contract 10.2). */
const SHOWN: ReadonlySet<string> = new Set([
  ...IMAGE_TYPES,
  'application/pdf',
  'audio/aac',
  'audio/flac',
  'audio/mp4',
  'audio/mpeg',
  'audio/ogg',
  'audio/wav',
  'audio/webm',
  'audio/x-m4a',
  'video/mp4',
  'video/quicktime',
  'video/webm',
]);

/**
 * The type under which bytes may be shown: what they are, where that is harmless, else `application/octet-stream`
 * (contract 10.2). What a ref claims decides nothing: another device wrote it.
 */
export function safeType(media: Pick<MediaFacts, 'kind'>, open: OpenHead): Promise<string> {
  return safeTypeOf(open, media.kind);
}

type OpenHead = (range: { readonly end: number }) => AsyncIterable<Uint8Array>;

/** As {@link safeType}, of bytes that no capture looked at. */
export async function safeTypeOf(
  open: OpenHead,
  kind: MediaFacts['kind'] = 'file',
): Promise<string> {
  const head: number[] = [];
  for await (const bytes of open({ end: HEAD_BYTES })) head.push(...bytes);
  const claim = { kind, contentType: UNKNOWN, filename: null };
  const found = await sniff(Uint8Array.from(head), claim);
  return SHOWN.has(found) ? found : UNKNOWN;
}
