import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';
import { type LadingTusOptions, ladingTusHooks } from 'lading/remotes/tus-server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FaultServer, startFaultServer } from '../support/fault-server.ts';

const ID = 'account-1.media-1';

describe('ladingTusHooks', () => {
  let directory: string;
  let server: FaultServer;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lading-hooks-'));
  });
  afterEach(async () => {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  });

  const start = async (
    options: Partial<LadingTusOptions<FileStore>> & { readonly expirationMs?: number } = {},
  ): Promise<void> => {
    const { expirationMs = 0, ...rest } = options;
    const datastore = new FileStore({ directory, expirationPeriodInMilliseconds: expirationMs });
    const hooks = ladingTusHooks({ datastore, ...rest });
    const tus = new Server({ path: '/files', ...hooks });
    server = await startFaultServer((request, response) => tus.handle(request, response));
  };
  const send = (method: string, path: string, headers = {}, body?: string) =>
    fetch(server.origin + path, {
      method,
      redirect: 'manual',
      headers: { 'Tus-Resumable': '1.0.0', ...headers },
      ...(body === undefined ? {} : { body }),
    });
  const create = (id: string | null = ID, length = 5) => {
    const metadata = id === null ? 'x' : `ladingKey ${Buffer.from(id).toString('base64')}`;
    return send('POST', '/files', { 'Upload-Length': `${length}`, 'Upload-Metadata': metadata });
  };
  const patch = (bytes: string, offset = 0) =>
    send(
      'PATCH',
      `/files/${ID}`,
      { 'Upload-Offset': `${offset}`, 'Content-Type': 'application/offset+octet-stream' },
      bytes,
    );

  it('names an upload by what the client asked for, and answers with a relative location', async () => {
    await start();
    const created = await create();
    expect([created.status, created.headers.get('Location')]).toEqual([201, `/files/${ID}`]);
  });

  it('refuses to create an id again, keeps its bytes, and tells how far it is (contract 4.2)', async () => {
    await start();
    await create();
    for (const [bytes, offset] of [
      ['', '0'],
      ['abc', '3'],
      ['de', '5'],
    ] as const) {
      if (bytes !== '') await patch(bytes, Number(offset) - bytes.length);
      const again = await create();
      expect(again.status).toBe(409);
      expect(again.headers.get('Location')).toBe(`/files/${ID}`);
      expect(again.headers.get('Upload-Offset')).toBe(offset);
      expect(again.headers.get('Upload-Length')).toBe('5');
      expect(again.headers.get('Tus-Resumable')).toBe('1.0.0');
    }
    expect(await readFile(join(directory, ID), 'utf8')).toBe('abcde');
  });

  it('lets one of many creations at once win, and none of the others undo it', async () => {
    await start();
    const statuses = await Promise.all(
      Array.from({ length: 8 }, async () => (await create()).status),
    );
    expect(statuses.toSorted((a, b) => a - b)).toEqual([201, 409, 409, 409, 409, 409, 409, 409]);
    await patch('abcde');
    expect((await create()).status).toBe(409);
    expect(await readFile(join(directory, ID), 'utf8')).toBe('abcde');
  });

  it('refuses a creation that slips past the first look, under the lock', async () => {
    await start();
    const datastore = new FileStore({ directory });
    const { datastore: guarded } = ladingTusHooks({ datastore });
    await create();
    await patch('abcde');
    const upload = await datastore.getUpload(ID);
    await expect(guarded.create(upload)).rejects.toMatchObject({ status_code: 409 });
    expect(await readFile(join(directory, ID), 'utf8')).toBe('abcde');
  });

  it.each([
    null,
    '',
    '../../etc/passwd',
    'a/b.c',
    'a..b',
    'a.b.c',
    'A.b',
    'a.b\0',
    `a.${'b'.repeat(5000)}`,
    'media-1',
  ])('refuses the id %j, and makes no file of it (contract 10.1)', async (id) => {
    await start();
    expect((await create(id)).status).toBe(400);
    expect(await readdir(directory)).toEqual([]);
  });

  it('answers 404 for ids that it can not have given', async () => {
    await start();
    await writeFile(join(directory, 'secret'), 'not an upload');
    await writeFile(join(directory, 'secret.json'), '{"id":"secret","size":13}');
    for (const path of ['secret', '..%2f..%2fetc%2fpasswd', `${ID}.json`]) {
      expect((await send('HEAD', `/files/${path}`)).status).toBe(404);
      expect((await send('GET', `/files/${path}`)).status).toBe(404);
      expect((await send('DELETE', `/files/${path}`)).status).toBe(404);
    }
  });

  it('asks for every verb whether the request may touch that account', async () => {
    const asked: string[] = [];
    await start({
      authorize: (request, owner) => {
        asked.push(`${request.method} ${owner.accountId} ${owner.mediaId}`);
        if (request.headers.get('Authorization') === 'no') {
          throw { status_code: 403, body: 'not yours' };
        }
      },
    });
    await create();
    await patch('abcde');
    await send('HEAD', `/files/${ID}`);
    await send('GET', `/files/${ID}`);
    await create();
    const verbs = ['POST', 'PATCH', 'HEAD', 'GET', 'POST'];
    expect(asked).toEqual(verbs.map((verb) => `${verb} account-1 media-1`));

    const no = { Authorization: 'no' };
    const metadata = `ladingKey ${Buffer.from(ID).toString('base64')}`;
    const stranger = { ...no, 'Upload-Length': '5', 'Upload-Metadata': metadata };
    const refused = await send('POST', '/files', stranger);
    expect([refused.status, refused.headers.get('Upload-Offset')]).toEqual([403, null]);
    expect((await send('DELETE', `/files/${ID}`, no)).status).toBe(403);
    expect(await readFile(join(directory, ID), 'utf8')).toBe('abcde');
  });

  it('lets a completed upload outlive the expiration of the store', async () => {
    await start({ expirationMs: 1 });
    await create();
    await age();
    expect((await send('HEAD', `/files/${ID}`)).status).toBe(410);
    expect((await create()).status).toBe(201);
    await writeFile(join(directory, ID), 'abcde');
    await age();
    expect((await send('HEAD', `/files/${ID}`)).status).toBe(200);
    expect((await create()).status).toBe(409);
  });

  it('serves whole files again and again without falling over', async () => {
    await start();
    await create(ID, 300_000);
    await patch('x'.repeat(300_000));
    for (let times = 0; times < 5; times++) {
      expect((await (await send('GET', `/files/${ID}`)).text()).length).toBe(300_000);
    }
  });

  /** Makes the upload a year old, instead of waiting. */
  async function age(): Promise<void> {
    const path = join(directory, `${ID}.json`);
    const facts = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    await writeFile(path, JSON.stringify({ ...facts, creation_date: '2020-01-01T00:00:00.000Z' }));
  }
});
