import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cephConf, osdHome } from './config.ts';
import { freePorts } from './ports.ts';
import { run, startDaemon, stopDaemon } from './programs.ts';

export interface RgwAccess {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export interface RgwCluster extends RgwAccess {
  stop(): Promise<void>;
}

export interface RgwOptions {
  /** Default 1: enough for the protocol. */
  readonly osds?: number;
  readonly replicas?: number;
}

const CREDENTIALS = { accessKeyId: 'testkey', secretAccessKey: 'testsecret' };

/**
 * Ceph's radosgw on a port of its own: one monitor, its OSDs and the gateway, in a temporary directory. Eight seconds.
 * See {@link missingPrograms} for what has to be installed.
 */
export async function startRgw(options: RgwOptions = {}): Promise<RgwCluster> {
  const { osds = 1, replicas = 1 } = options;
  const home = await mkdtemp(join(tmpdir(), 'lading-rgw-'));
  const [monitorPort = 0, gatewayPort = 0] = await freePorts(2);
  const fsid = randomUUID();
  const conf = join(home, 'ceph.conf');
  const config = ['-c', conf];
  const daemons: Daemon[] = [];
  const ended = new AbortController();
  const start = (program: string, args: readonly string[], mostStarts = 1): void => {
    const log = join(home, 'log', `${program}.out`);
    daemons.push(keepUp(() => startDaemon(program, [...config, ...args, '-f'], log), mostStarts));
  };
  const stop = async (): Promise<void> => {
    ended.abort();
    await Promise.all(daemons.map((daemon) => daemon.stop()));
    await rm(home, { recursive: true, force: true });
  };
  try {
    await mkdir(join(home, 'log'));
    await writeFile(conf, cephConf({ home, fsid, monitorPort, gatewayPort, osds, replicas }));
    await startMonitor();
    await Promise.all(Array.from({ length: osds }, (_, id) => startOsd(id)));
    start('radosgw', ['-n', 'client.rgw']);
    const endpoint = `http://127.0.0.1:${gatewayPort}`;
    await Promise.all([createUser(), answering(endpoint, daemons)]);
    return { endpoint, region: 'us-east-1', credentials: CREDENTIALS, stop };
  } catch (error) {
    const logs = await Promise.all(
      ['ceph-mon', 'ceph-osd', 'radosgw'].map((name) => endOfLog(home, name)),
    );
    await stop();
    throw new Error(`radosgw did not start.\n${logs.join('\n')}`, { cause: error });
  }

  async function startMonitor(): Promise<void> {
    const map = join(home, 'monmap');
    const address = `[v1:127.0.0.1:${monitorPort}]`;
    const create = ['--create', '--clobber', '--addv', 'a', address, '--fsid', fsid, map];
    await run('monmaptool', create, ended.signal);
    const mon = ['-i', 'a', '--mon-data', join(home, 'mon')];
    await run('ceph-mon', [...config, ...mon, '--mkfs', '--monmap', map], ended.signal);
    start('ceph-mon', mon);
  }

  async function startOsd(id: number): Promise<void> {
    const uuid = randomUUID();
    const osd = ['-i', String(id), '--osd-data', osdHome(home, id)];
    await mkdir(osdHome(home, id));
    await Promise.all([
      run('ceph-osd', [...config, ...osd, '--mkfs', '--osd-uuid', uuid], ended.signal),
      run('ceph', [...config, 'osd', 'new', uuid, String(id)], ended.signal), // waits for the monitor
    ]);
    start('ceph-osd', osd, 5);
  }

  async function createUser(): Promise<void> {
    const { accessKeyId, secretAccessKey } = CREDENTIALS;
    const key = [`--access-key=${accessKeyId}`, `--secret=${secretAccessKey}`];
    const user = ['user', 'create', '--uid=test', '--display-name=test', ...key];
    await run('radosgw-admin', [...config, ...user], ended.signal);
  }
}

interface Daemon {
  readonly ended: boolean;
  stop(): Promise<void>;
}

/** An OSD that asks the monitor too early ends with "wrong fsid", and comes up the next time. */
function keepUp(start: () => ChildProcess, mostStarts: number): Daemon {
  let child = start();
  let starts = 1;
  let ended = false;
  let stopped = false;
  const onExit = (): void => {
    if (stopped) return;
    ended = starts++ >= mostStarts;
    if (!ended) child = start().once('exit', onExit);
  };
  child.once('exit', onExit);
  return {
    get ended() {
      return ended;
    },
    stop() {
      stopped = true;
      return stopDaemon(child);
    },
  };
}

/** Its first answer; it makes its pools before. */
export async function answering(
  endpoint: string,
  daemons: readonly { readonly ended: boolean }[],
): Promise<void> {
  const isUp = () =>
    fetch(endpoint).then(
      () => true,
      () => false,
    );
  for (let tries = 0; tries < 600; tries++) {
    if (daemons.some(({ ended }) => ended)) throw new Error('A daemon ended.');
    if (await isUp()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('The gateway did not answer within a minute.');
}

async function endOfLog(home: string, name: string): Promise<string> {
  const text = await readFile(join(home, 'log', `${name}.out`), 'utf8').catch(() => '');
  return `${name}: ${text.slice(-500)}`;
}
