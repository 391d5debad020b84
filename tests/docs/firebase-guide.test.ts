import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Remote } from 'lading';
import { objectPath } from 'lading/remotes/http';
import { afterAll, expect, it } from 'vitest';
import { describeRemote } from '../../testing/contracts/remote.ts';
import { BUCKET, firebaseWorld } from '../support/firebase-store.ts';
import { content, engine, uploadRequest } from '../support/tus-world.ts';
import { page, root } from './markdown.ts';
import { programOf } from './page-program.ts';

await mkdir(join(root, '.tmp'), { recursive: true });
const folder = await mkdtemp(join(root, '.tmp', 'firebase-guide-'));
afterAll(() => rm(folder, { recursive: true, force: true }));
// So that `lading` means the sources here too.
const settings = { extends: '../../tsconfig.json', include: ['*.ts'] };
await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(settings));
const code = programOf(page('docs/guides/firebase.md'))?.files.get('firebase-remote.ts') ?? '';
await writeFile(join(folder, 'firebase-remote.ts'), code);
const { firebaseRemote } = (await import(
  pathToFileURL(join(folder, 'firebase-remote.ts')).href
)) as {
  readonly firebaseRemote: (options: {
    readonly bucket: string;
    readonly idToken: () => Promise<string>;
    readonly origin: string;
  }) => Remote;
};

const remoteAt = (origin: string, idToken = async (): Promise<string> => 'id-token') =>
  firebaseRemote({ bucket: BUCKET, idToken, origin });

describeRemote('the guide’s recipe for Firebase Storage', async () => {
  const world = await firebaseWorld();
  const { server } = world;
  return {
    remote: remoteAt(server.origin),
    async stored(key) {
      const found = world.bytesOf(`attachments/${objectPath(key)}`);
      return found === undefined ? [] : [found];
    },
    breakNextUpload: () => server.plan({ method: 'POST', act: 'reset', afterBytes: 50_000 }),
    loseNextCompletion: () => server.plan({ method: 'POST', act: 'lose-reply' }),
    dispose: () => server.close(),
  };
});

it('the guide’s remote asks for a token each time, and keeps no download token', async () => {
  const { server } = await firebaseWorld('second');
  let asked = 0;
  const remote = remoteAt(server.origin, async () => (++asked === 1 ? 'first' : 'second'));
  const request = uploadRequest(content(1000));
  const refused = await remote.upload(request, engine().run());
  expect(refused).toMatchObject({ ok: false, code: 'forbidden' });
  const outcome = await remote.upload(request, engine().run());
  const name = encodeURIComponent('attachments/account-1/media-1');
  const url = `${server.origin}/v0/b/${encodeURIComponent(BUCKET)}/o/${name}`;
  expect(outcome).toMatchObject({ ok: true, receipt: { url, byteSize: 1000 } });
  expect(JSON.stringify(outcome)).not.toContain('CANARY');
  await server.close();
});
