import { randomUUID } from 'node:crypto';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { objectKeyOf, s3Remote } from '../../../../adapters/remotes/s3/index.ts';
import { mediaIdOfKey } from '../../../../ports/remote.ts';
import { type RgwAccess, startRgw } from '../../rgw/cluster.ts';
import { ACCOUNT } from '../plan.ts';
import type { ChaosProtocol } from './store.ts';

/** Small, so that a campaign sends many files in parts; those that are carried are sent by one request. */
const MULTIPART_ABOVE_BYTES = 100_000;

interface S3Access extends RgwAccess {
  readonly bucket: string;
}

/** Ceph's radosgw: the one of this run of tests, or one of its own. */
export const s3Protocol: ChaosProtocol = {
  async start(_directory, { radosgw }) {
    const cluster: RgwAccess & { stop?(): Promise<void> } = radosgw ?? (await startRgw());
    const { endpoint, region, credentials } = cluster;
    const bucket = `chaos-${randomUUID()}`;
    const access: S3Access = { endpoint, region, credentials, bucket };
    const client = new S3Client({
      endpoint,
      region,
      credentials,
      forcePathStyle: true,
      requestChecksumCalculation: 'WHEN_REQUIRED',
    });
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    return {
      upstream: endpoint,
      access,
      keyOf: ({ path }) => s3MediaIdOf(path.split('?', 1)[0]?.slice(bucket.length + 2) ?? path),
      async objects() {
        const names: string[] = [];
        for (let token: string | undefined, more = true; more; ) {
          const page = await client.send(
            new ListObjectsV2Command({ Bucket: bucket, ContinuationToken: token }),
          );
          names.push(...(page.Contents ?? []).map(({ Key = '' }) => Key));
          token = page.NextContinuationToken;
          more = page.IsTruncated === true;
        }
        return names.map((name) => ({
          name,
          mediaId: s3MediaIdOf(name),
          async read() {
            const got = await client.send(new GetObjectCommand({ Bucket: bucket, Key: name }));
            return (await got.Body?.transformToByteArray()) ?? new Uint8Array();
          },
        }));
      },
      async unfinished() {
        const page = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
        return (page.Uploads ?? []).map(({ Key = '', UploadId = '' }) => `${Key} ${UploadId}`);
      },
      async stop() {
        client.destroy();
        await cluster.stop?.();
      },
    };
  },
  remote(origin, { access, ...options }) {
    const { bucket, region, credentials } = access as S3Access;
    return s3Remote({
      endpoint: origin,
      bucket,
      region,
      credentials,
      ...options,
      multipartAboveBytes: MULTIPART_ABOVE_BYTES,
    });
  },
};

function s3MediaIdOf(key: string): string {
  const objectKey = objectKeyOf('', decodeURIComponent(key));
  return (objectKey === undefined ? undefined : mediaIdOfKey(objectKey, ACCOUNT)) ?? key;
}
