import { isNode } from './platform.ts';
import type { Send } from './send.ts';
import { sendByFetch } from './send-by-fetch.ts';

/**
 * How requests leave: by `fetch` where the app gave one or where there is nothing else, and by `node:http` in Node, whose
 * own `fetch` holds a streamed body as a whole (docs/decisions/0016).
 */
export function sender(fetch: typeof globalThis.fetch | undefined): Send {
  if (fetch !== undefined || !isNode()) {
    // Not bound once: an app may replace the global one later, for tests or tracing.
    return sendByFetch(fetch ?? ((input, init) => globalThis.fetch(input, init)));
  }
  let byNode: Send | undefined;
  return async (request) => {
    byNode ??= (await import('./send-by-node.ts')).sendByNode;
    return byNode(request);
  };
}
