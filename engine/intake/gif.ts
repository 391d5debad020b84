import { latin1, startsWith, viewOf } from './bytes.ts';
import { tellsPlace } from './location/words.ts';
import { countParts, type Reader, skipRest } from './reader.ts';
import { Unreadable } from './troubles.ts';
import type { Found, Walk } from './walk.ts';

const BLOCK = { extension: 0x21, image: 0x2c, trailer: 0x3b } as const;
const LABEL = { plainText: 0x01, control: 0xf9, comment: 0xfe, application: 0xff } as const;
/** Loops and colour; what other applications left goes, XMP among it. */
const KEPT: ReadonlySet<string> = new Set(['NETSCAPE2.0', 'ANIMEXTS1.0', 'ICCRGBG1012']);
const MAX_COMMENT_BYTES = 64 * 1024;

/** GIF89a: blocks have no offsets, so that one can be left out. */
export const walkGif: Walk = async function* (reader, found) {
  const screen = await reader.take(13);
  if (!startsWith(screen, 'GIF8')) throw new Unreadable('it has no beginning');
  tell(found, screen, 6);
  yield screen;
  yield* colourTable(reader, screen[10]);
  const count = countParts(reader);
  for (;;) {
    count();
    const [block, label] = await reader.peek(2);
    if (block === BLOCK.trailer) {
      yield await reader.take(1);
      await skipRest(reader);
      return;
    }
    if (block === BLOCK.image) {
      const image = await reader.take(10);
      tell(found, image, 5);
      yield image;
      yield* colourTable(reader, image[9]);
      yield await reader.take(1);
      yield* subBlocks(reader);
    } else if (block === BLOCK.extension && label !== undefined) yield* extension(reader, label);
    else
      throw new Unreadable(
        block === undefined ? 'it ends too early' : 'one of its blocks is broken',
      );
  }
};

function tell(found: Found, bytes: Uint8Array, at: number): void {
  const view = viewOf(bytes);
  found.dimensions(view.getUint16(at, true), view.getUint16(at + 2, true));
}

async function* colourTable(reader: Reader, flags = 0): AsyncGenerator<Uint8Array> {
  if ((flags & 0x80) !== 0) yield* reader.pass(3 * 2 ** ((flags & 7) + 1));
}

async function* extension(reader: Reader, label: number): AsyncGenerator<Uint8Array> {
  const introducer = await reader.take(2);
  if (label === LABEL.application) {
    const [size = 0, ...name] = await reader.peek(12);
    const isKept = size === 11 && KEPT.has(latin1(Uint8Array.from(name)));
    if (isKept) yield introducer;
    for await (const piece of subBlocks(reader)) if (isKept) yield piece;
    return;
  }
  if (label === LABEL.control) {
    yield introducer;
    yield* subBlocks(reader);
    return;
  }
  const isText = label === LABEL.comment || label === LABEL.plainText;
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of subBlocks(reader)) {
    size += piece.byteLength;
    if (isText && size <= MAX_COMMENT_BYTES) pieces.push(piece.slice());
  }
  if (!isText || size > MAX_COMMENT_BYTES || tellsPlace(textIn(pieces))) return;
  yield introducer;
  yield* pieces;
}

/** Without the lengths before its parts, which could stand in the middle of a number. */
function textIn(pieces: readonly Uint8Array[]): string {
  const all = pieces.map(latin1).join('');
  let text = '';
  for (let at = 0; at < all.length; at += 1 + all.charCodeAt(at)) {
    text += all.slice(at + 1, at + 1 + all.charCodeAt(at));
  }
  return text;
}

/** Each with its length before it, and the empty one that ends them; in the pieces that the source gives. */
async function* subBlocks(reader: Reader): AsyncGenerator<Uint8Array> {
  let left = 0;
  for (;;) {
    const piece = await reader.next();
    if (piece === undefined) throw new Unreadable('it ends too early');
    for (let at = 0; at < piece.byteLength; ) {
      if (left > 0) {
        const part = Math.min(left, piece.byteLength - at);
        left -= part;
        at += part;
        continue;
      }
      left = piece[at] ?? 0;
      at += 1;
      if (left > 0) continue;
      yield piece.subarray(0, at);
      reader.unread(piece.subarray(at));
      return;
    }
    yield piece;
  }
}
