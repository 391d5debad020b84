import { randomUUID } from 'node:crypto';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { s3Key } from 'lading/remotes/s3';
import { type FaultProxy, startFaultProxy } from 'lading/testing/proxy';
import { inject } from 'vitest';
import type { ObjectKey } from '../../ports/remote.ts';
import type { RgwAccess } from './rgw/cluster.ts';

/** The cluster of this run of tests; null where radosgw is not installed. Awaited when the file is collected. */
export const rgw: RgwAccess | null = await askForCluster();

/** For the titles of suites that need it: tests/support/rgw/setup.ts says how to have it. */
export const whyNot = rgw === null ? ' [skipped: radosgw is not installed here]' : '';

/** What answers in this run; `npm run swift` has another one. */
export const storeName = process.env['LADING_S3'] === 'swift' ? 'Swift' : 'radosgw';

/** A bucket of its own, behind a {@link FaultProxy}. */
export interface RgwWorld extends RgwAccess {
  readonly proxy: FaultProxy;
  /** The gateway itself, where nothing goes wrong. */
  readonly direct: string;
  /** The faulty way. */
  readonly endpoint: string;
  readonly bucket: string;
  /** The other way, to look from behind. */
  readonly client: S3Client;
  keys(): Promise<readonly string[]>;
  /** Every object that stands for this key. */
  stored(key: ObjectKey): Promise<readonly Uint8Array[]>;
  bytesOf(key: string): Promise<Uint8Array>;
  /** Unfinished uploads. */
  unfinished(): Promise<readonly { readonly key: string; readonly uploadId: string }[]>;
  dispose(): Promise<void>;
}

export async function rgwWorld(): Promise<RgwWorld> {
  if (rgw === null) throw new Error('There is no radosgw here: see the reason beside the suite.');
  const bucket = `test-${randomUUID()}`;
  const client = clientOf(rgw);
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  const proxy = await startFaultProxy({ upstream: rgw.endpoint });
  const world: RgwWorld = {
    ...rgw,
    proxy,
    direct: rgw.endpoint,
    endpoint: proxy.origin,
    bucket,
    client,
    async keys() {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
      return Contents.map(({ Key = '' }) => Key);
    },
    async stored(key) {
      const found = (await world.keys()).filter((one) => one === s3Key('', key));
      return Promise.all(found.map((one) => world.bytesOf(one)));
    },
    async bytesOf(key) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      return (await Body?.transformToByteArray()) ?? new Uint8Array();
    },
    async unfinished() {
      const { Uploads = [] } = await client.send(
        new ListMultipartUploadsCommand({ Bucket: bucket }),
      );
      return Uploads.map(({ Key = '', UploadId = '' }) => ({ key: Key, uploadId: UploadId }));
    },
    async dispose() {
      client.destroy();
      await proxy.close();
    },
  };
  return world;
}

/** The SDK as anybody would use it. */
function clientOf({ endpoint, region, credentials }: RgwAccess): S3Client {
  return new S3Client({
    endpoint,
    region,
    credentials,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
}

async function askForCluster(): Promise<RgwAccess | null> {
  const answer = await fetch(inject('rgwControl'));
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()) as RgwAccess | null;
}
