import { Readable } from 'node:stream';
import { LADING_KEY, parseTusUploadId, type TusUploadOwner } from './tus-ids.ts';

/** A `@tus/server` data store. Named by shape, so that the types of the app's own copy fit. */
export interface TusDataStore {
  create(upload: TusUpload): Promise<unknown>;
  remove(id: string): Promise<void>;
  getUpload(id: string): Promise<TusUpload>;
  getExpiration(): number;
  /** Stores that can be downloaded from have it. */
  read?(id: string): unknown;
}

export interface TusUpload {
  readonly id: string;
  readonly size?: number | undefined;
  readonly offset: number;
  readonly creation_date?: string | undefined;
}

export interface LadingTusOptions<Store extends TusDataStore> {
  readonly datastore: Store;
  /** Whether this request may touch what belongs to `owner`: asked for every verb. Throw `{ status_code, body }` to refuse. */
  readonly authorize?: (request: Request, owner: TusUploadOwner) => void | Promise<void>;
}

/** Options of `@tus/server`, named by shape: types that come from it would not compile where it is not installed. */
export interface LadingTusHooks<Store> {
  readonly datastore: Store;
  readonly relativeLocation: true;
  readonly namingFunction: (
    request: Request,
    metadata?: Record<string, string | null>,
  ) => Promise<string>;
  readonly onIncomingRequest: (request: Request, id: string) => Promise<void>;
}

/**
 * Options for `@tus/server` 2.4 that make an upload happen once (contract 4.2):
 *
 * - an upload is named by the id that the client asks for (`ladingKey` in `Upload-Metadata`), and only by one that
 *   `tusUploadId` can have made: two encoded parts and a dot, so neither a slash nor a way out of the store's folder;
 * - a second creation of an id that exists is answered 409 with `Location`, `Upload-Offset` and `Upload-Length`, where
 *   the stock file store would cut the finished file to nothing. The last word has the store's `create`, which runs
 *   under the server's lock of that id: two creations at once can not both win;
 * - a completed upload never expires (the stock server answers 410 for it after the store's expiration period; its
 *   `cleanUpExpiredUploads` with the file store removes completed uploads too: do not call it). An unfinished one
 *   that has expired is cleared away when its id is created again;
 * - a download does not end the server's process (the stock server's does in Node 24, now and then);
 * - downloads are served as attachments, with `nosniff` and a sandbox: a browser saves them and shows none as a page;
 * - locations are relative, so that they stay on the client's origin behind any proxy.
 *
 * The store should survive power loss on its own: `@tus/file-store` syncs nothing.
 *
 * @example
 * ```ts
 * const datastore = new FileStore({ directory: './uploads' })
 * const server = new Server({ path: '/uploads', ...ladingTusHooks({ datastore }) })
 * ```
 */
export function ladingTusHooks<Store extends TusDataStore>(
  options: LadingTusOptions<Store>,
): LadingTusHooks<Store> {
  const { datastore, authorize } = options;
  return {
    datastore: guarded(datastore),
    relativeLocation: true,
    async namingFunction(request, metadata) {
      const id = metadata?.[LADING_KEY] ?? '';
      if (parseTusUploadId(id) === undefined) throw refused;
      const existing = await find(datastore, id);
      if (existing === undefined) return id;
      // Before the answer: whoever may not touch it, is not told about it.
      const owner = parseTusUploadId(id);
      if (owner !== undefined) await authorize?.(request, owner);
      tell(request, existing);
      throw taken;
    },
    async onIncomingRequest(request, id) {
      const owner = parseTusUploadId(id);
      if (owner === undefined) throw request.method === 'POST' ? refused : unknown;
      await authorize?.(request, owner);
      if (request.method === 'GET') serveSafely(request);
    },
  };
}

const refused = {
  status_code: 400,
  body: `Upload-Metadata must name the upload by ${LADING_KEY}\n`,
};
const unknown = { status_code: 404, body: 'The file for this url was not found\n' };
const taken = { status_code: 409, body: 'An upload with this id exists: go on with it\n' };

