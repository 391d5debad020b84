import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { type RgwCluster, startRgw } from '../../tests/support/rgw/cluster.ts';
import { missingPrograms } from '../../tests/support/rgw/programs.ts';
import { HOW_TO_INSTALL } from '../../tests/support/rgw/words.ts';
import type { S3Place } from './subjects.ts';

/** Ceph's radosgw with an empty bucket; undefined, and a line that says so, where it is not installed. */
export async function startS3(): Promise<
  { readonly place: S3Place; readonly cluster: RgwCluster } | undefined
> {
  if (missingPrograms().length > 0) {
    process.stdout.write(`S3 is left out: radosgw is not installed here. ${HOW_TO_INSTALL}\n`);
    return undefined;
  }
  const cluster = await startRgw();
  const { endpoint, region, credentials } = cluster;
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: 'bench' }));
  return { place: { endpoint, region, credentials, bucket: 'bench' }, cluster };
}
