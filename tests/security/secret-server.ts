import type { IncomingMessage, ServerResponse } from 'node:http';
import { type FaultServer, startFaultServer } from '../support/fault-server.ts';

/** What a server gives away that nobody else may see: each is long, and mixes letters with digits, as tokens do. */
export const CANARIES = {
  header: 'cnryHeader7f3a9c1e5b2d8046aa',
  endpoint: 'cnryEndpoint4b8e1f6a2c9d3057bb',
  path: 'cnryPath1d5f9b3e7a4c8260cc',
  query: 'cnryQuery6e2a8d4f1b9c5073dd',
  body: 'cnryBody3c7b1f9e5d2a8064ee',
  backend: 'cnryBackend8a4e2d6f1c9b5370ff',
  thrown: 'cnryThrown5d9f3b7e1a4c8206ab',
} as const;

export interface SecretServer extends FaultServer {
  /** Complete objects by their path. */
  readonly objects: ReadonlyMap<string, Buffer>;
}

/**
 * A tus server of the stock kind: it chooses the urls of uploads itself, with a token in the path and one in the query,
 * and lets in only who has them. Its faults quote what they should not.
 */
export async function secretServer(): Promise<SecretServer> {
  const uploads = new Map<string, { readonly length: number; bytes: Buffer }>();
  const objects = new Map<string, Buffer>();
  let count = 0;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://server');
    const say = (status: number, headers: Readonly<Record<string, string>> = {}): void => {
      const quoted = status < 400 ? '' : `refused: ${CANARIES.body} ${request.url}`;
      response.writeHead(status, { 'Tus-Resumable': '1.0.0', ...headers }).end(quoted);
    };
    const body: Buffer[] = [];
    for await (const bytes of request) body.push(bytes as Buffer);
    if (request.headers.authorization !== `Bearer ${CANARIES.header}`) return say(401);
    if (request.method === 'POST') {
      if (url.searchParams.get('key') !== CANARIES.endpoint) return say(403);
      const path = `/files/${CANARIES.path}-${++count}`;
      uploads.set(path, {
        length: Number(request.headers['upload-length']),
        bytes: Buffer.alloc(0),
      });
      return say(201, { Location: `${path}?token=${CANARIES.query}` });
    }
    const object = objects.get(url.pathname);
    if (request.method === 'GET' && object !== undefined) {
      return void response.writeHead(200).end(object);
    }
    const upload = uploads.get(url.pathname);
    if (upload === undefined) return say(404);
    if (url.searchParams.get('token') !== CANARIES.query) return say(403);
    if (request.method === 'DELETE') {
      uploads.delete(url.pathname);
      return say(204);
    }
    if (request.method === 'PATCH') {
      upload.bytes = Buffer.concat([upload.bytes, ...body]);
      if (upload.bytes.byteLength === upload.length) objects.set('/objects/last', upload.bytes);
      return say(204, { 'Upload-Offset': String(upload.bytes.byteLength) });
    }
    say(200, {
      'Upload-Offset': String(upload.bytes.byteLength),
      'Upload-Length': String(upload.length),
    });
  }

  const server = await startFaultServer((request, response) => void handle(request, response));
  return Object.assign(server, { objects });
}
