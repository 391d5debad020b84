/**
 * Lets go of bytes that nobody will read, although perhaps nobody has begun to: they may hold a file or a connection open.
 * A generator that was not begun does nothing when it is told to return, nor does a stream of Node: so one piece is asked
 * for, and no more. Not waited for: it may hang.
 */
export function letGo(bytes: AsyncIterable<Uint8Array>): void {
  const leave = async (): Promise<void> => {
    for await (const _ of bytes) break;
  };
  leave().catch(() => {}); // what it still finds is nobody's concern
}
