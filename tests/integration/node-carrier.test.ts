import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCarrier } from 'lading/carrier/node';
import { afterEach, describe, expect, it } from 'vitest';
import type { CarrierResult, CarrierTask } from '../../ports/carrier.ts';
import { describeCarrier } from '../../testing/contracts/carrier.ts';
import { carrierWorld } from '../support/carrier-world.ts';
import { content } from '../support/tus-world.ts';

describeCarrier('helper processes of Node', carrierWorld);

describe('a helper process of Node', () => {
  const FILM = content(4 * 1024 * 1024);
  const cleanUp: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const dispose of cleanUp.splice(0).toReversed()) await dispose();
  });

  /** What it says of a server that answers before it has read the body, if the helper asks. */
  async function endOf(
    answer: (response: ServerResponse, request: IncomingMessage) => void,
    changes: Partial<CarrierTask> & { readonly query?: string } = {},
    look: (directory: string) => Promise<void> = async () => {},
  ): Promise<CarrierResult | undefined> {
    const directory = await mkdtemp(join(tmpdir(), 'lading-helper-'));
    cleanUp.push(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
    const server = createServer((request) => request.resume());
    server.on('checkContinue', (request, response: ServerResponse) => {
      answer(response, request);
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    cleanUp.push(
      async () => server.closeAllConnections(),
      async () => server.close(),
    );
    const { port } = server.address() as AddressInfo;
    const file = join(directory, 'film');
    await writeFile(file, FILM);
    const carrier = nodeCarrier({ directory: join(directory, 'carried') });
    const { query = '', ...others } = changes;
    const url = `http://127.0.0.1:${port}/film${query}`;
    const task = { id: 'film', method: 'PUT', url, headers: {}, file, note: '' };
    await carrier.start({ ...task, byteSize: FILM.byteLength, ...others });
    const end = await carrier.attach('film', { signal: new AbortController().signal });
    await look(join(directory, 'carried'));
    return end?.result;
  }

  it('asks first whether a large body is wanted, so that its refusal is heard', async () => {
    const ended = await endOf((response) => {
      response.writeHead(403, { Connection: 'close' }).end('<Error><Code>Late</Code></Error>');
    });
    expect(ended).toMatchObject({
      ended: 'answered',
      status: 403,
      body: '<Error><Code>Late</Code></Error>',
    });
  });

  it('takes no success for one that is claimed before all was sent (field case 36)', async () => {
    const ended = await endOf((response) => response.writeHead(200).end('Welcome'));
    expect(ended).toEqual({ ended: 'failed', code: 'not_the_remote', mayHaveArrived: false });
  });

  it('keeps what S3 says of an object, and no cookie (contract 10.4)', async () => {
    const ended = await endOf((response) => {
      response
        .writeHead(403, {
          'x-amz-bucket-region': 'eu-central-1',
          'x-amz-checksum-sha256': 'abc=',
          'Set-Cookie': 'CANARY',
        })
        .end();
    });
    const headers = ended?.ended === 'answered' ? Object.fromEntries(ended.headers) : {};
    expect(headers).toMatchObject({
      'x-amz-bucket-region': 'eu-central-1',
      'x-amz-checksum-sha256': 'abc=',
    });
    expect(JSON.stringify(headers)).not.toContain('CANARY');
  });

  it('writes down no signature and no token that an answer repeats (contract 10.4)', async () => {
    // Amazon S3 leads a new bucket's requests to its region by 307, signature and all, and tells what it signed itself.
    const token = 'CANARY+token/of=an=hour==';
    const query = `?X-Amz-Security-Token=${encodeURIComponent(token)}&X-Amz-Signature=CANARY0signature&partNumber=1`;
    const headers = {
      authorization: 'Bearer CANARY-bearer-of-the-app',
      'x-api-token': 'CANARY-api-token',
      'content-type': 'image/jpeg-as-it-was-said',
    };
    let files = '';
    const ended = await endOf(
      (response, request) => {
        const told = [request.url, token, ...Object.values(request.headers)].join('\n');
        const filled = `<Error><Code>TemporaryRedirect</Code>${told}`.padEnd(4_096 - 14, '.');
        response
          .writeHead(307, { Location: `https://eu.example.com${request.url}` })
          .end(`${filled}CANARY-bearer-of-the-app`); // cut in its middle
      },
      { query, headers },
      async (directory) => {
        for (const name of await readdir(directory)) {
          files += await readFile(join(directory, name), 'utf8');
        }
      },
    );
    expect(files).toContain('TemporaryRedirect');
    expect(files).not.toContain('CANARY');
    expect(ended).toMatchObject({ ended: 'answered', status: 307 });
    expect(files).toContain('https://eu.example.com/film?X-Amz-Security-Token=');
    expect(files).toContain('partNumber=1'); // what lets nobody in stays as it was said
    expect(files).toContain('image/jpeg-as-it-was-said');
  });

  it.runIf(process.platform !== 'win32')(
    'takes a file that cannot be read now for no lost one (field case 15)',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'lading-helper-'));
      cleanUp.push(() => rm(folder, { recursive: true, force: true }));
      await symlink('circle', join(folder, 'circle'));
      const { size } = await stat(folder);
      for (const [file, byteSize] of [
        [join(folder, 'circle'), 10], // nobody can tell what is there
        [folder, size], // opens, and cannot be read
      ] as const) {
        const ended = await endOf((response) => response.writeHead(201).end(), { file, byteSize });
        expect(ended).toEqual({
          ended: 'failed',
          code: 'source_unreadable',
          mayHaveArrived: false,
        });
      }
    },
  );
});
