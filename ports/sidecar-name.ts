import { accountPrefix } from './blob-store.ts';
import { decodeIdPart, encodeIdPart } from './id-part.ts';
import type { SidecarName } from './sidecars.ts';

/** The place of one attachment's sidecar. @throws {LadingError} `invalid_id`. */
export function sidecarName(accountId: string, mediaId: string): SidecarName {
  return `${accountPrefix(accountId)}m-${encodeIdPart(mediaId)}` as SidecarName;
}

/** Whose sidecar has this name; undefined for a name that {@link sidecarName} cannot have made. */
export function sidecarIds(
  name: string,
): { readonly accountId: string; readonly mediaId: string } | undefined {
  const [, account = '', media = ''] = /^a-([^/]+)\/m-([^/]+)$/.exec(name) ?? [];
  const accountId = decodeIdPart(account);
  const mediaId = decodeIdPart(media);
  return accountId === undefined || mediaId === undefined ? undefined : { accountId, mediaId };
}
