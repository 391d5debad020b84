import { type S3RemoteOptions, s3Remote } from 'lading/remotes/s3';
import { OBJECT_ORIGIN, type simFetch } from 'lading/testing';
import type { ObjectKey } from '../../ports/remote.ts';

await import('@aws-sdk/client-s3'); // before virtual time begins

type Send = ReturnType<typeof simFetch>;

/** `https://objects.example/`, as the host of a bucket. */
const BUCKET = { bucket: 'objects', endpoint: 'https://example', pathStyle: false } as const;

const SUM = 'x-amz-checksum-sha256';

/** The simulated store as one of S3, whose requests an app signs with the token of the moment. */
export function simS3(
  token: (key: ObjectKey) => string | null,
  options: Pick<S3RemoteOptions, 'clock' | 'fetch' | 'carrier'>,
) {
  return s3Remote({
    ...BUCKET,
    ...options,
    async sign({ key, query, headers }) {
      const url = new URL(key, OBJECT_ORIGIN);
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
      const given = token(key as ObjectKey);
      const sum = headers[SUM];
      return {
        url: url.href,
        headers: {
          ...(given === null ? {} : { Authorization: given }),
          ...(sum === undefined ? {} : { [SUM]: sum }), // as if it were signed
        },
      };
    },
  });
}

/** What of S3 differs from the simulated store of plain HTTP: hashes, error documents, and a listing that nobody may see. */
export function s3Face(send: Send): Send {
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.searchParams.has('uploads')) return refusal(403, 'AccessDenied');
    url.search = '';
    const headers = new Headers(init.headers);
    const sum = headers.get(SUM);
    if (sum !== null) headers.set('Content-Digest', `sha-256=:${sum}:`);
    const answer = await send(url, { ...init, headers });
    if (answer.status === 460) return refusal(400, 'BadDigest');
    const digest = /^sha-256=:(.*):$/.exec(answer.headers.get('Repr-Digest') ?? '')?.[1];
    if (digest !== undefined) answer.headers.set(SUM, digest);
    return answer;
  };
}

function refusal(status: number, code: string): Response {
  return new Response(`<Error><Code>${code}</Code></Error>`, { status });
}
