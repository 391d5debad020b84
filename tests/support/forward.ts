import { type IncomingMessage, request, type ServerResponse } from 'node:http';

export interface Forward {
  readonly handler: (incoming: IncomingMessage, response: ServerResponse) => void;
  /** The next PUT breaks when this many bytes of its body went on. */
  readonly cutAfter: (bytes: number) => void;
  /** A bit of the body of the next PUT is another one when it goes on. */
  readonly flipABit: () => void;
}

/**
 * Passes requests on as they come, headers included, so that signatures hold. A client that goes away in the middle of
 * its request has not sent it.
 */
export function forwardTo(origin: string): Forward {
  const { hostname, port } = new URL(origin);
  let cut: number | undefined;
  let flips = false;
  return {
    handler: (incoming, response) => {
      const { method, url: path, headers } = incoming;
      const onward = request({ hostname, port, method, path, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      incoming.on('error', () => onward.destroy());
      incoming.on('close', () => {
        if (!incoming.complete) onward.destroy();
      });
      if (method !== 'PUT') {
        incoming.pipe(onward);
        return;
      }
      let left = cut ?? Number.POSITIVE_INFINITY;
      let isFlipping = flips;
      cut = undefined;
      flips = false;
      incoming.on('data', (chunk: Buffer) => {
        if (left <= 0) return;
        const part = chunk.subarray(0, left);
        left -= part.byteLength;
        if (isFlipping) part.writeUInt8(part.readUInt8(0) ^ 1, 0);
        isFlipping = false;
        if (left > 0) onward.write(part);
        else onward.write(part, () => incoming.socket.destroy());
      });
      incoming.on('end', () => {
        if (left > 0) onward.end();
      });
    },
    cutAfter: (bytes) => {
      cut = bytes;
    },
    flipABit: () => {
      flips = true;
    },
  };
}
