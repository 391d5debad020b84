import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tusRemote } from '../../../../adapters/remotes/tus/index.ts';
import { LADING_KEY, parseTusUploadId } from '../../../../adapters/remotes/tus-ids.ts';
import type { ProxyRequest } from '../../../../testing/proxy/index.ts';
import { startServer } from '../../engine-chaos/server.ts';
import type { ChaosProtocol } from './store.ts';

/** `@tus/server` with its file store and our hooks, in a process of its own. */
export const tusProtocol: ChaosProtocol = {
  async start(directory) {
    const server = await startServer(directory, join(directory, '..', 'compiled'));
    return {
      upstream: new URL(server.endpoint).origin,
      keyOf: tusKeyOf,
      async objects() {
        const all = await server.objects();
        return all
          .filter(({ complete }) => complete)
          .map(({ name, mediaId }) => ({
            name,
            mediaId,
            read: () => readFile(join(directory, name)),
          }));
      },
      unfinished: async () =>
        (await server.objects()).filter(({ complete }) => !complete).map(({ name }) => name),
      stop: () => server.stop(),
    };
  },
  remote: (origin, { stallMs }) => tusRemote({ endpoint: `${origin}/files`, stallMs }),
};

/** By the id that a creation asks for, and that its upload's url ends with. */
export function tusKeyOf({ method, path, headers }: ProxyRequest): string {
  const name = method === 'POST' ? wishedName(headers['upload-metadata']) : path.split('/').at(-1);
  return parseTusUploadId(name ?? '')?.mediaId ?? path;
}

function wishedName(metadata: string | readonly string[] | undefined): string | undefined {
  const pair = String(metadata ?? '')
    .split(',')
    .find((one) => one.startsWith(`${LADING_KEY} `));
  return pair === undefined
    ? undefined
    : Buffer.from(pair.split(' ')[1] ?? '', 'base64').toString();
}
