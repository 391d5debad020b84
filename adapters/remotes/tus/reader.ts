import type { FileReader } from 'tus-js-client';
import type { UploadRequest } from '../../../ports/remote.ts';
import { pieceOf } from '../transport/piece.ts';

/**
 * The bytes of a request as tus-js-client asks for them. A slice is a piece: opened when it is sent, streamed,
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
