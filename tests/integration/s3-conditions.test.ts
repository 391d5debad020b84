import type { ServerResponse } from 'node:http';
import { s3Remote } from 'lading/remotes/s3';
import { afterEach, describe, expect, it } from 'vitest';
import { type FaultServer, startFaultServer } from '../support/fault-server.ts';
import { MIB } from '../support/s3-attempts.ts';
import { content, engine, uploadRequest } from '../support/tus-world.ts';

/** A request with a condition whose answer is still to come. */
interface Held {
  readonly path: string;
  refuse(): void;
}

let server: FaultServer;
afterEach(() => server.close());

const remoteAt = (endpoint: string) =>
  s3Remote({
    endpoint,
    bucket: 'bucket',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    multipartAboveBytes: 6 * MIB,
  });

/** A store that does not know `If-None-Match`, and says so when it is told to. */
async function unconditional() {
  const held: Held[] = [];
  let wake = (): void => {};
  server = await startFaultServer((request, response) => {
    request.resume();
    request.on('end', () => {
      const { method, url: path = '', headers } = request;
      if (headers['if-none-match'] === undefined) return answer(method, path, response);
      const refuse = () => response.writeHead(501).end();
      held.push({ path, refuse });
      wake();
    });
  });
  return {
    remote: remoteAt(server.origin),
    held,
    async all(this: void, count: number) {
      while (held.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

function answer(method: string | undefined, path: string, response: ServerResponse): void {
  const document = (root: string, inner: string) => response.end(`<${root}>${inner}</${root}>`);
  if (method === 'HEAD') response.writeHead(404).end();
  else if (method === 'PUT') response.writeHead(200, { ETag: '"1"' }).end();
  else if (/[?&]uploads/.test(path)) {
    document('InitiateMultipartUploadResult', '<UploadId>u</UploadId>');
  } else document('CompleteMultipartUploadResult', '<ETag>"1-2"</ETag>');
}

describe('a store that does not know If-None-Match', () => {
  it.each([
    ['PUT', 1000],
    ['completion', 8 * MIB],
  ])(
    'is told every %s without it, also those that were under way when the first was refused',
    async (_, size) => {
      const { remote, held, all } = await unconditional();
      const uploads = ['one', 'two'].map((id) =>
        remote.upload(uploadRequest(content(size), id), engine().run()),
      );
      await all(2);
      const [first, second] = held;
      first?.refuse();
      await uploads[first?.path.includes('one') ? 0 : 1];
      second?.refuse();
      expect(await Promise.all(uploads)).toMatchObject([{ ok: true }, { ok: true }]);
    },
  );
});

describe('a store that knows If-None-Match, and refuses a request for something else', () => {
  it.each([
    ['PUT', 1000, 400],
    ['PUT', 1000, 503],
    ['completion', 8 * MIB, 400],
    ['completion', 8 * MIB, 503],
  ])(
    'is told every %s with it afterwards (%d bytes, then %d): no object is replaced',
    async (_, size, then) => {
      const conditions: (string | undefined)[] = [];
      const statuses = [400, then];
      server = await startFaultServer((request, response) => {
        request.resume();
        request.on('end', () => {
          const { method, url: path = '', headers } = request;
          const creates =
            (method === 'PUT' && !path.includes('partNumber=')) ||
            (method === 'POST' && path.includes('uploadId='));
          if (creates) conditions.push(headers['if-none-match']);
          const status = creates ? statuses.shift() : undefined;
          if (status !== undefined) response.writeHead(status).end();
          else answer(method, path, response);
        });
      });
      const remote = remoteAt(server.origin);
      const refused = await remote.upload(uploadRequest(content(size)), engine().run());
      expect(refused.ok).toBe(false);
      await remote.upload(uploadRequest(content(size), 'two'), engine().run());
      expect(conditions).toEqual(['*', undefined, '*']);
    },
  );
});
