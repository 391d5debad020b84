import { ListPartsCommand, S3Client } from '@aws-sdk/client-s3';
import { tusRemote } from 'lading/remotes/tus';
import { type FaultProxy, type ProxyExchange, startFaultProxy } from 'lading/testing/proxy';
import type { Remote } from '../../ports/remote.ts';
import { type SeededRandom, seededRandom } from '../../testing/world/seeded-random.ts';
import { s3Protocol } from './chaos/stores/s3.ts';
import { tusKeyOf } from './chaos/stores/tus.ts';
import type { RgwAccess } from './rgw/cluster.ts';
import { tusWorld } from './tus-world.ts';

/** A resumable protocol, cut again and again, with its bytes counted. */
export interface CutTraffic {
  readonly proxy: FaultProxy;
  readonly remote: Remote;
  /** Of all requests that were cut: what the proxy had taken, less what the server acknowledged of it. */
  inFlightBytes(): number;
  /** What the server holds, complete, read past the proxy. */
  objects(): Promise<readonly Uint8Array[]>;
  stop(): Promise<void>;
}

const STALL_MS = 1_000;

/**
 * What tus has acknowledged of a request is its offset when the request is over there, less the offset at which it began.
 * The judge asks for it past the proxy, before the client says another word about this file.
 */
export async function cutTus(cutsPerFile: number): Promise<CutTraffic> {
  const tus = await tusWorld();
  let inFlightBytes = 0;
  const unasked = new Map<string, ProxyExchange>();
  const faults = cutsOf('PATCH', cutsPerFile, false);
  const proxy = await startFaultProxy({
    upstream: tus.server.origin,
    keyOf: tusKeyOf,
    faults,
    async before(exchange) {
      const { key, path, method } = exchange;
      const last = unasked.get(key);
      if (last !== undefined && method !== 'POST') {
        unasked.delete(key);
        const headers = { 'Tus-Resumable': '1.0.0' };
        const told = await fetch(tus.server.origin + path, { method: 'HEAD', headers });
        const offset = offsetOf(told.headers.get('upload-offset'));
        inFlightBytes += last.takenBytes - (offset - offsetOf(last.headers['upload-offset']));
      }
      if (method === 'PATCH') unasked.set(key, exchange);
    },
  });
  return {
    proxy,
    remote: tusRemote({ endpoint: `${proxy.origin}/files`, stallMs: STALL_MS }),
    inFlightBytes: () => inFlightBytes,
    objects: async () => Promise.all((await tus.uploads()).map((name) => tus.bytesOf(name))),
    async stop() {
      await proxy.close();
      await tus.dispose();
    },
  };
}

/**
 * S3 has acknowledged a part when it lists it. The judge asks past the proxy whenever the client does: a part that was
 * listed then, or whose answer the client has, was not in flight when it is sent again.
 */
export async function cutS3(cutsPerFile: number, radosgw: RgwAccess): Promise<CutTraffic> {
  const store = await s3Protocol.start('', { radosgw });
  const client = new S3Client({ ...radosgw, forcePathStyle: true });
  const acknowledged = new Set<string>();
  /** The requests of each part that was not acknowledged when they came. */
  const needed = new Map<string, ProxyExchange[]>();
  const partOf = ({ path }: ProxyExchange): string | null => {
    const query = new URL(path, store.upstream).searchParams;
    const number = query.get('partNumber');
    return number === null ? null : `${query.get('uploadId')} ${number}`;
  };
  const proxy = await startFaultProxy({
    upstream: store.upstream,
    keyOf: (request) => store.keyOf(request),
    faults: cutsOf('PUT', cutsPerFile, true),
    async before(exchange) {
      const { pathname, searchParams } = new URL(exchange.path, store.upstream);
      const UploadId = searchParams.get('uploadId');
      if (exchange.method === 'GET' && UploadId !== null) {
        const [, Bucket = '', ...key] = pathname.split('/');
        const place = { Bucket, Key: key.join('/'), UploadId };
        const { Parts = [] } = await client.send(new ListPartsCommand(place));
        for (const { PartNumber } of Parts) acknowledged.add(`${UploadId} ${PartNumber}`);
      }
      const part = partOf(exchange);
      if (part === null || acknowledged.has(part)) return;
      needed.set(part, [...(needed.get(part) ?? []), exchange]);
      void answered(exchange).then((told) => (told ? acknowledged.add(part) : acknowledged));
    },
  });
  return {
    proxy,
    remote: s3Protocol.remote(proxy.origin, { stallMs: STALL_MS, access: store.access }),
    inFlightBytes: () =>
      [...needed.values()].reduce((sum, sent) => {
        const bytes = sent.map((one) => one.takenBytes);
        // One of them is what the server has, and no other is as long.
        return sum + bytes.reduce((total, one) => total + one, 0) - Math.max(...bytes);
      }, 0),
    objects: async () => Promise.all((await store.objects()).map((object) => object.read())),
    async stop() {
      client.destroy();
      await proxy.close();
      await store.stop();
    },
  };
}

/** Breaks the first so many requests with bytes of each file, somewhere in their first 3.5 MB. */
function cutsOf(method: string, cutsPerFile: number, losesReplies: boolean) {
  const random: SeededRandom = seededRandom(`cuts by ${method}`);
  const cuts = new Map<string, number>();
  return (request: { readonly method: string; readonly key: string }) => {
    const done = cuts.get(request.key) ?? 0;
    if (request.method !== method || done >= cutsPerFile) return undefined;
    cuts.set(request.key, done + 1);
    const cut = { side: 'request', afterBytes: random.int(100_000, 3_500_000) } as const;
    switch (done % 4) {
      case 0:
        return { act: 'cut', ...cut } as const;
      case 1:
        return { act: 'stall', forMs: 4_000, ...cut } as const;
      case 2:
        return losesReplies ? ({ act: 'lose reply' } as const) : ({ act: 'cut', ...cut } as const);
      default:
        return { act: 'reset', ...cut } as const;
    }
  };
}

async function answered(exchange: ProxyExchange): Promise<boolean> {
  await exchange.over;
  return exchange.told === 200;
}

function offsetOf(text: string | readonly string[] | null | undefined): number {
  if (typeof text === 'string' && /^\d+$/.test(text)) return Number(text);
  throw new Error(`no offset: ${String(text)}`);
}
