import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './mutate.ts';
import { readSources } from './sources.ts';

/** What draws a file's bytes, or hands them to something that does. */
const DECODERS =
  /\b(?:createImageBitmap|ImageDecoder|VideoDecoder|OffscreenCanvas|drawImage|Image\(\)|getDocument)\b|from '(?:sharp|jimp|canvas|pdfjs-dist|@napi-rs\/canvas|jpeg-js|pngjs)'/;
/** What makes a url of a file's bytes, or goes to one. */
const NAVIGATION = /\b(?:createObjectURL|location\.(?:assign|replace|href)|window\.open|srcdoc)\b/;

describe('contract 10.2: nothing navigates to a blob: URL of a file', () => {
  it('makes no such url in any published source', () => {
    expect(
      readSources()
        .filter(({ text }) => NAVIGATION.test(text))
        .map(({ path }) => path),
    ).toEqual([]);
  });
});

describe('contract 10.6: decoding runs off the main thread', () => {
  it('decodes nothing in any published source: an app that does, does it in a worker of its own', () => {
    expect(
      readSources()
        .filter(({ text }) => DECODERS.test(text))
        .map(({ path }) => path),
    ).toEqual([]);
  });
});

describe('contract 10.7: what is not covered is said in SECURITY.md', () => {
  it('says it, for the database, upload urls, deletion and servers, and the README leads there', () => {
    const page = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8');
    const [, uncovered = ''] = page.split('## What is not covered');
    for (const word of ['database', 'upload urls', 'Overwriting', '`forget` leaves', 'Servers']) {
      expect(uncovered).toContain(word);
    }
    expect(page).toContain('## Reporting');
    expect(readFileSync(join(ROOT, 'README.md'), 'utf8')).toContain('(SECURITY.md)');
  });
});
