import { httpRemote } from '../../../../adapters/remotes/http/index.ts';
import { httpWorld } from '../../http-store.ts';
import type { ChaosProtocol } from './store.ts';

/** A plain server of files that stores a body whole or not at all. */
export const httpProtocol: ChaosProtocol = {
  async start() {
    const world = await httpWorld();
    return {
      upstream: world.endpoint,
      keyOf: ({ path }) => mediaIdIn(path),
      async objects() {
        const names = await world.objects();
        return names.map((name) => ({
          name,
          mediaId: mediaIdIn(name),
          read: () => world.bytesOf(name),
        }));
      },
      unfinished: async () => [],
      stop: () => world.dispose(),
    };
  },
  remote: (origin, { access: _none, ...options }) => httpRemote({ endpoint: origin, ...options }),
};

function mediaIdIn(path: string): string {
  return decodeURIComponent(path.split('?', 1)[0]?.split('/').at(-1) ?? path);
}
