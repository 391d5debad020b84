import { describe, expect, it } from 'vitest';
import { blobKey } from '../../ports/blob-store.ts';
import { printable } from '../../ports/printable.ts';
import { objectKey } from '../../ports/remote.ts';

describe('contract 10.1: ids only, encoded', () => {
  it('makes blob keys of ids that lead nowhere, whatever the account is called', () => {
    for (const account of ['../up', 'a/b', 'A.B', 'con', '%2e%2e', 'ä b']) {
      expect(blobKey(account, '01890a5d-ac96-774b-bcce-b302099a8057')).toMatch(
        /^a-[a-z0-9_-]+\/[a-z0-9_-]{2}\/m-[a-z0-9_-]+$/,
      );
      expect(objectKey(account, 'm')).toMatch(/^[^/]+\/m$/);
    }
  });
});

describe('contract 10.1: display names, wherever they are printed or sent', () => {
  it('writes control, bidi, zero-width and line-end characters as text', () => {
    expect(printable('a\r\nSet-Cookie: x\u202Egpj.exe\u0000\u200B\u2028')).toBe(
      'a\\u{d}\\u{a}Set-Cookie: x\\u{202e}gpj.exe\\u{0}\\u{200b}\\u{2028}',
    );
    expect(printable('\u001B[2J\uD800')).toBe('\\u{1b}[2J\\u{d800}');
  });

  it('normalises to NFC, and bounds without cutting a character in two', () => {
    expect(printable('e\u0301')).toBe('é');
    expect(printable('😀😀😀', 2)).toBe('😀😀…');
    expect(printable('x'.repeat(5_000)).length).toBeLessThan(400);
    expect(printable('plain text')).toBe('plain text');
  });
});
