import { type S3RemoteOptions, s3Remote } from 'lading/remotes/s3';
import { vi } from 'vitest';
import type { Carrier, CarrierResult, CarrierTask } from '../../ports/carrier.ts';
import type { Remote, UploadRequest } from '../../ports/remote.ts';
import { type FaultServer, startFaultServer } from './fault-server.ts';
import { answered } from './scripted-carrier.ts';
import { content, uploadRequest } from './tus-world.ts';

export const PHOTO = content(10_000);
export const NOON = Date.parse('2026-06-01T12:00:00Z');
/** A photo that lies in a file. */
export const request: UploadRequest = {
  ...uploadRequest(PHOTO),
  file: async () => '/somewhere/photo',
};
export const credentials = { accessKeyId: 'key', secretAccessKey: 'CANARY-secret' };

/** How a task ends that a store of S3 took, and one that it refused; its clock is this one's, at this moment. */
export const stored = answered(200, { headers: [['etag', '"v1"']] });
export const refused = (code: string, status = 403, atMs = Date.now()): CarrierResult =>
  answered(status, {
    headers: [['date', new Date(atMs).toUTCString()]],
    body: `<Error><Code>${code}</Code></Error>`,
  });

/** When the signature of a task was made. */
export function signedAt({ headers }: CarrierTask): number {
  const date = headers['x-amz-date'] ?? '';
  return Date.parse(date.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5'));
}

/** An empty store that is seldom asked, since a carrier speaks to it; it is noon there. */
export interface CarriedStore {
  readonly server: FaultServer;
  /** Where the photo is to be. */
  readonly place: string;
  remote(carrier: Carrier, options?: Partial<S3RemoteOptions>): Remote;
  /** Of what was asked from here. */
  methods(): readonly string[];
  dispose(): Promise<void>;
}

export async function carriedStore(): Promise<CarriedStore> {
  const server = await startFaultServer((incoming, response) => {
    incoming.resume();
    if (incoming.method === 'PUT') response.writeHead(200, { ETag: '"here"' }).end();
    else response.writeHead(incoming.method === 'DELETE' ? 204 : 404).end();
  });
  vi.useFakeTimers({ toFake: ['Date'], now: NOON });
  return {
    server,
    place: `${server.origin}/photos/account-1/media-1`,
    remote: (carrier, options = {}) =>
      s3Remote({
        bucket: 'photos',
        endpoint: server.origin,
        carrier,
        ...(options.sign === undefined ? { credentials } : {}),
        ...options,
      }),
    methods: () => server.seen.map(({ method }) => method),
    async dispose() {
      vi.useRealTimers();
      await server.close();
    },
  };
}
