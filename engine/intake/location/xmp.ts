import { latin1, SPACE, startsWith } from '../bytes.ts';
import { isPlaceName, tellsPlace } from './words.ts';

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

/** A part of a packet: between them they are the whole of it, each character once. */
export interface XmpToken {
  readonly what: 'text' | 'tag' | 'comment' | 'other';
  readonly start: number;
  readonly end: number;
}

export function* xmpTokens(text: string): Generator<XmpToken> {
  for (let start = 0; start < text.length; ) {
    const what = whatIsAt(text, start);
    const end = tokenEnd(text, start, what);
    yield { what: what === 'cdata' || what === 'instruction' ? 'other' : what, start, end };
    start = end;
  }
}

function whatIsAt(text: string, at: number): 'text' | 'tag' | 'comment' | 'cdata' | 'instruction' {
  if (text[at] !== '<') return 'text';
  if (text.startsWith('<!--', at)) return 'comment';
  if (text.startsWith('<![CDATA[', at)) return 'cdata';
  return text.startsWith('<?', at) ? 'instruction' : 'tag';
}

function tokenEnd(text: string, at: number, what: ReturnType<typeof whatIsAt>): number {
  if (what === 'comment') return after(text, '-->', at + 4);
  if (what === 'cdata') return after(text, ']]>', at);
  if (what === 'instruction') return after(text, '?>', at);
  if (what === 'tag') return tagEnd(text, at);
  const end = text.indexOf('<', at);
  return end === -1 ? text.length : end;
}

/** In one pass: within an element that goes, only tags of its name count, for its end. */
function* placesIn(text: string): Generator<Range> {
  let going: { readonly name: string; readonly start: number; depth: number } | undefined;
  for (const { what, start, end } of xmpTokens(text)) {
    if (what === 'comment') yield [start, end];
    else if (what === 'tag') {
      const tag = tagAt(text, start, end);
      if (going !== undefined) {
        if (tag?.name !== going.name || tag.isEmpty) continue;
        going.depth += tag.isEnd ? -1 : 1;
        if (going.depth > 0) continue;
        yield [going.start, end];
        going = undefined;
      } else if (tag !== undefined && !tag.isEnd && isPlaceName(localName(tag.name))) {
        if (tag.isEmpty) yield [start, end];
        else going = { name: tag.name, start, depth: 1 };
      } else yield* placeAttributes(text, start, end);
    } else if (going === undefined) {
      if (!tellsPlace(plain(text.slice(start, end)))) continue;
      // The marks that begin and end character data stay: without them it would be text.
      const isData = what === 'other' && text.startsWith(']]>', end - 3);
      yield isData ? [start + 9, end - 3] : [start, end];
    }
  }
  if (going !== undefined) yield [going.start, text.length];
}

function tagAt(text: string, start: number, end: number) {
  const found = /^<(\/?)([^\s/>]+)/.exec(text.slice(start, Math.min(end, start + 200)));
  const [, slash = '', name] = found ?? [];
  if (name === undefined) return undefined;
  return { name, isEnd: slash !== '', isEmpty: text[end - 2] === '/' };
}

const ATTRIBUTE = /\s([^\s=<>"'/]{1,200})\s*=\s*("[^"]*"|'[^']*')/g;

function* placeAttributes(text: string, start: number, end: number): Generator<Range> {
  for (const match of text.slice(start, end).matchAll(ATTRIBUTE)) {
    const [whole, name = '', value = ''] = match;
    if (name.startsWith('xmlns')) continue;
    if (!isPlaceName(localName(name)) && !tellsPlace(plain(value.slice(1, -1)))) continue;
    yield [start + match.index + 1, start + match.index + whole.length];
  }
}

const ENTITIES: Readonly<Record<string, string>> = { quot: '"', apos: "'", deg: '°' };

/** Without the references that could hide digits and signs. */
function plain(text: string): string {
  return text.replaceAll(
    /&(?:#(\d{1,7})|#x([\da-f]{1,6})|(quot|apos|deg));/gi,
    (whole, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return ENTITIES[name.toLowerCase()] ?? whole;
      const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
      return code <= 0x10_ff_ff ? String.fromCodePoint(code) : whole;
    },
  );
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

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

function after(text: string, ending: string, from: number): number {
  const at = text.indexOf(ending, from);
  return at === -1 ? text.length : at + ending.length;
}
