import { s3Remote } from 'lading/remotes/s3';
import { expect, it } from 'vitest';
import type { Json } from '../../machines/json.ts';
import { startFaultServer } from '../support/fault-server.ts';
import { MIB } from '../support/s3-attempts.ts';
import { content, engine, uploadRequest } from '../support/tus-world.ts';

it('keeps parts that a store lists without the quotes with which it named them', async () => {
  const sent: string[] = [];
  const server = await startFaultServer((request, response) => {
    const { method, url = '' } = request;
    request.resume();
    request.on('end', () => {
      const document = (root: string, inner: string) =>
        void response.end(`<${root}>${inner}</${root}>`);
      if (method === 'HEAD') response.writeHead(404).end();
      else if (/[?&]uploads/.test(url)) {
        document('InitiateMultipartUploadResult', '<UploadId>u</UploadId>');
      } else if (method === 'GET') {
        const part = `<PartNumber>1</PartNumber><Size>${5 * MIB}</Size><ETag>abc</ETag>`;
        document('ListPartsResult', `<Part>${part}</Part>`);
      } else if (method === 'POST') {
        document('CompleteMultipartUploadResult', '<ETag>"x-2"</ETag>');
      } else {
        sent.push(/partNumber=(\d)/.exec(url)?.[1] ?? '');
        response.writeHead(sent.length === 2 ? 503 : 200, { ETag: '"abc"' }).end();
      }
    });
  });
  let kept: Json | null = null;
  const lent = engine();
  const checkpoint = {
    load: async () => kept,
    async save(value: Json) {
      kept = value;
    },
  };
  const remote = s3Remote({
    endpoint: server.origin,
    bucket: 'bucket',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    multipartAboveBytes: 6 * MIB,
    partsAtOnce: 1,
  });
  const attempt = () => remote.upload(uploadRequest(content(8 * MIB)), lent.run({ checkpoint }));
  expect(await attempt()).toMatchObject({ class: 'retryable' });
  expect(await attempt()).toMatchObject({ ok: true });
  expect(sent).toEqual(['1', '2', '2']);
  await server.close();
});
