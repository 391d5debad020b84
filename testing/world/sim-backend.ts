import type { Backend } from '../../ports/backend.ts';
import type { ReferenceBackend } from '../../sync/reference-backend.ts';
import type { NetworkLink } from './sim-network.ts';

/** The host name of the backend: `network.setHostUp('backend', false)` takes it down. */
export const BACKEND_HOST = 'backend';

/** One device's way to the reference backend, over the simulated network, signed in as `accountId`. */
export function simBackend(
  link: NetworkLink,
  backend: ReferenceBackend,
  accountId: string,
): Backend {
  return {
    push: (ops, { signal }) =>
      link.request({
        host: BACKEND_HOST,
        label: `push ${ops.map(({ opId }) => opId).join(' ')}`,
        body: ops,
        serve: (body) => backend.push(accountId, body),
        signal,
      }),
    pull: (scope, after, { limit, signal }) =>
      link.request({
        host: BACKEND_HOST,
        label: `pull ${after?.updatedAt ?? 'all'}`,
        body: { scope, after },
        serve: (body) => backend.pull(accountId, body.scope, body.after, limit),
        signal,
      }),
    listen: (scope, listener) =>
      link.subscribe({
        host: BACKEND_HOST,
        label: 'change-signal',
        open: (emit) => backend.listen(accountId, scope, emit),
        onMessage: listener,
      }),
  };
}
