import { httpRemote, objectPath } from 'lading/remotes/http';
import { describeRemote } from '../../testing/contracts/remote.ts';
import { httpWorld } from '../support/http-store.ts';

describeRemote('HTTP PUT', async () => {
  const world = await httpWorld();
  const { server, endpoint } = world;
  return {
    remote: httpRemote({ endpoint: `${endpoint}/objects` }),
    stored: (key) => storedAt(world, `/objects/${objectPath(key)}`),
    breakNextUpload: () => server.plan({ method: 'PUT', act: 'reset', afterBytes: 50_000 }),
    loseNextCompletion: () => server.plan({ method: 'PUT', act: 'lose-reply' }),
    dispose: () => world.dispose(),
  };
});

describeRemote('HTTP PUT, never over what is there', async () => {
  const world = await httpWorld();
  const { server, endpoint } = world;
  return {
    remote: httpRemote({ endpoint, ifNoneMatch: true }),
    stored: world.stored,
    breakNextUpload: () => server.plan({ method: 'PUT', act: 'reset', afterBytes: 50_000 }),
    loseNextCompletion: () => server.plan({ method: 'PUT', act: 'lose-reply' }),
    dispose: () => world.dispose(),
  };
});

describeRemote('HTTP form POST, with a way to look', async () => {
  const world = await httpWorld();
  const { server, endpoint } = world;
  return {
    remote: httpRemote({
      endpoint,
      form: { field: 'file', fields: ({ objectKey }) => ({ key: objectKey }) },
      async look({ objectKey }) {
        const answer = await fetch(`${endpoint}/find?key=${encodeURIComponent(objectKey)}`);
        if (answer.status === 404) return null;
        const { path, size } = (await answer.json()) as { path: string; size: number };
        return { url: `${endpoint}${path}`, byteSize: size };
      },
    }),
    stored: world.stored,
    breakNextUpload: () => server.plan({ method: 'POST', act: 'reset', afterBytes: 50_000 }),
    loseNextCompletion: () => server.plan({ method: 'POST', act: 'lose-reply' }),
    dispose: () => world.dispose(),
  };
});

async function storedAt(
  world: Awaited<ReturnType<typeof httpWorld>>,
  path: string,
): Promise<readonly Uint8Array[]> {
  return (await world.objects()).includes(path) ? [await world.bytesOf(path)] : [];
}
