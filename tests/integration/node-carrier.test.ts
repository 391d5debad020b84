import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCarrier } from 'lading/carrier/node';
import { afterEach, describe, expect, it } from 'vitest';
import type { CarrierResult } from '../../ports/carrier.ts';
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
    answer: (response: ServerResponse) => void,
  ): Promise<CarrierResult | undefined> {
    const directory = await mkdtemp(join(tmpdir(), 'lading-helper-'));
    cleanUp.push(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
    const server = createServer((request) => request.resume());
    server.on('checkContinue', (_request, response: ServerResponse) => answer(response));
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
    const url = `http://127.0.0.1:${port}/film`;
    const task = { id: 'film', method: 'PUT', url, headers: {}, file, note: '' };
    await carrier.start({ ...task, byteSize: FILM.byteLength });
    return (await carrier.attach('film', { signal: new AbortController().signal }))?.result;
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
});