/** The store, with a `create` that never overwrites, a `getUpload` under which nothing complete expires, a safe `read`. */
function guarded<Store extends TusDataStore>(store: Store): Store {
  const create = async (upload: TusUpload): Promise<unknown> => {
    if ((await find(store, upload.id)) !== undefined) throw taken;
    return store.create(upload);
  };
  const getUpload = async (id: string): Promise<TusUpload> => {
    const upload = await store.getUpload(id);
    // Handlers compute the end of its life from this date.
    if (!complete(upload)) return upload;
    const copy: TusUpload = Object.create(Object.getPrototypeOf(upload));
    return Object.assign(copy, upload, { creation_date: undefined });
  };
  const read = async (id: string): Promise<unknown> => {
    const bytes: unknown = await store.read?.(id);
    // A Node stream as the body of a `Response` ends the process now and then, with `Invalid state: ReadableStream is
    // already closed` thrown from undici in Node 24 (6 of 6 runs of 3 GETs). A web stream does not.
    return bytes instanceof Readable ? Readable.toWeb(bytes) : bytes;
  };
  return new Proxy(store, {
    get(target, property) {
      if (property === 'create') return create;
      if (property === 'getUpload') return getUpload;
      if (property === 'read' && store.read !== undefined) return read;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** The upload, unless there is none or it was unfinished and expired; then its remains are gone. */
async function find(store: TusDataStore, id: string): Promise<TusUpload | undefined> {
  let upload: TusUpload;
  try {
    upload = await store.getUpload(id);
  } catch (error) {
    const status = (error as { readonly status_code?: unknown }).status_code;
    if (status === 404 || status === 410) return undefined;
    throw error;
  }
  if (complete(upload) || !expired(upload, store.getExpiration())) return upload;
  await store.remove(id);
  return undefined;
}

function complete(upload: TusUpload): boolean {
  return upload.size !== undefined && upload.offset === upload.size;
}

function expired(upload: TusUpload, expirationMs: number): boolean {
  const createdAt = Date.parse(upload.creation_date ?? '');
  return expirationMs > 0 && Date.now() > createdAt + expirationMs;
}

/** Hooks can not set headers, the connection can: in Node the answer that is being made hangs on the request. */
function tell(request: Request, upload: TusUpload): void {
  const { runtime } = request as { readonly runtime?: { readonly node?: NodeSide } };
  const response = runtime?.node?.res;
  if (response === undefined) return;
  const { pathname } = new URL(request.url);
  response.setHeader('Location', `${pathname.replace(/\/+$/, '')}/${upload.id}`);
  response.setHeader('Upload-Offset', String(upload.offset));
  if (upload.size !== undefined) response.setHeader('Upload-Length', String(upload.size));
}

/**
 * What users uploaded is saved by a browser and never shown as a page of this origin (contract 10.2). The handler of
 * `@tus/server` says `inline` of pictures and the like in the head that it writes itself: it is corrected there.
 */
function serveSafely(request: Request): void {
  const response = (request as { readonly runtime?: { readonly node?: NodeSide } }).runtime?.node
    ?.res;
  if (response === undefined) return;
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Content-Security-Policy', "default-src 'none'; sandbox");
  const writeHead = response.writeHead.bind(response);
  response.writeHead = (...head: unknown[]) => {
    const headers = head.at(-1);
    if (Array.isArray(headers)) {
      for (let at = 0; at < headers.length; at += 2) {
        const isDisposition = String(headers[at]).toLowerCase() === 'content-disposition';
        if (isDisposition) headers[at + 1] = 'attachment';
      }
    }
    return writeHead(...head);
  };
}

interface NodeSide {
  readonly res?: {
    setHeader(name: string, value: string): unknown;
    writeHead(...head: unknown[]): unknown;
  };
}
