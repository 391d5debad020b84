import { createServer } from 'node:http';
import type { TestProject } from 'vitest/node';
import { type RgwCluster, startRgw } from './cluster.ts';
import { missingPrograms } from './programs.ts';
import { LEFT_OUT } from './words.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where a test asks for the cluster of this run. */
    readonly rgwControl: string;
  }
}

let starting: Promise<RgwCluster | null> | undefined;

const server = createServer((_request, response) => {
  starting ??= start();
  starting.then(
    (cluster) => response.end(JSON.stringify(cluster)),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
});

/** One cluster for a whole run of tests, started when the first file asks for it. */
export async function setup(project: TestProject): Promise<void> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  server.unref();
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  project.provide('rgwControl', `http://127.0.0.1:${port}`);
}

export async function teardown(): Promise<void> {
  server.close();
  server.closeAllConnections();
  const cluster = await starting?.catch(() => null);
  await cluster?.stop();
}

async function start(): Promise<RgwCluster | null> {
  if (missingPrograms().length === 0) return startRgw();
  console.warn(LEFT_OUT);
  return null;
}
