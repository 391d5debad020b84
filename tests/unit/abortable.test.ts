import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { abortable } from '../../adapters/blobs/abortable.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

describe('a source that can be given up', () => {
  it('keeps no piece that was read: memory does not grow with the file (field case 46)', async () => {
    const pieces: WeakRef<Uint8Array>[] = [];
    async function* source(): AsyncIterable<Uint8Array> {
      for (let n = 0; n < 50; n++) {
        const piece = new Uint8Array(64 * 1_024);
        pieces.push(new WeakRef(piece));
        yield piece;
      }
    }
    let alive = 0;
    for await (const piece of abortable(source(), new AbortController().signal)) {
      if (pieces.length < 50 || piece.byteLength === 0) continue;
      // Weak references hold until the turn of the event loop ends.
      await new Promise((resolve) => setImmediate(resolve));
      collect();
      alive = pieces.filter((one) => one.deref() !== undefined).length;
    }
    expect(alive).toBeLessThan(5);
  });

  it('is given up at once while the source hangs', async () => {
    const abort = new AbortController();
    async function* source(): AsyncIterable<Uint8Array> {
      yield Uint8Array.of(1);
      await new Promise(() => {});
    }
    const reading = (async () => {
      for await (const _ of abortable(source(), abort.signal)) setImmediate(() => abort.abort());
    })();
    await expect(reading).rejects.toMatchObject({ code: 'capture_aborted' });
  });
});
