import { createReadStream, openAsBlob } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Upload } from 'tus-js-client';
import { LADING_KEY } from '../../adapters/remotes/tus/index.ts';

/** One `fetch` PUT of a file: what an upload costs at least. */
export async function plainPut(url: string, path: string): Promise<void> {
  const answer = await fetch(url, { method: 'PUT', body: await openAsBlob(path) });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
}

/** One file by tus-js-client alone, as its own documentation says. */
export async function plainTus(endpoint: string, path: string, id: string): Promise<void> {
  const { size } = await stat(path);
  await new Promise<void>((resolve, reject) => {
    const upload = new Upload(createReadStream(path), {
      endpoint,
      uploadSize: size,
      metadata: { [LADING_KEY]: id },
      onSuccess: () => resolve(),
      onError: reject,
    });
    upload.start();
  });
}
