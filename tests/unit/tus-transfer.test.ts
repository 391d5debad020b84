import { describe, expect, it } from 'vitest';
import type { TusHttp } from '../../adapters/remotes/tus/http.ts';
import type { TusModule } from '../../adapters/remotes/tus/load.ts';
import { transfer } from '../../adapters/remotes/tus/transfer.ts';
import { virtualClock } from '../../testing/world/virtual-clock.ts';
import { content, engine, uploadRequest } from '../support/tus-world.ts';

interface Callbacks {
  readonly onSuccess: (payload: unknown) => void;
  readonly onError: (error: Error) => void;
  readonly onProgress: (sent: number, total: number) => void;
}

/** A client that calls back as the test says, more often than it should: 5.0.0-pre2 fires success and error both. */
const client = (start: (options: Callbacks) => void, aborts: unknown[] = []) =>
  ({
    Upload: class {
      readonly options: Callbacks;
      constructor(_file: unknown, options: Callbacks) {
        this.options = options;
      }
      start(): void {
        start(this.options);
      }
      async abort(terminate: unknown): Promise<void> {
        aborts.push(terminate);
      }
    },
  }) as unknown as TusModule;

const run = (tus: TusModule, clock = virtualClock(), lent = engine()) => {
  const http: TusHttp = {
    endpoint: new URL('http://tus.test/files'),
    fetch: () => Promise.reject(new Error('not here')),
    send: () => Promise.reject(new Error('not here')),
    clock,
    server: { hasHooks: false, takesBytes: true, learns: true },
    stallMs: 30_000,
    headers: async () => ({}),
    classify: () => null,
  };
  return transfer(tus, http, {
    request: uploadRequest(content(10)),
    context: lent.run(),
    uploadId: 'a.m',
    chunkSizeBytes: 10,
    url: 'http://tus.test/files/a.m',
    createWithBytes: false,
  });
};

describe('one run of tus-js-client', () => {
  it('ends in what came first, is stopped once, and leaves the upload on the server', async () => {
    const aborts: unknown[] = [];
    const lent = engine();
    const both = client((options) => {
      options.onSuccess({});
      options.onError(new Error('and yet'));
      options.onSuccess({});
      options.onProgress(10, 10);
    }, aborts);
    expect(await run(both, virtualClock(), lent)).toMatchObject({ end: 'complete' });
    expect(aborts).toEqual([false]);
    expect(lent.progress).toEqual([]);

    const reverse = client((options) => {
      options.onError(new Error('broken'));
      options.onSuccess({});
    });
    expect(await run(reverse)).toMatchObject({ end: 'fault', fault: { code: 'network' } });
  });

  it('leaves no timer behind', async () => {
    const clock = virtualClock();
    await run(
      client((options) => options.onSuccess({})),
      clock,
    );
    expect(clock.pending).toBe(0);
  });

  it('has retries, stores and fingerprints of tus-js-client turned off', async () => {
    let seen: Record<string, unknown> = {};
    await run(
      client((options) => {
        seen = { ...options };
        options.onSuccess({});
      }),
    );
    expect(seen).toMatchObject({
      retryDelays: null,
      storeFingerprintForResuming: false,
      removeFingerprintOnSuccess: false,
      endpoint: null,
    });
    const fingerprint = seen['fingerprint'] as () => Promise<string>;
    expect(await fingerprint()).toBe('');
    expect(seen).toHaveProperty('uploadDataDuringCreation', false);
    expect(seen).not.toHaveProperty('parallelUploads');
  });

  it('rejects with what the engine throws from its progress listener', async () => {
    const tus = client((options) => options.onProgress(5, 10));
    const lent = engine();
    const broken = {
      ...lent,
      run: () => ({
        ...lent.run(),
        onProgress: () => {
          throw new Error('listener broke');
        },
      }),
    };
    await expect(run(tus, virtualClock(), broken)).rejects.toThrow('listener broke');
  });
});
