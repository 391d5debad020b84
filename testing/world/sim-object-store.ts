import { createHash } from 'node:crypto';
import { type ObjectKey, objectKey } from '../../ports/remote.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** A status as HTTP has it, and what goes with it. Nothing here throws: a request always gets an answer. */
export type StoreReply<T> =
  | ({ readonly status: 200 } & T)
  | {
      readonly status: 400 | 401 | 403 | 404 | 409 | 410 | 412 | 413 | 415 | 429 | 460 | 503;
      readonly code: string;
      /** 409 on append: where the next byte belongs. */
      readonly offset?: number;
      readonly retryAfterMs?: number;
    };

export interface ObjectFacts {
  readonly byteSize: number;
  readonly sha256: string;
  readonly contentType: string;
}

/** A completed object, now or once. */
export interface ObjectVersion extends ObjectFacts {
  readonly key: ObjectKey;
  /** Different for each completion ever. */
  readonly token: string;
  readonly bytes: Uint8Array;
  readonly completedAtMs: number;
  /** When it was deleted or replaced, or null. */
  readonly endedAtMs: number | null;
}

/** An upload that has begun and not ended. */
export interface UploadSession extends ObjectFacts {
  readonly handle: string;
  readonly key: ObjectKey;
  readonly offset: number;
  readonly expiresAtMs: number;
}

export interface ObjectStoreOptions {
  readonly clock: Pick<VirtualClock, 'elapsedMs'>;
  /** How long an unfinished upload stays after its last byte. Default 24 h. */
  readonly sessionLifeMs?: number;
  /** More is 413. Default: no limit. */
  readonly maxBytes?: number;
  /** Others are 415. Default: all are taken. */
  readonly accepts?: (contentType: string) => boolean;
  /** Keys that nobody may write are 403. Default: none. */
  readonly forbids?: (key: ObjectKey) => boolean;
  /** Asked before each request: what it returns is the answer, and the request is not looked at. Default: nothing. */
  readonly refuse?: (request: string, key: ObjectKey) => StoreReply<never> | undefined;
  /**
   * Whether creating a finished upload again, or putting over an object, is refused (409, 412). A stock server does not:
   * then every completion is one more version, and the history shows it. Default true.
   */
  readonly refusesSecond?: boolean;
}

/** A request's credentials: a token of {@link SimObjectStore.issueToken}, or null. */
export type Token = string | null;

/**
 * A small honest object store with resumable uploads, as one server process sees it: an upload of a key has a
 * deterministic handle, bytes are appended at the offset where it stands, and an object exists when all of them are
 * there and match the hash that was announced. Objects are also put whole, by one request.
 */
export interface SimObjectStore {
  create(
    token: Token,
    key: ObjectKey,
    facts: ObjectFacts,
  ): StoreReply<{ handle: string; offset: number }>;
  append(token: Token, handle: string, offset: number, bytes: Uint8Array): StoreReply<AppendReply>;
  /** Where an upload stands, at its end when it is finished. 404: never heard of, or deleted; 410: expired. */
  progress(token: Token, handle: string): StoreReply<{ offset: number; byteSize: number }>;
  put(
    token: Token,
    key: ObjectKey,
    facts: ObjectFacts,
    bytes: Uint8Array,
  ): StoreReply<{ token: string }>;
  head(
    token: Token,
    key: ObjectKey,
  ): StoreReply<{ object: ObjectFacts & { readonly token: string } }>;
  get(
    token: Token,
    key: ObjectKey,
    start: number,
    length: number,
  ): StoreReply<{ bytes: Uint8Array; byteSize: number }>;
  /** Unfinished uploads of an account, as many as a page has, behind `after`. */
  list(
    token: Token,
    accountId: string,
    after: string | null,
    limit: number,
  ): StoreReply<{ uploads: readonly { key: ObjectKey; handle: string }[] }>;
  /** Ends an unfinished upload; a missing one is fine. */
  abort(token: Token, handle: string): StoreReply<{ aborted: boolean }>;
  /** The object and its unfinished upload; a missing one is fine. */
  remove(token: Token, key: ObjectKey): StoreReply<{ removed: boolean }>;

  /** Credentials for the keys of one account; each call gives newer ones. */
  issueToken(accountId: string, lifeMs?: number): string;
  /** Ends all credentials of an account that were issued so far: 401 from now on. */
  revokeTokens(accountId: string): void;

