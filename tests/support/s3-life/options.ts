import { join } from 'node:path';
import { directoryBlobs } from '../../../adapters/blobs/directory.ts';
import { type S3RemoteOptions, s3Remote } from '../../../adapters/remotes/s3/index.ts';
import { nodeRunner } from '../../../adapters/runner/node.ts';
import type { LadingOptions } from '../../../index.ts';
import { openNodeSqlite } from '../../../persistence/drivers/node-sqlite.ts';

export interface LifeOptions {
  readonly directory: string;
  readonly s3: Pick<S3RemoteOptions, 'endpoint' | 'credentials'> & { readonly bucket: string };
}

export const OWNER = {
  scope: { accountId: 'ada' },
  entityType: 'receipt',
  entityId: 'r-1',
  field: 'scans',
};

/** An app whose files go to S3, on real disks: the same for every life of it. */
export function appOptions({ directory, s3 }: LifeOptions): LadingOptions {
  return {
    store: openNodeSqlite(join(directory, 'app.sqlite')),
    blobs: directoryBlobs({ directory: join(directory, 'files') }),
    remote: s3Remote({ ...s3, multipartAboveBytes: 6 * 1024 * 1024, partsAtOnce: 2 }),
    fields: {
      'receipt.scans': { kinds: ['pdf'], maxBytes: 100_000_000, retention: { local: 'drop' } },
    },
    account: 'ada',
    runner: nodeRunner(),
  };
}
