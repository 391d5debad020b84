import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type FaultServer, startFaultServer } from './fault-server.ts';

export const BUCKET = 'demo.firebasestorage.app';

export interface FirebaseWorld {
  readonly server: FaultServer;
  bytesOf(name: string): Uint8Array | undefined;
}

/**
 * Speaks what the documentation of Firebase Storage and its emulator (firebase-tools 15) say of `v0/b/<bucket>/o`: media
 * upload by one POST, metadata by GET, bytes by `alt=media`, DELETE. Its rules: `create`, `get` and `delete` for whoever
 * has the token, and no `update`.
 */
export async function firebaseWorld(token = 'id-token'): Promise<FirebaseWorld> {
  const objects = new Map<string, { readonly bytes: Buffer; readonly contentType: string }>();
  const root = `/v0/b/${encodeURIComponent(BUCKET)}/o`;
  const server = await startFaultServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://here');
    const chunks: Buffer[] = [];
    for await (const bytes of request as AsyncIterable<Buffer>) chunks.push(bytes);
    const isSignedIn = request.headers.authorization === `Firebase ${token}`;
    const name =
      request.method === 'POST'
        ? (url.searchParams.get('name') ?? '')
        : decodeURIComponent(url.pathname.slice(root.length + 1));
    const found = objects.get(name);
    if (!url.pathname.startsWith(root)) return refuse(response, 404, 'Not Found.');
    if (!isSignedIn) return refuse(response, 403, 'Permission denied.');
    if (request.method === 'POST') {
      if (found !== undefined) return refuse(response, 403, 'Permission denied.');
      const contentType = request.headers['content-type'] ?? 'application/octet-stream';
      objects.set(name, { bytes: Buffer.concat(chunks), contentType });
      return tell(name, response);
    }
    if (found === undefined) return refuse(response, 404, 'Not Found.');
    if (request.method === 'DELETE') {
      objects.delete(name);
      response.writeHead(204).end();
    } else if (url.searchParams.get('alt') === 'media') {
      const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const { byteLength } = found.bytes;
      const range = { 'Content-Range': `bytes ${start}-${byteLength - 1}/${byteLength}` };
      response.writeHead(start === 0 ? 200 : 206, {
        'Content-Type': found.contentType,
        'Content-Length': byteLength - start,
        ...(start === 0 ? {} : range),
      });
      response.end(found.bytes.subarray(start));
    } else tell(name, response);
  }

  function tell(name: string, response: ServerResponse): void {
    const { bytes = Buffer.alloc(0), contentType } = objects.get(name) ?? {};
    response.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8' });
    response.end(
      JSON.stringify({
        name,
        bucket: BUCKET,
        generation: '1700000000000000',
        metageneration: '1',
        contentType,
        size: String(bytes.byteLength),
        md5Hash: createHash('md5').update(bytes).digest('base64'),
        contentDisposition: "inline; filename*=utf-8''x",
        downloadTokens: 'CANARY-download-token',
      }),
    );
  }

  return { server, bytesOf: (name) => objects.get(name)?.bytes };
}

function refuse(response: ServerResponse, code: number, message: string): void {
  response.writeHead(code, { 'Content-Type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify({ error: { code, message } }));
}
