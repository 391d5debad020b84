import { tusRemote } from 'lading/remotes/tus';
import { describe, expect, it } from 'vitest';
import { bytesSource } from '../../ports/source.ts';
import { sampleJpeg } from '../../testing/sample-files/index.ts';
import { image, world } from '../support/lading-world.ts';
import { engine, tusWorld, uploadRequest } from '../support/tus-world.ts';

const NAME = 'planted name é.jpg';
const HOSTILE = [
  '../../etc/passwd',
  'a\r\nX-Evil: 1',
  '\u202Egpj.exe',
  'a\u0000b',
  'C:\\x',
  'x'.repeat(300),
];

describe('contract 10.1: no path, key or header is built from a name', () => {
  it('refuses hostile names before a byte is stored, and prints them escaped', async () => {
    const phone = world();
    const lading = await phone.open();
    for (const filename of HOSTILE) {
      const source = bytesSource(sampleJpeg(), { filename, contentType: 'image/jpeg' });
      const captured = phone.until(lading.capture(source, image()));
      const error = await captured.then(
        () => undefined,
        (thrown: Error) => thrown,
      );
      expect(error).toMatchObject({ code: 'invalid_id' });
      expect(error?.message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
    expect(phone.blobs.keys).toEqual([]);
    expect(phone.rows('SELECT * FROM lading_media')).toEqual([]);
  });

  it('keeps a name as NFC for people to read, and in no key, url, id or log entry', async () => {
    const phone = world();
    const lading = await phone.open();
    const source = bytesSource(sampleJpeg(), {
      filename: NAME.normalize('NFD'),
      contentType: 'image/jpeg',
    });
    const photo = await phone.until(lading.capture(source, image()));
    await phone.until(lading.settled());
    const [row] = phone.rows('SELECT filename FROM lading_media');
    expect(row?.['filename']).toBe(NAME.normalize('NFC'));
    const built = [phone.blobs.keys, [...phone.remote.objects.keys()], photo.ref, phone.logged];
    expect(JSON.stringify(built)).not.toContain('planted');
  });

  it('sends no name: neither in the urls, nor in the headers, nor in the metadata of an upload', async () => {
    const files = await tusWorld();
    try {
      const request = uploadRequest(sampleJpeg());
      const named = { ...request, media: { ...request.media, filename: NAME } };
      await tusRemote({ endpoint: files.endpoint }).upload(named, engine().run());
      const sent = JSON.stringify(files.server.seen);
      expect(sent).not.toContain('planted');
      expect(sent).not.toContain(Buffer.from(NAME).toString('base64').slice(0, 12));
      expect(await files.uploads()).toEqual(['account-1.media-1']);
    } finally {
      await files.dispose();
    }
  });
});
