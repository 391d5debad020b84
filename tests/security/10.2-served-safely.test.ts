import { tusRemote } from 'lading/remotes/tus';
import { createReferenceBackend } from 'lading/sync';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { safeType } from '../../engine/lifecycle/safe-type.ts';
import type { AttachmentRef } from '../../machines/attachment/types.ts';
import { objectKey } from '../../ports/remote.ts';
import { sampleJpeg, samplePdf, samplePng } from '../../testing/sample-files/index.ts';
import { ME, owner, world } from '../support/lading-world.ts';
import { engine, sha256, type TusWorld, tusWorld, uploadRequest } from '../support/tus-world.ts';

const SVG = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');
const HTML = Buffer.from('<!doctype html><script>alert(1)</script>');

describe('contract 10.2: shown only under an allow-listed, sniffed type, else application/octet-stream', () => {
  it.each([
    ['a JPEG', sampleJpeg(), 'image/jpeg'],
    ['a PNG', samplePng(), 'image/png'],
    ['a PDF', samplePdf(), 'application/pdf'],
    ['SVG', SVG, 'application/octet-stream'],
    ['HTML', HTML, 'application/octet-stream'],
    ['text', Buffer.from('just words'), 'application/octet-stream'],
    ['a script', Buffer.from('#!/bin/sh\nrm -rf /\n'), 'application/octet-stream'],
    ['nothing', Buffer.alloc(0), 'application/octet-stream'],
  ])('%s', async (_what, bytes, type) => {
    for (const claimed of ['text/html', 'image/svg+xml', 'image/jpeg']) {
      const media = {
        kind: 'image',
        contentType: claimed,
        byteSize: 1,
        sha256: '',
        filename: null,
      } as const;
      const open = async function* ({ end }: { readonly end: number }) {
        yield bytes.subarray(0, end);
      };
      expect(await safeType(media, open)).toBe(type);
    }
  });

  it('believes no ref of another device: a page that calls itself a picture is bytes', async () => {
    const phone = world();
    const backend = createReferenceBackend({ clock: phone.clock });
    const url = 'memory://page';
    const ref: AttachmentRef = {
      mediaId: '01890a5d-ac96-774b-bcce-b302099a8057' as AttachmentRef['mediaId'],
      url,
      kind: 'image',
      contentType: 'text/html',
      byteSize: HTML.byteLength,
      sha256: sha256(HTML),
    };
    backend.push(ME, [{ opId: 'op-1', op: { type: 'ref.put', owner: owner(), ref, rank: 'a0' } }]);
    const remote = {
      ...phone.remote,
      download: async () => ({
        ok: true as const,
        byteSize: null,
        body: (async function* () {
          yield HTML;
        })(),
      }),
    };
    const lading = await phone.open({ backend: backend.client(ME), remote });
    await phone.until(lading.retrySync());
    const shown = await phone.until(lading.resolve(ref.mediaId));
    expect(shown.contentType).toBe('application/octet-stream');
  });
});

describe('contract 10.2: uploads carry Content-Disposition: attachment where the protocol allows', () => {
  let files: TusWorld;
  beforeEach(async () => {
    files = await tusWorld();
  });
  afterEach(() => files.dispose());

  it('tells the server, which serves them as attachments that no browser takes for a page', async () => {
    const remote = tusRemote({ endpoint: files.endpoint });
    const request = uploadRequest(sampleJpeg());
    await remote.upload(request, engine().run());
    const created = files.server.seen.find(({ method }) => method === 'POST');
    const metadata = String(created?.headers['upload-metadata']);
    expect(metadata).toContain(`contentDisposition ${btoa('attachment')}`);
    const url = `${files.endpoint}/account-1.media-1`;
    const served = await fetch(url);
    expect(sha256(new Uint8Array(await served.arrayBuffer()))).toBe(request.media.sha256);
    expect(Object.fromEntries(served.headers)).toMatchObject({
      'content-disposition': 'attachment',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
    });
    expect(objectKey('account-1', 'media-1')).toBe(request.objectKey);
  });
});
