import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answering, type RgwCluster } from '../rgw/cluster.ts';
import { freePorts } from '../rgw/ports.ts';
import { isInstalled, run, startDaemon, stopDaemon } from '../rgw/programs.ts';
import { KINDS, type Kind, nodeConf, proxyConf } from './config.ts';

export interface SwiftCluster extends RgwCluster {
  /** Ends the servers of one node, from 1, as a power cut would. */
  killNode(node: number): Promise<void>;
}

const NODES = 3;
const CREDENTIALS = { accessKeyId: 'test:tester', secretAccessKey: 'testing' };
const PACKAGES = 'swift-proxy swift-account swift-container swift-object memcached';

/**
 * OpenStack Swift as an S3 server on loopback: three nodes with three servers each, three copies of everything, and a
 * proxy. Its packages must be installed; they bring `/etc/swift/swift.conf`, which cannot lie elsewhere.
 */
export async function startSwift(): Promise<SwiftCluster> {
  if (!isInstalled('swift-proxy-server') || !isInstalled('memcached')) {
    throw new Error(
      `Swift is not installed here: apt-get install --no-install-recommends ${PACKAGES}`,
    );
  }
  const home = await mkdtemp(join(tmpdir(), 'lading-swift-'));
  const rings = join(home, 'etc');
  const ended = new AbortController();
  const nodes = new Map<number, ChildProcess[]>();
  const daemons: ChildProcess[] = [];
  const [port = 0, memcachePort = 0, ...ports] = await freePorts(2 + NODES * KINDS.length);
  const portOf = (kind: Kind, node: number): number =>
    ports[KINDS.indexOf(kind) * NODES + node - 1] ?? 0;
  const start = (program: string, args: readonly string[]): ChildProcess => {
    const daemon = startDaemon(program, args, join(home, 'log', `${program}.out`));
    daemons.push(daemon);
    return daemon;
  };
  const stop = async (): Promise<void> => {
    ended.abort();
    await Promise.all(daemons.map(stopDaemon));
    await rm(home, { recursive: true, force: true });
  };
  try {
    for (const folder of ['etc', 'log']) await mkdir(join(home, folder));
    for (const kind of KINDS) await makeRing(kind);
    for (let node = 1; node <= NODES; node++) nodes.set(node, await startNode(node));
    start('memcached', ['-u', 'root', '-l', '127.0.0.1', '-p', String(memcachePort), '-m', '64']);
    const conf = join(rings, 'proxy.conf');
    await writeFile(conf, proxyConf({ rings, port, memcachePort, ...CREDENTIALS }));
    start('swift-proxy-server', [conf]);
    const endpoint = `http://127.0.0.1:${port}`;
    await answering(`${endpoint}/healthcheck`, []);
    return {
      endpoint,
      region: 'us-east-1',
      credentials: CREDENTIALS,
      stop,
      async killNode(node) {
        await Promise.all((nodes.get(node) ?? []).map(stopDaemon));
      },
    };
  } catch (error) {
    const logs = await logsOf(join(home, 'log'));
    await stop();
    throw new Error(`Swift did not start.\n${logs}`, { cause: error });
  }

  async function makeRing(kind: Kind): Promise<void> {
    const builder = join(rings, `${kind}.builder`);
    const ring = (...args: readonly string[]) =>
      run('swift-ring-builder', [builder, ...args], ended.signal);
    await ring('create', '8', String(NODES), '1');
    for (let node = 1; node <= NODES; node++) {
      await ring('add', `r1z${node}-127.0.0.1:${portOf(kind, node)}/d${node}`, '1');
    }
    await ring('rebalance');
  }

  async function startNode(node: number): Promise<ChildProcess[]> {
    const devices = join(home, `node${node}`);
    await mkdir(join(devices, `d${node}`), { recursive: true });
    return Promise.all(
      KINDS.map(async (kind) => {
        const conf = join(rings, `${kind}-${node}.conf`);
        await writeFile(conf, nodeConf({ kind, rings, devices, port: portOf(kind, node) }));
        return start(`swift-${kind}-server`, [conf]);
      }),
    );
  }
}

async function logsOf(folder: string): Promise<string> {
  const names = await readdir(folder).catch(() => []);
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return names.map((name, index) => `${name}: ${texts[index]?.slice(-400)}`).join('\n');
}
