import type { MediaFacts } from '../../../machines/attachment/types.ts';
import type { ObjectKey } from '../../../ports/remote.ts';
import type { Answer } from '../transport/exchange.ts';
import { FaultSignal, fault } from '../transport/faults.ts';
import { withoutQuery } from '../transport/places.ts';
import { faultOfVerdict, isHtml, PORTAL } from '../transport/statuses.ts';
import { digestIn } from './digest.ts';
import type { HttpFound } from './options.ts';
import { askApp, type HttpParts } from './parts.ts';

/** An object as an answer tells of it: what the app read in it, then what its headers say. */
export async function foundIn(
  parts: HttpParts,
  operation: 'send' | 'look',
  objectKey: ObjectKey,
  answer: Answer,
  signal: AbortSignal,
): Promise<HttpFound> {
  const { options, origins } = parts;
  const { url, status, headers, body } = answer;
  const read = options.read;
  const told =
    read === undefined
      ? {}
      : await askApp(
          parts,
          () => read({ operation, objectKey, url, status, headers, body }),
          signal,
          UNREADABLE,
        );
  if (told === undefined) {
    throw new FaultSignal(faultOfVerdict(PORTAL, answer, 'a request', undefined));
  }
  const etag = /^(?:W\/)?"?([^"]*)"?$/.exec(headers.get('ETag') ?? '')?.[1] ?? '';
  const hash = options.etag === 'sha256' && /^[0-9a-f]{64}$/i.test(etag) ? etag : undefined;
  const sha256 = told.sha256 ?? hash?.toLowerCase() ?? reprDigest(operation, answer);
  const byteSize = told.byteSize ?? (operation === 'look' ? lengthIn(answer) : undefined);
  const token = told.token ?? (etag === '' ? undefined : etag);
  const link = told.url === undefined ? locationIn(answer, origins) : absolute(told.url, url);
  return {
    ...(link === undefined ? {} : { url: link }),
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(byteSize === undefined ? {} : { byteSize }),
    ...(token === undefined ? {} : { token }),
  };
}

const UNREADABLE = fault(
  'retryable',
  'answer_unreadable',
  'The app could not read what the server answered.',
);

/** Whether that is what was captured; what the remote does not tell, is not held against it. */
export function isSame({ byteSize, sha256 }: HttpFound, media: MediaFacts): boolean {
  return (
    (byteSize === undefined || byteSize === media.byteSize) &&
    (sha256 === undefined || sha256 === media.sha256)
  );
}

/** A page for people, which is what a captive portal answers with (field case 36), and what an app may have captured. */
export function isPage(media: MediaFacts): boolean {
  return isHtml({ get: () => media.contentType });
}

/** A page where that page is looked for: no portal knows how long it is, or what it hashes to. */
export function isThatPage(answer: Answer, media: MediaFacts): boolean {
  if (answer.status !== 200 || !isPage(media)) return false;
  const sha256 = reprDigest('look', answer);
  return sha256 === undefined ? lengthIn(answer) === media.byteSize : sha256 === media.sha256;
}

/** The digest of an answer with a body of its own is of that one (RFC 9530, 3.1), and so is one of nothing. */
function reprDigest(operation: 'send' | 'look', { headers, body }: Answer): string | undefined {
  if (operation === 'send' && body !== '') return undefined;
  const found = digestIn(headers, 'Repr-Digest');
  return found === OF_NOTHING ? undefined : found;
}

const OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

function lengthIn({ headers }: Answer): number | undefined {
  const length = headers.get('Content-Length') ?? '';
  // With a content coding it counts other bytes.
  return /^\d{1,15}$/.test(length) && !headers.has('Content-Encoding') ? Number(length) : undefined;
}

/** What an app read is its own word; null is "ask later". */
function absolute(link: string | null, asked: string): string | null {
  return link !== null && URL.canParse(link, asked) ? new URL(link, asked).href : null;
}

/**
 * Where the server says that it put the object, on an origin that is allowed (contract 10.3). A ref lives long and travels
 * far: nothing behind the path goes along (contract 1, 10.4).
 */
function locationIn({ headers, url: asked }: Answer, origins: ReadonlySet<string>) {
  const link = headers.get('Location');
  const url = link !== null && URL.canParse(link, asked) ? new URL(link, asked) : undefined;
  return url !== undefined && origins.has(url.origin) ? withoutQuery(url.href) : undefined;
}