  /** The object of a key, if it is there now. */
  object(key: ObjectKey): ObjectVersion | undefined;
  /** Objects that are there now. */
  objects(): readonly ObjectVersion[];
  /** Every object that was ever completed, in order: an oracle counts doubles here. */
  readonly history: readonly ObjectVersion[];
  /** Uploads that have begun, not ended and not expired. */
  sessions(): readonly UploadSession[];
  /** Bytes that arrived in all appends and puts, also those of refused ones. */
  readonly receivedBytes: number;
}

/** `token` is set when these were the last bytes: the object is complete. */
export interface AppendReply {
  readonly offset: number;
  readonly token: string | null;
}

interface Session extends ObjectFacts {
  readonly key: ObjectKey;
  bytes: Uint8Array;
  offset: number;
  expiresAtMs: number;
}

const DAY_MS = 86_400_000;

/** @returns an empty store that knows no credentials. */
export function simObjectStore(options: ObjectStoreOptions): SimObjectStore {
  const { clock, sessionLifeMs = DAY_MS, refusesSecond = true } = options;
  const history: { -readonly [K in keyof ObjectVersion]: ObjectVersion[K] }[] = [];
  const sessions = new Map<string, Session>();
  const tokens = new Map<string, { readonly accountId: string; expiresAtMs: number }>();
  let issued = 0;
  let received = 0;

  const live = new Map<ObjectKey, (typeof history)[number]>();
  const isExpired = (session: Session): boolean => session.expiresAtMs <= clock.elapsedMs;

  /** Why a request is not looked at, if it is not. */
  const gate = (request: string, token: Token, key: ObjectKey): StoreReply<never> | undefined => {
    const refusal = options.refuse?.(request, key);
    if (refusal !== undefined) return refusal;
    const credentials = token === null ? undefined : tokens.get(token);
    if (credentials === undefined || credentials.expiresAtMs <= clock.elapsedMs) {
      return { status: 401, code: 'credentials_expired' };
    }
    const isOwn = key.startsWith(objectKey(credentials.accountId, ''));
    return isOwn ? undefined : { status: 403, code: 'other_account' };
  };
  /** Why these bytes are not taken, whatever was done before. */
  const rules = (key: ObjectKey, facts: ObjectFacts): StoreReply<never> | undefined => {
    if (options.forbids?.(key) === true) return { status: 403, code: 'forbidden' };
    if (facts.byteSize > (options.maxBytes ?? Number.POSITIVE_INFINITY)) {
      return { status: 413, code: 'too_large' };
    }
    if (options.accepts?.(facts.contentType) === false) return { status: 415, code: 'unsupported' };
    return undefined;
  };
  const complete = (key: ObjectKey, facts: ObjectFacts, bytes: Uint8Array): string => {
    const replaced = live.get(key);
    if (replaced !== undefined) replaced.endedAtMs = clock.elapsedMs;
    const { byteSize, sha256, contentType } = facts;
    const token = `v${history.length + 1}`;
    const completedAtMs = clock.elapsedMs;
    const version = {
      byteSize,
      sha256,
      contentType,
      key,
      token,
      bytes,
      completedAtMs,
      endedAtMs: null,
    };
    history.push(version);
    live.set(key, version);
    return token;
  };

  return {
    create(token, key, facts) {
      const no = gate('create', token, key) ?? rules(key, facts);
      if (no !== undefined) return no;
      if (refusesSecond && live.get(key) !== undefined) {
        return { status: 409, code: 'already_complete' };
      }
      const handle = handleOf(key);
      const running = sessions.get(handle);
      if (running === undefined || isExpired(running) || running.sha256 !== facts.sha256) {
        const { byteSize, sha256, contentType } = facts;
        const expiresAtMs = clock.elapsedMs + sessionLifeMs;
        const bytes = new Uint8Array(byteSize);
        sessions.set(handle, { byteSize, sha256, contentType, key, bytes, offset: 0, expiresAtMs });
        return { status: 200, handle, offset: 0 };
      }
      return { status: 200, handle, offset: running.offset };
    },

    append(token, handle, offset, bytes) {
      received += bytes.byteLength;
      const key = keyOf(handle);
      const no = gate('append', token, key);
      if (no !== undefined) return no;
      const session = sessions.get(handle);
      if (session === undefined) return { status: 404, code: 'no_such_upload' };
      if (isExpired(session)) return { status: 410, code: 'upload_expired' };
      if (offset !== session.offset) {
        return { status: 409, code: 'wrong_offset', offset: session.offset };
      }
      if (offset + bytes.byteLength > session.byteSize)
        return { status: 400, code: 'too_many_bytes' };
      session.bytes.set(bytes, offset);
      session.offset += bytes.byteLength;
      session.expiresAtMs = clock.elapsedMs + sessionLifeMs;
      if (session.offset < session.byteSize) {
        return { status: 200, offset: session.offset, token: null };
      }
      sessions.delete(handle);
      if (hashOf(session.bytes) !== session.sha256)
        return { status: 460, code: 'checksum_mismatch' };
      return { status: 200, offset: session.offset, token: complete(key, session, session.bytes) };
    },

    progress(token, handle) {
      const key = keyOf(handle);
      const no = gate('progress', token, key);
      if (no !== undefined) return no;
      const session = sessions.get(handle);
      if (session !== undefined && isExpired(session))
        return { status: 410, code: 'upload_expired' };
      if (session !== undefined) {
        return { status: 200, offset: session.offset, byteSize: session.byteSize };
      }
      const finished = live.get(key);
      if (finished === undefined) return { status: 404, code: 'no_such_upload' };
      return { status: 200, offset: finished.byteSize, byteSize: finished.byteSize };
    },

    put(token, key, facts, bytes) {
      received += bytes.byteLength;
      const no = gate('put', token, key) ?? rules(key, facts);
      if (no !== undefined) return no;
      if (refusesSecond && live.get(key) !== undefined) {
        return { status: 412, code: 'already_complete' };
      }
      if (bytes.byteLength !== facts.byteSize || hashOf(bytes) !== facts.sha256) {
        return { status: 460, code: 'checksum_mismatch' };
      }
      return { status: 200, token: complete(key, facts, bytes) };
    },

    head(token, key) {
      const no = gate('head', token, key);
      if (no !== undefined) return no;
      const object = live.get(key);
      if (object === undefined) return { status: 404, code: 'no_such_object' };
      const { byteSize, sha256, contentType } = object;
      return { status: 200, object: { byteSize, sha256, contentType, token: object.token } };
    },

    get(token, key, start, length) {
      const no = gate('get', token, key);
      if (no !== undefined) return no;
      const object = live.get(key);
      if (object === undefined) return { status: 404, code: 'no_such_object' };
      const bytes = object.bytes.slice(start, start + length);
      return { status: 200, bytes, byteSize: object.byteSize };
    },

    list(token, accountId, after, limit) {
      const account = objectKey(accountId, '');
      const no = gate('list', token, account);
      if (no !== undefined) return no;
      const uploads = [...sessions]
        .filter(([, session]) => !isExpired(session) && session.key.startsWith(account))
        .map(([handle, { key }]) => ({ key, handle }))
        .filter(({ key }) => after === null || key > after)
        .toSorted((a, b) => (a.key < b.key ? -1 : 1));
      return { status: 200, uploads: uploads.slice(0, limit) };
    },

    abort(token, handle) {
      const no = gate('abort', token, keyOf(handle));
      if (no !== undefined) return no;
      return { status: 200, aborted: sessions.delete(handle) };
    },

    remove(token, key) {
      const no = gate('remove', token, key);
      if (no !== undefined) return no;
      const object = live.get(key);
      if (object !== undefined) object.endedAtMs = clock.elapsedMs;
      live.delete(key);
      const hadSession = sessions.delete(handleOf(key));
      return { status: 200, removed: object !== undefined || hadSession };
    },

    issueToken(accountId, lifeMs = DAY_MS) {
      const token = `token-${++issued}`;
      tokens.set(token, { accountId, expiresAtMs: clock.elapsedMs + lifeMs });
      return token;
    },
    revokeTokens(accountId) {
      for (const token of tokens.values()) {
        if (token.accountId === accountId) token.expiresAtMs = clock.elapsedMs;
      }
    },

    object: (key) => live.get(key),
    objects: () => [...live.values()],
    history,
    sessions: () =>
      [...sessions]
        .filter(([, session]) => !isExpired(session))
        .map(([handle, { bytes: _bytes, ...session }]) => ({ handle, ...session })),
    get receivedBytes() {
      return received;
    },
  };
}

/** The same for every upload of a key: whoever comes back finds what is there. */
function handleOf(key: ObjectKey): string {
  return `upload:${key}`;
}

function keyOf(handle: string): ObjectKey {
  return handle.slice('upload:'.length) as ObjectKey;
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
