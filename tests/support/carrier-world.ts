import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCarrier } from 'lading/carrier/node';
import type { ArrivedRequest, CarrierSetup } from '../../testing/contracts/carrier.ts';
import { startFaultServer } from './fault-server.ts';

export interface CarrierWorld extends CarrierSetup {
  readonly directory: string;
  dispose(): Promise<void>;
}

/** Node's carrier, and a real server that takes what it brings. */
export async function carrierWorld(): Promise<CarrierWorld> {
  const directory = await mkdtemp(join(tmpdir(), 'lading-carrier-'));
  const arrived: ArrivedRequest[] = [];
  let held: { reach(): void; readonly released: Promise<void> } | undefined;
  const server = await startFaultServer(async (request, response) => {
    const hold = held;
    held = undefined;
    hold?.reach();
    await hold?.released;
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    } catch {
      return; // it went away
    }
    const { method = '', headers } = request;
    arrived.push({ method, headers, body: Buffer.concat(chunks) });
    response.writeHead(201, { ETag: '"v1"' }).end('stored');
  });
  const nobody = await startFaultServer();
  await nobody.close();
  const open = () => nodeCarrier({ directory: join(directory, 'carried') });
  const carrier = open();
  return {
    directory: join(directory, 'carried'),
    carrier,
    reopen: open,
    url: `${server.origin}/object`,
    nowhere: `${nobody.origin}/object`,
    arrived: () => arrived,
    async file(bytes) {
      const path = join(directory, randomUUID());
      await writeFile(path, bytes);
      return path;
    },
    holdNext() {
      const reached = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      held = { reach: reached.resolve, released: released.promise };
      return { reached: reached.promise, release: released.resolve };
    },
    async dispose() {
      for (const { id } of await carrier.list()) await carrier.cancel(id);
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
