import type { Fault, Receipt, Remote } from '../../index.ts';
import type { Clock } from '../../ports/clock.ts';

/** A remote behind a narrow link, as a proxy with a time limit makes it worse. */
export interface NarrowLink {
  readonly remote: Pick<Remote, 'upload'>;
  /** Requests that were cut off, and the most at the same time. */
  readonly figures: { readonly cutOff: number; readonly most: number };
}

const STEP_MS = 100;
const CUT_OFF: Fault = { ok: false, class: 'retryable', code: 'request_timeout' };

/** All that is under way shares the link evenly; what takes longer than `limitMs` is cut off, and its bytes are lost. */
export function narrowLink(
  clock: Clock,
  options: { readonly bytesPerMs: number; readonly limitMs: number },
): NarrowLink {
  const underWay = new Set<{ left: number }>();
  let cutOff = 0;
  let most = 0;

  function tick(): void {
    const share = (options.bytesPerMs * STEP_MS) / underWay.size;
    for (const one of underWay) one.left -= share;
    if (underWay.size > 0) clock.schedule(STEP_MS, tick);
  }

  return {
    get figures() {
      return { cutOff, most };
    },
    remote: {
      async upload({ objectKey, media }, { signal }) {
        const one = { left: media.byteSize };
        underWay.add(one);
        if (underWay.size === 1) clock.schedule(STEP_MS, tick);
        most = Math.max(most, underWay.size);
        try {
          for (let elapsedMs = 0; one.left > 0; elapsedMs += STEP_MS) {
            if (elapsedMs >= options.limitMs || signal.aborted) {
              cutOff += 1;
              return CUT_OFF;
            }
            await new Promise<void>((resolve) => void clock.schedule(STEP_MS, resolve));
          }
        } finally {
          underWay.delete(one);
        }
        const receipt: Receipt = {
          url: `https://objects.example/${objectKey}`,
          token: null,
          byteSize: media.byteSize,
        };
        return { ok: true, receipt };
      },
    },
  };
}
