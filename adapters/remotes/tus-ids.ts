import { LadingError } from '../../ports/errors.ts';
import { decodeIdPart, encodeIdPart } from '../../ports/id-part.ts';
import type { ObjectKey } from '../../ports/remote.ts';

/** The key of `Upload-Metadata` under which a client asks for its upload id; the server hook names the upload by it. */
export const LADING_KEY = 'ladingKey';

/** Stores append suffixes such as `.json`, and most file systems take 255 bytes in one name. */
const LONGEST_ID = 240;

/** Who an upload belongs to, as its id says. */
export interface TusUploadOwner {
  readonly accountId: string;
  readonly mediaId: string;
}

/**
 * The id under which an object is uploaded: `<account>.<mediaId>`, each part encoded to `a-z 0-9 - _`.
 * One path segment without `/`, because `@tus/server` takes the last segment of a url for the id; safe as a file
 * name, also where case does not count; and reversible, so that a server can check whose upload it is (contract 4.2).
 *
 * @throws {LadingError} `invalid_id`: the two ids are too long together.
 */
export function tusUploadId(objectKey: ObjectKey): string {
  const id = objectKey
    .split('/')
    .map((part) => encodeIdPart(decodeURIComponent(part)))
    .join('.');
  if (id.length <= LONGEST_ID) return id;
  throw new LadingError(
    'invalid_id',
    `Account and media id make an upload id of ${id.length} characters; the most is ${LONGEST_ID}.`,
    { details: { length: id.length } },
  );
}

/** Reads an id back; undefined for everything that {@link tusUploadId} can not have made. */
export function parseTusUploadId(id: string): TusUploadOwner | undefined {
  if (id.length > LONGEST_ID) return undefined;
  const [account, media, ...rest] = id.split('.');
  if (account === undefined || media === undefined || rest.length > 0) return undefined;
  const accountId = decodeIdPart(account);
  const mediaId = decodeIdPart(media);
  return accountId === undefined || mediaId === undefined ? undefined : { accountId, mediaId };
}
