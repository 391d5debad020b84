import type { CaptureSource } from 'lading';
import { describe, expect, it } from 'vitest';
import { inspect } from '../../engine/intake/index.ts';
import { createFieldRegistry } from '../../engine/lifecycle/fields.ts';
import { sampleJpeg, samplePng } from '../../testing/sample-files/index.ts';
import { codeOf, image, world } from '../support/lading-world.ts';

/** A source that holds something open for as long as it is read, as a file does. */
function counting(
  bytes: Uint8Array,
): CaptureSource & { readonly now: { opened: number; closed: number } } {
  const now = { opened: 0, closed: 0 };
  return {
    now,
    open(signal) {
      return (async function* () {
        now.opened += 1;
        try {
          for (let at = 0; at < bytes.byteLength; at += 64) {
            signal?.throwIfAborted();
            yield bytes.slice(at, at + 64);
          }
        } finally {
          now.closed += 1;
        }
      })();
    },
  };
}

/** A store that failed does not wait until its source is closed. */
async function afterAWhile(): Promise<void> {
  for (let turn = 0; turn < 100; turn += 1) await Promise.resolve();
}

const LARGE = sampleJpeg({ exif: { gps: true }, sizeBytes: 20_000 });

describe('a source is closed as often as it is opened (contract 3.2)', () => {
  it.each([
    [
      'too many pixels',
      samplePng({ width: 60_000, height: 60_000, body: 'x'.repeat(5_000) }),
      'image_too_large',
    ],
    [
      'a broken picture',
      LARGE.map((byte, at) => (at > 20 && at < 40 ? 0 : byte)),
      'image_unreadable',
    ],
    [
      'a location that stays',
      sampleJpeg({ segments: [[0xe1, 'Exif\0\0nonsense']], sizeBytes: 20_000 }),
      'location_not_removable',
    ],
    ['another type', new Uint8Array(20_000).fill(0x20), 'wrong_content_type'],
  ])('after a refusal: %s', async (_, bytes, code) => {
    const lading = await world({ online: false }).open();
    const source = counting(bytes);
    expect(await codeOf(lading.capture(source, image()))).toBe(code);
    expect(source.now.opened).toBeGreaterThan(0);
    expect(source.now.closed).toBe(source.now.opened);
  });

  it('after a disk that is full in the middle', async () => {
    const lading = await world({ online: false, capacityBytes: 10_000 }).open();
    const source = counting(LARGE);
    expect(await codeOf(lading.capture(source, image()))).toMatch(/disk_full|storage_full/);
    await afterAWhile();
    expect(source.now).toEqual({ opened: 3, closed: 3 });
  });

  it('after an abort at each piece', async () => {
    const bytes = sampleJpeg({ exif: { gps: true }, sizeBytes: 1_000 });
    const phone = world({ online: false });
    const lading = await phone.open();
    for (let piece = 1; ; piece += 1) {
      const abort = new AbortController();
      const source = counting(bytes);
      let pieces = 0;
      const open: CaptureSource['open'] = async function* (signal) {
        for await (const one of source.open(signal)) {
          pieces += 1;
          if (pieces === piece) abort.abort();
          yield one;
        }
      };
      const captured = lading.capture({ open }, image(undefined, { signal: abort.signal }));
      const code = await codeOf(phone.until(captured));
      await afterAWhile();
      expect(source.now.closed).toBe(source.now.opened);
      if (pieces < piece) break;
      expect(code).toBe('capture_aborted');
    }
  });

  it('after what stores it stops in the middle, and after it read all', async () => {
    const registry = createFieldRegistry({ 'item.images': { kinds: ['image'] } });
    const field = registry.get({ entityType: 'item', field: 'images' });
    for (const most of [1, 2, 1_000]) {
      const source = counting(LARGE);
      const offered = { kind: 'image', contentType: 'image/jpeg', filename: null } as const;
      const inspected = await inspect({ ...offered, open: () => source.open() }, field);
      let pieces = 0;
      for await (const piece of inspected.stored(source.open())) {
        pieces += piece.byteLength > 0 ? 1 : 0;
        if (pieces === most) break;
      }
      expect(pieces).toBeGreaterThan(0);
      expect(source.now).toEqual({ opened: 3, closed: 3 });
    }
  });
});
