import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateMultipartUploadCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { type AttachmentRef, bytesSource, type Lading, type MediaId, openLading } from 'lading';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { objectKey } from '../../ports/remote.ts';
import { collect } from '../../testing/contracts/bytes.ts';
import { type RgwWorld, rgw, rgwWorld, whyNot } from '../support/rgw-world.ts';
import { appOptions, type LifeOptions, OWNER } from '../support/s3-life/options.ts';
import { content, sha256 } from '../support/tus-world.ts';

const CHILD = join(import.meta.dirname, '..', 'support', 's3-life', 'child.ts');
const MIB = 1024 * 1024;

/** A PDF to those who look at its beginning. */
function pdf(bytes: number): Buffer {
  const made = content(bytes);
  made.write('%PDF-1.7\n');
  return made;
}

const captured = (body: Buffer) => bytesSource(body, { contentType: 'application/pdf' });

describe.skipIf(rgw === null)(`an app whose files go to S3${whyNot}`, () => {
  let world: RgwWorld;
  let life: LifeOptions;
  let app: Lading | undefined;
  let child: ChildProcess | undefined;
  beforeEach(async () => {
    world = await rgwWorld();
    const { endpoint, bucket, credentials } = world;
    const directory = await mkdtemp(join(tmpdir(), 'lading-s3-'));
    life = { directory, s3: { endpoint, bucket, credentials } };
  });
  afterEach(async () => {
    child?.kill('SIGKILL');
    await app?.close();
    app = undefined;
    await rm(life.directory, { recursive: true, force: true });
    await world.dispose();
  });

  const open = async (more: Partial<Parameters<typeof openLading>[0]> = {}): Promise<Lading> => {
    app = await openLading({ ...appOptions(life), ...more });
    return app;
  };
  const partsSent = () =>
    world.proxy.exchanges
      .filter(({ path, told }) => path.includes('partNumber=') && told === 200)
      .map(({ path }) => Number(/partNumber=(\d+)/.exec(path)?.[1]));

  it('captures, uploads, and fetches again what it does not keep', async () => {
    const lading = await open();
    const files = [pdf(100_000), pdf(8 * MIB)];
    for (const body of files) {
      const { ref } = await lading.capture(captured(body), { owner: OWNER, kind: 'pdf' });
      await lading.settled();
      expect(lading.view(ref).state).toBe('uploaded');
    }
    const refs = lading.list(OWNER).map(({ ref }) => ref);
    expect(refs.map(({ url }) => url)).toEqual(
      refs.map(({ mediaId }) => `${world.endpoint}/${world.bucket}/ada/${mediaId}`),
    );
    for (const [index, ref] of refs.entries()) {
      const [stored] = await world.stored(objectKey('ada', ref.mediaId));
      expect(sha256(stored ?? Buffer.of())).toBe(sha256(files[index] ?? Buffer.of()));
    }
    // Nothing is kept here: what is shown comes back from the bucket, and is hashed.
    for (const [index, ref] of refs.entries()) {
      const bytes = await collect((await lading.resolve(ref)).open());
      expect(sha256(bytes)).toBe(sha256(files[index] ?? Buffer.of()));
    }
    expect((await lading.verify()).differences).toEqual([]);
  });

  it('that is killed in the middle of an upload goes on by the parts that are there (field case 21)', async () => {
    const film = pdf(27 * MIB); // six parts
    const path = join(life.directory, 'film.pdf');
    await writeFile(path, film);
    world.proxy.plan({ method: 'PUT', after: 3, times: 99, act: 'stall', side: 'request' });
    const argument = JSON.stringify({ ...life, path });
    child = spawn(process.execPath, [CHILD, argument], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    const [line] = (await once(child.stdout ?? child, 'data')) as [Buffer];
    const ref = JSON.parse(line.toString()) as AttachmentRef;
    await expect.poll(() => partsSent().length, { timeout: 20_000 }).toBe(3);
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;

    world.proxy.plan();
    const before = partsSent();
    const lading = await open();
    await lading.settled();
    expect(lading.view(ref).state).toBe('uploaded');
    const after = partsSent().slice(before.length);
    expect(after).toHaveLength(3);
    expect(new Set([...before, ...after])).toEqual(new Set([1, 2, 3, 4, 5, 6]));
    const stored = await world.stored(objectKey('ada', ref.mediaId));
    expect(stored.map(sha256)).toEqual([sha256(film)]);
    expect(await world.unfinished()).toEqual([]);
    expect((await lading.verify()).differences).toEqual([]);
  });

  it('ends uploads that it will not go on with (field case 42)', async () => {
    const lading = await open({ garbage: { graceMs: 0 } });
    const { ref } = await lading.capture(captured(pdf(1_000)), { owner: OWNER, kind: 'pdf' });
    await lading.settled();
    const Key = objectKey('ada', ref.mediaId);
    // The answer to a creation was lost: nobody knows its name.
    await world.client.send(new CreateMultipartUploadCommand({ Bucket: world.bucket, Key }));
    const theirs = { Bucket: world.bucket, Key: objectKey('bob', ref.mediaId) };
    await world.client.send(new CreateMultipartUploadCommand(theirs));
    await lading.collectGarbage();
    await lading.collectGarbage();
    expect((await world.unfinished()).map(({ key }) => key)).toEqual([theirs.Key]);
    expect(await world.stored(Key)).toHaveLength(1);
  });

  it('shows a conflict as failed, and replaces nothing', async () => {
    const id = '01890a5d-ac96-774b-bcce-b302099a8057' as MediaId;
    const theirs = { Bucket: world.bucket, Key: objectKey('ada', id), Body: 'something else' };
    await world.client.send(new PutObjectCommand(theirs));
    const lading = await open();
    const { ref } = await lading.capture(captured(pdf(1_000)), { owner: OWNER, kind: 'pdf', id });
    await lading.settled();
    expect(lading.view(ref)).toMatchObject({
      state: 'failed',
      error: { code: 'other_content', retryable: false },
    });
    expect(await world.stored(objectKey('ada', id))).toEqual([
      new TextEncoder().encode('something else'),
    ]);
  });
});
