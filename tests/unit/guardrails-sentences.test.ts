import { describe, expect, it } from 'vitest';
import { say, translated } from '../../engine/guardrails/sentences.ts';
import { sizeText } from '../../engine/guardrails/size-text.ts';
import { sentenceOf } from '../../machines/attachment/sentences.ts';
import { codeOf, image, picture, shows, world } from '../support/lading-world.ts';

describe('sentences for the user (contract 7.4)', () => {
  it('are as the contract has them, with the limit of the field', () => {
    expect(say('storage_full')).toBe(
      'Not enough storage space. Please delete some media files first.',
    );
    expect(say('storage_nearly_full')).toBe(
      'Storage quota nearly full (90%+). Please free up space before uploading.',
    );
    expect(say('file_too_large', { max: sizeText(10 * 1024 * 1024) })).toBe(
      'File too large. Maximum size is 10MB.',
    );
  });

  it('are translated one by one; the others stay', () => {
    const german = translated({ file_too_large: 'Zu groß: höchstens {max}.' });
    expect(german('file_too_large', { max: '10MB' })).toBe('Zu groß: höchstens 10MB.');
    expect(german('storage_full')).toBe(say('storage_full'));
  });

  it('keep a place that has no value, and never print what every object has', () => {
    const odd = translated({ banner_line: '{used} {nothing} {constructor}' });
    expect(odd('banner_line', { used: '1MB' })).toBe('1MB {nothing} {constructor}');
  });

  it('with a key that none has, or that are no text, are refused when Lading opens', async () => {
    const phone = world();
    for (const wrong of [{ storage_ful: 'x' }, { storage_full: 7 }, { faults: { auth: null } }]) {
      expect(await codeOf(phone.open({ sentences: wrong as never }))).toBe('invalid_option');
    }
  });

  it('are what a refused capture says', async () => {
    const phone = world({ fields: { 'item.images': { kinds: ['image'], maxBytes: 1536 } } });
    const lading = await phone.open({ sentences: { file_too_large: 'Höchstens {max}!' } });
    const message = await lading
      .capture(picture('x', 1537), image())
      .catch((error: unknown) => (error as Error).message);
    expect(message).toBe('Höchstens 1.5KB!');
    await phone.until(lading.close());
  });

  it('for a failed upload are found by its code, then by its class', () => {
    const faults = { too_large: 'Zu groß.', terminal: 'Abgelehnt.' };
    const fault = { class: 'terminal', message: null } as const;
    expect(sentenceOf({ ...fault, code: 'too_large' }, faults)).toBe('Zu groß.');
    expect(sentenceOf({ ...fault, code: 'constructor' }, faults)).toBe('Abgelehnt.');
    expect(sentenceOf({ ...fault, code: 'too_large' }, { terminal: 'Abgelehnt.' })).toBe(
      'Abgelehnt.',
    );
    expect(sentenceOf({ ...fault, class: 'bug', code: 'x' }, faults)).toMatch(/went wrong/);
  });

  it('for a failed upload are what its view shows', async () => {
    const phone = world({
      script: () => ({ fault: { ok: false, class: 'terminal', code: 'too_large' } }),
    });
    const lading = await phone.open({ sentences: { faults: { too_large: 'Zu groß.' } } });
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.until(lading.settled());
    expect(shows(photo.view)).toMatch(/^failed/);
    expect(photo.view.error?.message).toBe('Zu groß.');
    await phone.until(lading.close());
  });
});

describe('sizes for people', () => {
  it('are rounded down and carry the largest unit that fits', () => {
    const shown = [0, 1023, 1024, 1536, 1048575, 1048576, 10485760, 5.5 * 2 ** 30, 3 * 2 ** 40];
    expect(shown.map(sizeText)).toEqual([
      '0 bytes',
      '1023 bytes',
      '1KB',
      '1.5KB',
      '1023.9KB',
      '1MB',
      '10MB',
      '5.5GB',
      '3TB',
    ]);
  });
});
