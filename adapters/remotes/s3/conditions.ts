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

/** Not the document that answers this request. */
export function notA(root: string): Condition {
  return {
    words: `the body is no \`${root}\``,
    holds: ({ body }) => !new RegExp(`^\\s*(<\\?xml[^>]*>\\s*)?<${root}[\\s>]`).test(body),
  };
}

/** Its end is missing. */
export function cutShort(root: string): Condition {
  return {
    words: `the body does not end with \`</${root}>\``,
    holds: ({ body }) => !body.trimEnd().endsWith(`</${root}>`),
  };
}
