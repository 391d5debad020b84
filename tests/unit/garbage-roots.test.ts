import type { Lading } from 'lading';
import { describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS, opened, PATIENT, stray } from '../support/garbage-world.ts';
import { codeOf, image, ME, picture, world } from '../support/lading-world.ts';

describe('roots', () => {
  const roots = (of: () => readonly unknown[]) => ({ ...PATIENT, garbage: { roots: of } });

  async function removedButRooted(value: (lading: Lading, id: string) => unknown) {
    const phone = world();
    let id = '';
    let held: unknown[] = [];
    const lading = await phone.open(roots(() => held));
    const photo = await phone.until(lading.capture(picture(), image()));
    id = photo.id;
    await phone.until(lading.settled());
    held = [value(lading, id)];
    await phone.until(lading.remove(photo.id, image().owner));
    await phone.pass(HOUR_MS);
    return { phone, lading, photo, letGo: () => (held = []), keepOne: () => (held = ['x']) };
  }

  it.each([
    ['an id', (_: Lading, id: string) => id],
    ['an offline url', (_: Lading, id: string) => `offline://${id}`],
    ['a ref', (_: Lading, id: string) => ({ mediaId: id, url: 'x', kind: 'image' })],
    ['JSON of refs', (_: Lading, id: string) => JSON.stringify([{ mediaId: id }])],
    ['a remote url', (_: Lading, id: string) => `https://objects.example/${ME}/${id}`],
  ])('of the app’s own tables keep what they hold: %s', async (_what, value) => {
    const { phone, lading, photo } = await removedButRooted(value);
    expect(lading.view(photo.id).state).toBe('uploaded');
    const read = await phone.until(lading.resolve(photo.id));
    expect(read.byteSize).toBeGreaterThan(0);
    expect(
      phone.rows('SELECT op FROM lading_outbox').map(({ op }) => JSON.parse(String(op))),
    ).toEqual(
      expect.arrayContaining([expect.objectContaining({ type: 'ref.delete', keepObject: true })]),
    );
    expect(JSON.stringify(phone.rows('SELECT op FROM lading_outbox'))).not.toContain('lading.root');
  });

  it('that are none any more let go in two phases', async () => {
    const { phone, lading, photo, keepOne } = await removedButRooted((_, id) => id);
    keepOne();
    expect((await phone.until(lading.collectGarbage())).counts).toEqual({ root: { waits: 1 } });
    await phone.pass(2 * DAY_MS);
    expect(lading.view(photo.id).state).toBe('gone');
    expect(phone.blobs.keys).toEqual([]);
  });

  it('that are suddenly none stop the run before anything is removed, until the app says that it is right', async () => {
    const { phone, lading, photo, letGo } = await removedButRooted((_, id) => id);
    await phone.until(lading.collectGarbage());
    const key = await stray(phone);
    letGo();
    expect(await codeOf(phone.until(lading.collectGarbage()))).toBe('roots_empty');
    await phone.pass(5 * DAY_MS);
    expect(phone.blobs.keys).toContain(key);
    expect(lading.view(photo.id).state).toBe('uploaded');
    await phone.until(lading.collectGarbage({ rootsMayBeEmpty: true }));
    await phone.pass(3 * DAY_MS);
    expect(lading.view(photo.id).state).toBe('gone');
    expect(phone.blobs.keys).toEqual([]);
  });

  it.each([
    [
      'a throw',
      () => {
        throw new Error('no such table: project');
      },
    ],
    ['a number', () => [17]],
    ['JSON that is cut', () => ['[{"mediaId":']],
    ['an object that is no ref', () => [{ id: 'x' }]],
  ])('that cannot be read stop the run before anything is removed: %s', async (_what, give) => {
    const phone = world();
    const lading = await phone.open(roots(give));
    const key = await stray(phone);
    await phone.pass(5 * DAY_MS);
    expect(await codeOf(phone.until(lading.collectGarbage()))).toBe('roots_unreadable');
    expect(phone.blobs.keys).toEqual([key]);
  });

  it('of the log that were lost stop the run too', async () => {
    const { phone, lading, collect } = await opened();
    await phone.until(lading.capture(picture(), image()));
    phone.handle.exec('DELETE FROM lading_ref');
    expect(await codeOf(collect())).toBe('roots_unreadable');
    await phone.until(lading.verify({ repair: true }));
    expect((await collect()).problems).toEqual([]);
  });
});
