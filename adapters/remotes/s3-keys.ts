import type { ObjectKey } from '../../ports/remote.ts';

/**
 * The key of an object in its bucket: `<prefix><account>/<mediaId>`. A part that is only dots is written `%2E`, since urls
 * are cleaned of such steps on their way; no other part ever contains that. Reversible.
 */
export function s3Key(prefix: string, objectKey: ObjectKey): string {
  return prefix + objectKey.split('/').map(undotted).join('/');
}

/** What the keys of all objects of an account begin with. */
export function s3KeyPrefix(prefix: string, accountId: string): string {
  return `${prefix}${undotted(encodeURIComponent(accountId))}/`;
}

/** Reads a key back; undefined for what {@link s3Key} can not have made. */
export function objectKeyOf(prefix: string, key: string): ObjectKey | undefined {
  if (!key.startsWith(prefix)) return undefined;
  const [account, media, ...rest] = key.slice(prefix.length).split('/');
  if (!account || !media || rest.length > 0) return undefined;
  const objectKey = `${dotted(account)}/${dotted(media)}` as ObjectKey;
  return isEncoded(objectKey) && s3Key(prefix, objectKey) === key ? objectKey : undefined;
}

function undotted(part: string): string {
  return /^\.+$/.test(part) ? part.replaceAll('.', '%2E') : part;
}

function dotted(part: string): string {
  return /^(%2E)+$/.test(part) ? part.replaceAll('%2E', '.') : part;
}

function isEncoded(objectKey: ObjectKey): boolean {
  try {
    const parts = objectKey.split('/').map((part) => encodeURIComponent(decodeURIComponent(part)));
    return parts.join('/') === objectKey;
  } catch {
    return false;
  }
}
