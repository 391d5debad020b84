import { createServer } from 'node:http';
import type { TestProject } from 'vitest/node';
import { type SwiftCluster, startSwift } from '../swift/cluster.ts';
import { type RgwCluster, startRgw } from './cluster.ts';
import { missingPrograms } from './programs.ts';
import { LEFT_OUT } from './words.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where a test asks for the cluster of this run. */
    readonly rgwControl: string;
  }
}

/** `swift`: OpenStack Swift stands in for radosgw; `npm run swift`. */
const wanted = process.env['LADING_S3'];

let starting: Promise<RgwCluster | SwiftCluster | null> | undefined;

const server = createServer(({ method, url = '' }, response) => {
  void answer(method, url).then(
    (text) => response.end(text),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
});

/** Where the cluster is; a POST of a number ends that node of it. */
async function answer(method: string | undefined, path: string): Promise<string> {
  starting ??= start();
  const cluster = await starting;
  if (method === 'POST' && cluster !== null && 'killNode' in cluster) {
    await cluster.killNode(Number(path.slice(1)));
  }
  return JSON.stringify(cluster);
}

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

async function start(): Promise<RgwCluster | SwiftCluster | null> {
  if (wanted === 'swift') return startSwift();
  // A second time: a port that was free a moment ago may be taken.
  if (missingPrograms().length === 0) return startRgw().catch(() => startRgw());
  console.warn(LEFT_OUT);
  return null;
}
