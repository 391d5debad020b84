import { latin1 } from './bytes.ts';

/** Tags that make a browser take a text for HTML (WHATWG MIME Sniffing 7.1), and some more that begin a page. */
const HTML_TAGS: ReadonlySet<string> = new Set(
  'html head body script iframe h1 h2 h3 div font table a style title b br p img link meta object embed form frameset base math template video audio input button span'.split(
    ' ',
  ),
);

/** What markup the bytes are that a browser would run: `image/svg+xml`, `text/html`, `application/xhtml+xml`. */
export function activeMarkup(head: Uint8Array): string | undefined {
  const text = decoded(head).toLowerCase();
  const start = firstTag(text);
  if (start === undefined) return undefined;
  if (start.doctype === 'html' || start.doctype === 'svg') return typeOf(start.doctype);
  if (typeOf(start.name) !== undefined) return typeOf(start.name);
  // A document of another name can hold either, and a browser shows it.
  if (text.includes('http://www.w3.org/1999/xhtml')) return 'application/xhtml+xml';
  return text.includes('http://www.w3.org/2000/svg') ? 'image/svg+xml' : undefined;
}

function typeOf(name: string): string | undefined {
  const local = name.slice(name.indexOf(':') + 1);
  if (local === 'svg') return 'image/svg+xml';
  return HTML_TAGS.has(local) ? 'text/html' : undefined;
}

/**
 * The first tag behind white space, comments, instructions and the document type. Where all that was read is of these,
 * a browser that reads on may find a page: it counts as one, as a comment does at the beginning (WHATWG MIME Sniffing
 * 7.1). Each character is looked at a bounded number of times.
 */
function firstTag(text: string): { readonly name: string; readonly doctype: string } | undefined {
  let doctype = '';
  for (let at = 0; at < text.length; ) {
    const space = match(SPACES, text, at)?.[0].length;
    if (space !== undefined) at += space;
    else if (text.startsWith('<!--', at)) at = behind(text, '-->', at);
    else if (text.startsWith('<?', at)) at = behind(text, '>', at);
    else if (text.startsWith('<!', at)) {
      doctype = match(DOCTYPE, text, at)?.[1] ?? doctype;
      const end = behind(text, '>', at);
      at = text.slice(at, end).includes('[') ? behind(text, '>', behind(text, ']', at)) : end;
    } else {
      const name = match(TAG_NAME, text, at)?.[1];
      return name === undefined && doctype === '' ? undefined : { name: name ?? '', doctype };
    }
  }
  return text.includes('<') ? { name: 'html', doctype } : undefined;
}

const SPACES = /[\s\0\ufeff]+/y;
const DOCTYPE = /<!doctype\s+([^\s>[]+)/y;
const TAG_NAME = /<([a-z][^\s/>]*)/y;

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function behind(text: string, ending: string, from: number): number {
  const at = text.indexOf(ending, from);
  return at === -1 ? text.length : at + ending.length;
}

/** UTF-16 where a mark or zeros say so: markup is plain ASCII at its beginning. */
function decoded(head: Uint8Array): string {
  const [first, second] = head;
  const isLittle = (first === 0xff && second === 0xfe) || (first !== 0 && second === 0);
  const isBig = (first === 0xfe && second === 0xff) || (first === 0 && second !== 0);
  if (isLittle || isBig) {
    return latin1(head.filter((_, at) => at % 2 === (isLittle ? 0 : 1))).replace(/^[\xff\xfe]/, '');
  }
  const text = latin1(head);
  return text.startsWith('\xef\xbb\xbf') ? text.slice(3) : text;
}
