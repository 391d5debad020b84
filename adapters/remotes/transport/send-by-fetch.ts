import { beginningOf, type Send } from './send.ts';

/** By a `fetch`: the platform's, or one of the app's own. */
export function sendByFetch(fetch: typeof globalThis.fetch): Send {
  return async ({
    body,
    longestBody,
    expectContinue: _asks,
    isAlone: _alone,
    onAnswering,
    ...request
  }) => {
    const bytes = body?.[Symbol.asyncIterator]();
    try {
      const response = await fetch(request.url, {
        ...request,
        redirect: 'manual',
        ...(bytes === undefined ? {} : { body: streamOf(bytes), duplex: 'half' }),
      });
      const { status, headers } = response;
      const text = await beginningOf(response.body ?? [], longestBody, onAnswering);
      return { status, headers, body: text };
    } finally {
      // Platforms do not always cancel the stream of a request that broke, and the file behind it would stay open. Not
      // awaited: bytes that hang are let go when they wake up.
      bytes?.return?.().catch(() => {});
    }
  };
}

function streamOf(iterator: AsyncIterator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const step = await iterator.next();
        if (step.done === true) controller.close();
        else controller.enqueue(step.value);
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
