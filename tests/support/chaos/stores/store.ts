import type { Carrier } from '../../../../ports/carrier.ts';
import type { Remote } from '../../../../ports/remote.ts';
import type { ProxyRequest } from '../../../../testing/proxy/index.ts';
import type { RgwAccess } from '../../rgw/cluster.ts';

export const storeNames = ['tus', 'http', 's3'] as const;
export type StoreName = (typeof storeNames)[number];

/** A completed object at a real server, looked at past everything that is under test. */
export interface StoredObject {
  readonly mediaId: string;
  readonly name: string;
  read(): Promise<Uint8Array>;
}

/** A real server of one protocol, in the judge's hands. */
export interface ChaosStore {
  /** Where the server listens; the proxy stands before it. */
  readonly upstream: string;
  /** What the app needs besides to reach it, as plain JSON. */
  readonly access?: object;
  /** What a request is about: the attachment's id, or whatever tells objects apart. */
  keyOf(request: ProxyRequest): string;
  objects(): Promise<readonly StoredObject[]>;
  /** Names of uploads that were begun and have not ended. */
  unfinished(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** What differs between protocols. A new one is a file beside this one, and a line in `stores.ts`. */
export interface ChaosProtocol {
  /** Keeps its objects below `directory`, which exists. */
  start(directory: string, running: { readonly radosgw?: RgwAccess }): Promise<ChaosStore>;
  /** In the app: a remote by way of the proxy. */
  remote(
    origin: string,
    options: {
      readonly stallMs: number;
      readonly access: object | undefined;
      /** Where files are carried; protocols that know no carriers are not given one. */
      readonly carrier?: Carrier;
    },
  ): Remote;
}
