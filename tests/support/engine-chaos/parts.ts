import { createHash } from 'node:crypto';
import { directoryBlobs, nodeDisk } from '../../../adapters/blobs/directory.ts';
import { tusRemote, tusUploadId } from '../../../adapters/remotes/tus/index.ts';
import type { Backend } from '../../../ports/backend.ts';
import type { BlobStore } from '../../../ports/blob-store.ts';
import type { Disk } from '../../../ports/disk.ts';
import type { Remote, UploadContext } from '../../../ports/remote.ts';
import type { SqlDatabase } from '../../../ports/sql.ts';
import type { DriverName } from '../drivers.ts';
import { filesWithPoints, openDatabase } from './database.ts';
import { type Point, type Points, say } from './points.ts';

/*
 * The real parts that the child opens Lading with, each with points in it where a kill makes a difference. They
 * change nothing of what the parts do, but their pace: pieces of an upload come slowly enough for kills to hit one.
 */

export async function sqlWithPoints(
  driver: DriverName,
  file: string,
  points: Points,
): Promise<SqlDatabase> {
  const beforeCommit = (): void => points.hit('sql.before_commit');
  const database = await openDatabase(driver, file, { beforeCommit }, filesWithPoints(points));
  let depth = 0;
  return {
    exec: (sql) => database.exec(sql),
    run: (sql, ...params) => database.run(sql, ...params),
    get: (sql, ...params) => database.get(sql, ...params),
    all: (sql, ...params) => database.all(sql, ...params),
    read: (query) => database.read(query),
    transaction(run) {
      depth += 1;
      try {
        const result = database.transaction(run);
        if (depth === 1) points.hit('sql.committed');
        return result;
      } finally {
        depth -= 1;
      }
    },
    get inTransaction() {
      return database.inTransaction;
    },
    close: () => database.close(),
  };
}

export function blobsWithPoints(directory: string, points: Points, paceMs: number): BlobStore {
  const blobs = directoryBlobs({ disk: diskWithPoints(nodeDisk(directory), points) });
  return {
    async write(key, source, options) {
      const written = await blobs.write(key, source, options);
      points.hit('blob.written');
      return written;
    },
    async *open(key, range) {
      for await (const bytes of blobs.open(key, range)) {
        for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES) {
          if (paceMs > 0) await new Promise((resolve) => setTimeout(resolve, paceMs));
          yield bytes.subarray(at, at + PIECE_BYTES);
        }
      }
    },
    stat: (key) => blobs.stat(key),
    remove: (key) => blobs.remove(key),
    list: () => blobs.list(),
  };
}

const PIECE_BYTES = 64 * 1024;

function diskWithPoints(disk: Disk, points: Points): Disk {
  return {
    async open(path, mode) {
      const file = await disk.open(path, mode);
      if (mode === 'read') return file;
      points.hit('disk.created');
      return {
        read: (position, length) => file.read(position, length),
        append: (bytes) => followed(file.append(bytes), 'disk.appended'),
        sync: () => followed(file.sync(), 'disk.synced'),
        size: () => file.size(),
        close: () => file.close(),
      };
    },
    rename: (from, to) => followed(disk.rename(from, to), 'disk.renamed'),
    remove(path) {
      points.hit('disk.removing');
      return followed(disk.remove(path), 'disk.removed');
    },
    list: (path) => disk.list(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    syncDirectory: (path) => followed(disk.syncDirectory(path), 'disk.directory_synced'),
  };

  async function followed(done: Promise<void>, point: Point): Promise<void> {
    await done;
    points.hit(point);
  }
}

export function remoteWithPoints(endpoint: string, points: Points): Remote {
  const remote = tusRemote({
    endpoint,
    // Half of the ids prove their locator with the upload, the other half in a step of its own.
    locator: ({ url }) => (isEven(url) ? url : null),
    async fetch(input, init) {
      const method = httpPoint(init?.method ?? 'GET');
      points.hit(`http.${method}.sending`);
      const response = await fetch(input, init);
      points.hit(`http.${method}.answered`);
      return response;
    },
  });
  return {
    async upload(request, context) {
      const mediaId = decodeURIComponent(request.objectKey.split('/')[1] ?? '');
      points.hit('upload.begun');
      say({ type: 'run', mediaId });
      const lent: UploadContext = {
        ...context,
        async opened(handle) {
          points.hit('upload.opening');
          await context.opened(handle);
          points.hit('upload.opened');
        },
      };
      // With our hooks the place needs no handle. Half of them commit it all the same, as where a server names uploads.
      if (context.handle === null && isEven(mediaId)) {
        await lent.opened(`${endpoint}/${tusUploadId(request.objectKey)}`);
      }
      const outcome = await remote.upload(
        {
          ...request,
          async *open(range) {
            for await (const bytes of request.open(range)) {
              say({ type: 'sent', mediaId, bytes: bytes.byteLength });
              yield bytes;
              points.hit('upload.bytes');
            }
            points.hit('upload.last_byte');
          },
        },
        lent,
      );
      if (outcome.ok) points.hit('upload.answered');
      return outcome;
    },
    async head(objectKey, options) {
      points.hit('attach.looking');
      const found = await remote.head(objectKey, options);
      points.hit('attach.found');
      return found;
    },
    async remove(objectKey, options) {
      points.hit('remove.asking');
      const outcome = await remote.remove(objectKey, options);
      points.hit('remove.answered');
      return outcome;
    },
    async download(url, options) {
      points.hit('download.begun');
      const outcome = await remote.download(url, options);
      if (!outcome.ok) return outcome;
      return {
        ...outcome,
        body: (async function* () {
          for await (const bytes of outcome.body) {
            yield bytes;
            points.hit('download.bytes');
          }
        })(),
      };
    },
  };
}

function httpPoint(method: string): 'POST' | 'HEAD' | 'PATCH' | 'DELETE' | 'GET' {
  switch (method) {
    case 'POST':
    case 'HEAD':
    case 'PATCH':
    case 'DELETE':
    case 'GET':
      return method;
    default:
      throw new TypeError(`there is no point for ${method}`);
  }
}

export function backendWithPoints(backend: Backend, points: Points): Backend {
  return {
    async push(ops, options) {
      points.hit('backend.pushing');
      const results = await backend.push(ops, options);
      points.hit('backend.pushed');
      return results;
    },
    async pull(scope, after, options) {
      const page = await backend.pull(scope, after, options);
      points.hit('backend.pulled');
      return page;
    },
    listen: (scope, listener) => backend.listen(scope, listener),
  };
}

function isEven(text: string): boolean {
  return createHash('sha256').update(text).digest().readUInt8(0) % 2 === 0;
}
