import { v5 as uuidv5 } from 'uuid';
import type { MediaId } from '../../machines/attachment/types.ts';

/** Where an older app's url leads. */
export type OldUrl =
  | { readonly type: 'remote'; readonly locator: string }
  /** Bytes that were never sent, by an id that all devices of the older app know. */
  | { readonly type: 'unsent'; readonly localName: string }
  /** A place on one device: the same text means other bytes on another one. */
  | { readonly type: 'place'; readonly localName: string }
  /** It works for a while, or for whoever holds it. */
  | { readonly type: 'token' }
  | { readonly type: 'none' };

/** @param locatorOf what the app makes of a url; its answer is believed. */
export function readOldUrl(
  url: string,
  locatorOf: (url: string) => string | undefined = () => undefined,
): OldUrl {
  if (!url.isWellFormed() || url.length > MAX_URL_LENGTH) return NONE;
  const unsent = /^offline:\/\/([^/?#]+)$/.exec(url)?.[1];
  if (unsent !== undefined) return { type: 'unsent', localName: unsent };
  const given = locatorOf(url);
  if (given !== undefined) return isLocator(given) ? { type: 'remote', locator: given } : NONE;
  if (isPlace(url)) return { type: 'place', localName: url };
  if (!isLocator(url)) return NONE;
  return carriesToken(new URL(url)) ? { type: 'token' } : { type: 'remote', locator: url };
}

/**
 * The id of an attachment that had none: the same in each call, another one in another account. Ids that are UUIDs
 * already are kept (contract 1).
 * @param salt makes it this device's own, for names that mean nothing elsewhere.
 */
export function importedId(accountId: string, name: string, salt?: string): MediaId {
  const parts = salt === undefined ? [accountId, name] : [accountId, name, salt];
  return (isUuid(name) ? name : uuidv5(JSON.stringify(parts), NAMESPACE)) as MediaId;
}

/** Whether an older app's id may be the attachment's. */
export function isUuid(id: string): boolean {
  return UUID.test(id);
}

const NONE = { type: 'none' } as const;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Fixed for ever: a new one would double every import. */
const NAMESPACE = 'd9b1a5d4-5c0e-4c7e-9f61-0f0c8ad1f2b7';
const LOCAL_SCHEME = /^(?:file|content|blob|ph|assets-library|asset):/i;
const MAX_URL_LENGTH = 4_000;

/** Names under which services pass a right to read in a url (RFC 6750 2.3; AWS, Google, Azure and Firebase). */
const TOKEN_NAME =
  /^(?:access_?token|auth|jwt|key|api_?key|sig|signature|token|x-(?:amz|goog)-(?:credential|security-token|signature)|awsaccesskeyid|googleaccessid|key-pair-id)$/i;

function isPlace(url: string): boolean {
  const isPath = url.startsWith('/') && !url.startsWith('//');
  return isPath || LOCAL_SCHEME.test(url) || /^[a-z]:\\/i.test(url);
}

function isLocator(url: string): boolean {
  if (!url.isWellFormed() || url.length > MAX_URL_LENGTH || !URL.canParse(url)) return false;
  const { protocol } = new URL(url);
  return protocol === 'https:' || protocol === 'http:';
}

function carriesToken({ username, password, searchParams }: URL): boolean {
  if (username !== '' || password !== '') return true;
  return [...searchParams.keys()].some((name) => TOKEN_NAME.test(name));
}
