import type { FileReader } from 'tus-js-client';
import type { UploadRequest } from '../../../ports/remote.ts';
import { FaultSignal, fault, sourceFault } from './faults.ts';
import type { Piece } from './http.ts';

/**
 * The bytes of a request as tus-js-client asks for them. A slice is a {@link Piece}: opened when it is sent, streamed,
 * never held as a whole, so that memory stays bounded whatever the file's size.
 */
export function requestReader(request: UploadRequest): FileReader {
  const { byteSize } = request.media;
  return {
    openFile: async () => ({
      size: byteSize,
      async slice(start: number, end: number) {
        const stop = Math.min(end, byteSize);
        return { value: pieceOf(request, start, stop), done: stop >= byteSize };
      },
      close() {},
    }),
  };
}

function pieceOf(request: UploadRequest, start: number, end: number): Piece {
  const size = end - start;
  return {
    size,
    async *open() {
      let read = 0;
      try {
        for await (const bytes of request.open({ start, end })) {
          read += bytes.byteLength;
          if (read > size) throw changed();
          yield bytes;
        }
      } catch (error) {
        throw new FaultSignal(sourceFault(error));
      }
      // Ended short: the server would wait for the rest, and tus-js-client would ask for it for ever.
      if (read !== size) throw changed();
    },
  };
}

function changed(): FaultSignal {
  return new FaultSignal(
    fault('terminal', 'source_changed', 'The stored bytes are not as many as were captured.'),
  );
}
