import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { httpRemote } from '../../adapters/remotes/http/index.ts';
import { s3Remote } from '../../adapters/remotes/s3/index.ts';
import { tusRemote } from '../../adapters/remotes/tus/index.ts';
import type { Remote } from '../../ports/remote.ts';
import type { RgwAccess } from '../../tests/support/rgw/cluster.ts';
import { plainPut, plainTus } from './plain.ts';

/** A remote, and the least that sending a file to the same server costs. */
export interface Subject {
  readonly name: string;
  readonly baseline: string;
  /** What the share of the baseline's throughput should be: of files of 20 MB, and of 200 KB. */
  readonly goals: { readonly large: number; readonly small: number };
  /** One whose objects no earlier round has met. */
  remote(round: string): Remote;
  /** @param id of the object: no other round's, and no other file's. */
  plain(path: string, id: string): Promise<void>;
}

/**
 * @param kind as the command line of a child names it.
 * @param place where the server is; for S3 a {@link S3Place} as JSON.
 */
export function subjectOf(kind: string, place: string): Subject {
  const make = { http: httpSubject, s3: s3Subject, tus: tusSubject }[kind];
  if (make === undefined) throw new Error(`no subject is called ${kind}`);
  return make(place);
}

function httpSubject(origin: string): Subject {
  return {
    name: 'HTTP',
    baseline: 'a plain PUT',
    goals: { large: 0.9, small: 0.6 },
    remote: (round) => httpRemote({ endpoint: `${origin}/put/${round}` }),
    plain: (path, id) => plainPut(`${origin}/put/plain-${id}`, path),
  };
}

/** An S3 server, and an empty bucket there. */
export interface S3Place extends RgwAccess {
  readonly bucket: string;
}

function s3Subject(text: string): Subject {
  const place = JSON.parse(text) as S3Place;
  const client = new S3Client({ ...place, forcePathStyle: true, ...AS_IT_IS });
  return {
    name: 'S3',
    baseline: 'a plain PUT, presigned',
    goals: { large: 0.9, small: 0.6 },
    remote: (round) => s3Remote({ ...place, prefix: `${round}/` }),
    async plain(path, id) {
      const command = new PutObjectCommand({ Bucket: place.bucket, Key: `plain/${id}` });
      await plainPut(await getSignedUrl(client, command), path);
    },
  };
}

/** Or the url would demand the checksum of an empty body. */
const AS_IT_IS = { requestChecksumCalculation: 'WHEN_REQUIRED' } as const;

function tusSubject(origin: string): Subject {
  const endpoint = `${origin}/files`;
  return {
    name: 'tus',
    baseline: 'tus-js-client alone',
    goals: { large: 0.9, small: 0.8 },
    remote: (round) =>
      tusRemote({ endpoint, idFor: (key) => `${round}.${key.slice(key.indexOf('/') + 1)}` }),
    plain: (path, id) => plainTus(endpoint, path, `plain.${id}`),
  };
}
