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
    const response = await fetch(request.url, {
      ...request,
      redirect: 'manual',
      ...(body === undefined ? {} : { body: streamOf(body), duplex: 'half' }),
    });
    const { status, headers } = response;
    const text = await beginningOf(response.body ?? [], longestBody, onAnswering);
    return { status, headers, body: text };
  };
}

function streamOf(body: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]();
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
