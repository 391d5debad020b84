import { latin1, SPACE, startsWith } from '../bytes.ts';
import { isPlaceName } from './words.ts';

const EMPTY_PACKET = '<x:xmpmeta xmlns:x="adobe:ns:meta/"/>';

/**
 * Blanks every property of an XMP packet that tells a place, in place and at the same length. What cannot be followed
 * is blanked whole.
 */
export function cleanXmp(bytes: Uint8Array): void {
  // Another encoding than UTF-8 would hide names from what follows.
  if (bytes.includes(0) || startsWith(bytes, '\xfe\xff') || startsWith(bytes, '\xff\xfe')) {
    empty(bytes);
    return;
  }
  const text = latin1(bytes);
  for (const [start, end] of placesIn(text)) bytes.fill(SPACE, start, end);
  if (/gps|latitude|longitude/i.test(latin1(bytes))) empty(bytes);
}

function empty(bytes: Uint8Array): void {
  bytes.fill(SPACE);
  if (bytes.byteLength < EMPTY_PACKET.length) return;
  for (let at = 0; at < EMPTY_PACKET.length; at += 1) bytes[at] = EMPTY_PACKET.charCodeAt(at);
}

type Range = readonly [start: number, end: number];

function* placesIn(text: string): Generator<Range> {
  for (let at = text.indexOf('<'); at !== -1; at = text.indexOf('<', at)) {
    if (text.startsWith('<!--', at)) {
      const end = after(text, '-->', at);
      yield [at, end];
      at = end;
    } else if (text.startsWith('<![CDATA[', at)) {
      at = after(text, ']]>', at);
    } else if (text.startsWith('<?', at)) {
      at = after(text, '?>', at);
    } else {
      const end = tagEnd(text, at);
      const name = /^<([^\s/>]+)/.exec(text.slice(at, Math.min(end, at + 200)))?.[1];
      if (name !== undefined && isPlaceName(localName(name))) {
        const close = text[end - 2] === '/' ? end : elementEnd(text, name, end);
        yield [at, close];
        at = close;
      } else {
        yield* placeAttributes(text, at, end);
        at = end;
      }
    }
  }
}

const ATTRIBUTE = /\s([^\s=<>"'/]{1,200})\s*=\s*("[^"]*"|'[^']*')/g;

function* placeAttributes(text: string, start: number, end: number): Generator<Range> {
  for (const match of text.slice(start, end).matchAll(ATTRIBUTE)) {
    const [whole, name = ''] = match;
    if (name.startsWith('xmlns') || !isPlaceName(localName(name))) continue;
    yield [start + match.index + 1, start + match.index + whole.length];
  }
}

/** Behind the `>` that ends a tag; a quoted one does not. */
function tagEnd(text: string, start: number): number {
  let quote = '';
  for (let at = start + 1; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if (quote !== '') {
      if (char === quote) quote = '';
    } else if (char === '"' || char === "'") quote = char;
    else if (char === '>') return at + 1;
  }
  return text.length;
}

/** Behind the end tag of an element; of one that holds another of its name, the outer one's. */
function elementEnd(text: string, name: string, from: number): number {
  let depth = 1;
  for (let at = from; depth > 0; ) {
    const close = text.indexOf(`</${name}`, at);
    if (close === -1) return text.length;
    const open = text.indexOf(`<${name}`, at);
    if (open !== -1 && open < close) {
      const end = tagEnd(text, open);
      const isSame = /[\s/>]/.test(text[open + name.length + 1] ?? '');
      if (isSame && text[end - 2] !== '/') depth += 1;
      at = end;
    } else {
      const isSame = /[\s>]/.test(text[close + name.length + 2] ?? '');
      at = tagEnd(text, close);
      if (isSame) depth -= 1;
      if (depth === 0) return at;
    }
  }
  return from;
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

function after(text: string, ending: string, from: number): number {
  const at = text.indexOf(ending, from);
  return at === -1 ? text.length : at + ending.length;
}
