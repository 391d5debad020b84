import type { LadingOptions } from 'lading';
import type { RefreshContext } from '../../engine/lifecycle/refresh.ts';
import type { Fault } from '../../machines/attachment/types.ts';
import type { Remote } from '../../ports/remote.ts';
import { type World, world } from './lading-world.ts';

export const EXPIRED: Fault = { ok: false, class: 'auth', code: 'unauthorized' };
export const FORBIDDEN: Fault = { ok: false, class: 'terminal', code: 'forbidden' };

/** A remote that lets in who has the right token, and takes tokens from the app. */
export interface SignedIn {
  readonly phone: World;
  readonly remote: Remote;
  /** Each request, with the token it was made with. */
  readonly requests: {
    readonly operation: string;
    readonly key: string;
    readonly token: unknown;
  }[];
  /** What the adapter was handed, in order. */
  readonly handed: unknown[];
  /** Requests that were refused. */
  readonly refusals: () => number;
  /** The token that is let in; what an upload under another one gets. */
  valid: unknown;
  fault: Fault;
  /** Only these keys are refused; default all. */
  refusesOnly: ((key: string) => boolean) | undefined;
  /** Called before each request is answered. */
  onRequest: ((operation: string) => Promise<void> | void) | undefined;
  open(options?: Partial<LadingOptions>): ReturnType<World['open']>;
}

export function signedIn(options: Parameters<typeof world>[0] = {}): SignedIn {
  const phone = world(options);
  let token: unknown = 'first';
  let refused = 0;

  async function judged<T>(
    operation: string,
    key: string,
    work: () => Promise<T>,
  ): Promise<T | Fault> {
    const used = token;
    app.requests.push({ operation, key, token: used });
    await app.onRequest?.(operation);
    const isConcerned = app.refusesOnly?.(key) ?? true;
    if (used === app.valid || !isConcerned) return work();
    refused += 1;
    return app.fault;
  }

  const app: SignedIn = {
    phone,
    requests: [],
    handed: [],
    refusals: () => refused,
    valid: 'first',
    fault: EXPIRED,
    refusesOnly: undefined,
    onRequest: undefined,
    remote: {
      ...phone.remote,
      upload: (request, context) =>
        judged('upload', request.objectKey, () => phone.remote.upload(request, context)),
      head: (key, asked) => judged('head', key, () => phone.remote.head(key, asked)),
      remove: (key, asked) => judged('remove', key, () => phone.remote.remove(key, asked)),
      download: (url, asked) => judged('download', url, () => phone.remote.download(url, asked)),
      credentials(next) {
        app.handed.push(next);
        token = next;
      },
    },
    open: (more = {}) => phone.open({ remote: app.remote, ...more }),
  };
  return app;
}

/** A refresher that answers with tokens from a list, `null` when there are none left, and counts. */
export function refresher(
  tokens: unknown[],
  { after }: { readonly after?: () => Promise<void> } = {},
) {
  const asked: RefreshContext[] = [];
  const running = { now: 0, most: 0 };
  return {
    asked,
    running,
    async refreshCredentials(context: RefreshContext): Promise<unknown> {
      asked.push(context);
      running.now += 1;
      running.most = Math.max(running.most, running.now);
      try {
        await after?.();
        const next = tokens.shift() ?? null;
        if (next instanceof Error) throw next;
        return next;
      } finally {
        running.now -= 1;
      }
    },
  };
}
