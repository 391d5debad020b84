import type { Condition } from '../transport/seen.ts';
import { errorCodeOf, isErrorDocument } from './errors.ts';

/** The error document has one of these codes. */
export function says(...codes: readonly string[]): Condition {
  return {
    words: `the error code is ${codes.map((code) => `\`${code}\``).join(' or ')}`,
    holds: ({ body }) => codes.includes(errorCodeOf(body) ?? ''),
  };
}

/** Whatever its code is. */
export const anError: Condition = {
  words: 'the body is an error document',
  holds: ({ body }) => isErrorDocument(body),
};

/** A store names what it stored; a captive portal does not (field case 36). In a page, CORS must expose the header. */
export const noETag: Condition = {
  words: 'there is no `ETag`',
  holds: ({ headers }) => headers.get('ETag') === null,
};

/** The store says where the bucket is instead. */
export const otherRegion: Condition = {
  words: 'the answer names another region in `x-amz-bucket-region`',
  holds: ({ headers }) => headers.get('x-amz-bucket-region') !== null,
};

const DOCUMENTS: ReadonlySet<string> = new Set([
  'InitiateMultipartUploadResult',
  'ListPartsResult',
  'CompleteMultipartUploadResult',
  'ListMultipartUploadsResult',
]);

/** A captive portal answers with another one, or with none (field case 36). */
export const noDocument: Condition = {
  words: 'the body is no document of S3',
  holds: ({ body }) => rootOf(body) === undefined,
};

/** Its end is missing. */
export const cutShort: Condition = {
  words: 'the document has no end',
  holds: ({ body }) => !body.trimEnd().endsWith(`</${rootOf(body)}>`),
};

/** A url that was signed for a while, and the while is over (field case 40). */
export const saysExpired: Condition = {
  words: 'the message is `Request has expired`',
  holds: ({ body }) => isErrorDocument(body) && /<Message>\s*Request has expired/.test(body),
};

function rootOf(body: string): string | undefined {
  const root = /^\s*(?:<\?xml[^>]*>\s*)?<(\w+)[\s>]/.exec(body)?.[1];
  return root !== undefined && DOCUMENTS.has(root) ? root : undefined;
}
