import type { Backend, DeltaPage } from '../../ports/backend.ts';
import { type ErrorCode, LadingError } from '../../ports/errors.ts';
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
    async pull(scope, after, { limit, signal }) {
      const answer = await link.request({
        host: BACKEND_HOST,
        label: `pull ${after?.updatedAt ?? 'all'}`,
        body: { scope, after },
        serve: (body) => answered(() => backend.pull(accountId, body.scope, body.after, limit)),
        signal,
      });
      if (answer.ok) return answer.page;
      throw new LadingError(answer.code, answer.message);
    },
    listen: (scope, listener) =>
      link.subscribe({
        host: BACKEND_HOST,
        label: 'change-signal',
        open: (emit) => backend.listen(accountId, scope, emit),
        onMessage: listener,
      }),
  };
}

/** What the server refuses travels back as an answer. */
function answered(
  pull: () => DeltaPage,
): { ok: true; page: DeltaPage } | { ok: false; code: ErrorCode; message: string } {
  try {
    return { ok: true, page: pull() };
  } catch (error) {
    if (error instanceof LadingError)
      return { ok: false, code: error.code, message: error.message };
    throw error;
  }
}
