import { describe, expect, it } from 'vitest';
import { image, owner, picture, world } from '../support/lading-world.ts';

const HOUR_MS = 3_600_000;
const PATIENT = { runner: { leaseMs: 4 * HOUR_MS } };
const WHEN_ASKED = { everyMs: Number.POSITIVE_INFINITY };

async function opened(garbage: object, grace: { draftMs?: number; undoMs?: number } = {}) {
  const phone = world({
    online: false,
    fields: { 'item.images': { kinds: ['image'], grace } },
  });
  const app = { roots: [] as readonly string[], isBroken: false };
  const roots = (): readonly string[] => {
    if (app.isBroken) throw new Error('no such table: project');
    return app.roots;
  };
  const lading = await phone.open({ ...PATIENT, garbage: { ...garbage, roots } });
  return { phone, app, lading };
}

const DRAFT = { ...image(), draft: true };

describe('what only the app’s own tables hold', () => {
  it('does not end with the grace of a draft, whenever garbage is collected', async () => {
    const { phone, app, lading } = await opened(WHEN_ASKED);
    const photo = await phone.until(lading.capture(picture(), DRAFT));
    app.roots = [photo.ref.url];
    await phone.pass(25 * HOUR_MS);
    expect(lading.view(photo.ref).state).toBe('local_only');
    expect(phone.blobs.keys).toHaveLength(1);
  });

  it('does not end when the device slept through a part of that grace', async () => {
    const { phone, app, lading } = await opened({});
    await phone.pass(HOUR_MS);
    const photo = await phone.until(lading.capture(picture(), DRAFT));
    app.roots = [photo.ref.url];
    await phone.pass(10 * HOUR_MS);
    phone.clock.jump(15 * HOUR_MS);
    await phone.pass(HOUR_MS);
    expect(lading.view(photo.ref).state).toBe('local_only');
  });

  it('does not end with an undo time of zero, among many that lead nowhere here', async () => {
    const { phone, app, lading } = await opened(WHEN_ASKED, { undoMs: 0 });
    const photo = await phone.until(lading.capture(picture(), image()));
    const elsewhere = Array.from(
      { length: 1_000 },
      (_, n) => `01000000-0000-7000-8000-${String(n).padStart(12, '0')}`,
    );
    app.roots = [photo.id, ...elsewhere];
    await phone.until(lading.remove(photo.id, owner()));
    await phone.pass(HOUR_MS);
    expect(lading.view(photo.ref).state).toBe('local_only');
  });

  it('does not end while those tables cannot be read, and ends when they can and do not hold it', async () => {
    const { phone, app, lading } = await opened(WHEN_ASKED);
    const photo = await phone.until(lading.capture(picture(), image()));
    app.isBroken = true;
    await phone.until(lading.remove(photo.id, owner()));
    await phone.pass(2 * HOUR_MS);
    expect(phone.blobs.keys).toHaveLength(1);
    app.isBroken = false;
    await phone.pass(2 * HOUR_MS);
    expect(lading.view(photo.ref).state).toBe('gone');
    expect(phone.blobs.keys).toEqual([]);
  });

  it('is read once for all that end in the same moment', async () => {
    const { phone, app, lading } = await opened(WHEN_ASKED);
    const files = Array.from({ length: 50 }, (_, n) => ({
      source: picture(`picture ${n}`),
      kind: 'image' as const,
    }));
    const photos = await phone.until(lading.captureAll(files, { owner: owner() }));
    let reads = 0;
    Object.defineProperty(app, 'roots', {
      get: () => {
        reads += 1;
        return [photos[7]?.id];
      },
    });
    await phone.until(lading.ownerDeleted(owner()));
    await phone.pass(HOUR_MS);
    expect(photos.filter(({ id }) => lading.view(id).state !== 'gone')).toEqual([photos[7]]);
    expect(reads).toBeLessThan(5);
  });
});
