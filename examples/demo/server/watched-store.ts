import { readdir } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileStore } from '@tus/file-store';
import type { ServerOrders, UploadPart, UploadTraffic } from '../messages.ts';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** The file store of `@tus/server` behind a slow line: it counts what comes, and can stop an upload in its middle. */
export class WatchedStore extends FileStore {
  readonly #orders: ServerOrders;
  readonly #listener: {
    onHeld(uploadId: string): void;
    onMoved(storedBytes: number): void;
  };
  readonly #creations = new Map<string, number>();
  readonly #parts = new Map<string, Mutable<UploadPart>[]>();
  readonly #cut = Promise.withResolvers<void>();
  #holding = false;
  #movedBytes = 0;
  /** When the line is free again. */
  #freeAt = 0;

  constructor(
    orders: ServerOrders,
    listener: { onHeld(uploadId: string): void; onMoved(storedBytes: number): void },
  ) {
    super({ directory: orders.directory });
    this.#orders = orders;
    this.#listener = listener;
  }

  override async create(upload: Parameters<FileStore['create']>[0]) {
    const created = await super.create(upload);
    this.#creations.set(upload.id, (this.#creations.get(upload.id) ?? 0) + 1);
    return created;
  }

  override async write(body: Readable, id: string, fromByte: number): Promise<number> {
    const part = { fromByte, receivedBytes: 0, storedBytes: 0 };
    this.#parts.set(id, [...(this.#parts.get(id) ?? []), part]);
    const { size } = await this.getUpload(id);
    const holdAt = this.#holdAt(fromByte, size);
    const line = Readable.from(this.#line(body, id, part, holdAt), { objectMode: false });
    return super.write(line, id, fromByte);
  }

  /** The sender of the held upload is dead. */
  cut(): void {
    this.#cut.resolve();
  }

  async uploads(): Promise<readonly UploadTraffic[]> {
    const names = (await readdir(this.directory)).filter((name) => !name.endsWith('.json'));
    return Promise.all(
      names.toSorted().map(async (id) => {
        const { size = 0, offset } = await this.getUpload(id);
        const creations = this.#creations.get(id) ?? 0;
        return {
          id,
          sizeBytes: size,
          storedBytes: offset,
          creations,
          parts: this.#parts.get(id) ?? [],
        };
      }),
    );
  }

  #holdAt(fromByte: number, size: number | undefined): number {
    const { sizeBytes, atByte } = this.#orders.hold ?? { sizeBytes: -1, atByte: 0 };
    if (this.#holding || size !== sizeBytes || fromByte >= atByte) return Number.POSITIVE_INFINITY;
    this.#holding = true;
    return atByte;
  }

  async *#line(
    body: AsyncIterable<Buffer>,
    id: string,
    part: Mutable<UploadPart>,
    holdAt: number,
  ): AsyncGenerator<Buffer> {
    for await (const bytes of body) {
      part.receivedBytes += bytes.byteLength;
      const position = part.fromByte + part.storedBytes;
      const passing = bytes.subarray(0, Math.max(0, holdAt - position));
      await this.#wait(passing.byteLength);
      part.storedBytes += passing.byteLength;
      this.#movedBytes += passing.byteLength;
      this.#listener.onMoved(this.#movedBytes);
      yield passing;
      if (passing.byteLength < bytes.byteLength || position + passing.byteLength === holdAt) {
        this.#listener.onHeld(id);
        await this.#cut.promise;
        return; // what the line still held is lost with its sender
      }
    }
  }

  async #wait(bytes: number): Promise<void> {
    const now = performance.now();
    this.#freeAt = Math.max(this.#freeAt, now) + (bytes / this.#orders.bytesPerSecond) * 1000;
    // Timers are coarse: what is shorter adds up until it is worth one.
    if (this.#freeAt - now > 5) await sleep(this.#freeAt - now);
  }
}

/** All bytes that a server's sockets received. */
export function countBytes(server: Server): () => number {
  const open = new Set<Socket>();
  let closedBytes = 0;
  server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      closedBytes += socket.bytesRead;
    });
  });
  return () => [...open].reduce((sum, socket) => sum + socket.bytesRead, closedBytes);
}
