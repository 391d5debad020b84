import { S3RequestPresigner } from '@aws-sdk/s3-request-presigner';
import { type S3Sign, s3Signer } from 'lading/remotes/s3';
import type { RgwWorld } from './rgw-world.ts';

/** A server of the app that makes presigned urls, as many do: good for a quarter of an hour, and nothing else comes back. */
export function presigning(
  { endpoint, bucket, client }: RgwWorld,
  signedAt: () => Date = () => new Date(),
): S3Sign {
  const presigner = new S3RequestPresigner({ ...client.config });
  const { protocol, hostname, port } = new URL(endpoint);
  return async ({ operation, method, key, query, headers }) => {
    const path = operation === 'ListMultipartUploads' ? '' : key;
    const escaped = path.split('/').map(encodeURIComponent).join('/');
    const signed = {
      'if-none-match': headers['if-none-match'],
      range: headers['range'],
      'x-amz-meta-sha256': headers['x-amz-meta-sha256'],
    };
    const request = {
      method,
      protocol,
      hostname,
      port: Number(port),
      path: `/${bucket}/${escaped}`,
      query,
      headers: Object.fromEntries(Object.entries(signed).filter(([, value]) => value)),
    };
    const { query: made = {} } = await presigner.presign(
      request as unknown as Parameters<S3RequestPresigner['presign']>[0],
      {
        expiresIn: 900,
        signingDate: signedAt(),
        unhoistableHeaders: new Set(['x-amz-meta-sha256']),
      },
    );
    const pairs = Object.entries(made).map((pair) => pair.map(String) as [string, string]);
    const url = new URL(request.path, endpoint);
    url.search = pairs.map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
    return { url: url.href };
  };
}

/** Our half of the server, asked over JSON as by a device. */
export function signingServer(world: RgwWorld, accountOf: (key: string) => string): S3Sign {
  const { endpoint, bucket, credentials } = world;
  const sign = s3Signer({ endpoint, bucket, credentials });
  return async (request) => {
    const heard: unknown = JSON.parse(JSON.stringify(request));
    const answer = await sign(heard, { accountId: accountOf(request.key) });
    return JSON.parse(JSON.stringify(answer)) as typeof answer;
  };
}
