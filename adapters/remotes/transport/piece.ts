import type { UploadRequest } from '../../../ports/remote.ts';
import { FaultSignal, fault, sourceFault } from './faults.ts';

/** Bytes of a request; read once, in order. */
export interface Piece {
  /** tus-js-client looks at this. */
  readonly size: number;
  open(): AsyncIterable<Uint8Array>;
}

/**
 * The bytes from `start` to `end` of what is uploaded, opened when they are sent. Reading them throws {@link FaultSignal}
 * when they are not there any more, or not as many as were captured.
 */
export function pieceOf(request: UploadRequest, start: number, end: number): Piece {
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
