import type { MediaId } from '../../machines/attachment/types.ts';

/** What a value of the app's tables leads to: an attachment by its id, or whatever has this url. */
export type Root =
  | { readonly type: 'id'; readonly id: MediaId }
  | { readonly type: 'url'; readonly url: string };

const OFFLINE = 'offline://';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * The roots in one value: a ref, a list of refs, their JSON text, an id, an `offline://` url or any other url. `null`
 * and `''` are none.
 * @throws {TypeError} for what cannot be a ref: a wrong column must not look like no roots.
 */
export function* idsOf(value: unknown): Iterable<Root> {
  if (value === null || value === undefined || value === '') return;
  if (typeof value === 'string') yield* idsInText(value.trim());
  else if (Array.isArray(value)) for (const one of value) yield* idsOf(one);
  else if (typeof value === 'object') yield ofRef(value);
  else throw new TypeError(`a root must be a ref, an id or a url, not a ${typeof value}`);
}

function* idsInText(text: string): Iterable<Root> {
  if (text.startsWith('{') || text.startsWith('[')) yield* idsOf(JSON.parse(text));
  else if (text.startsWith(OFFLINE)) yield requireId(text.slice(OFFLINE.length));
  else if (UUID.test(text)) yield requireId(text);
  else if (text !== '') yield { type: 'url', url: text };
}

/** A ref of an older app may have no id: then its url leads to it. */
function ofRef(ref: object): Root {
  const { mediaId, url } = ref as { readonly mediaId?: unknown; readonly url?: unknown };
  if (typeof mediaId === 'string') return requireId(mediaId);
  if (typeof url === 'string' && url !== '') {
    return url.startsWith(OFFLINE) ? requireId(url.slice(OFFLINE.length)) : { type: 'url', url };
  }
  throw new TypeError('an object among the roots has neither a mediaId nor a url');
}

/** An older app's name for a file is no id of ours: it leads to nothing here. */
function requireId(id: string): Root {
  return { type: 'id', id: id as MediaId };
}
