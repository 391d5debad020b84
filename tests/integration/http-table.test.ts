import { type HttpPhase, httpRemote, httpTable } from 'lading/remotes/http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FaultServer, startFaultServer } from '../support/fault-server.ts';
import { answersOf } from '../support/table-answers.ts';
import { content, engine, uploadRequest } from '../support/tus-world.ts';

let server: FaultServer;
beforeEach(async () => {
  server = await startFaultServer();
});
afterEach(() => server.close());

const never = new AbortController().signal;
const METHODS: Readonly<Record<HttpPhase, string>> = {
  send: 'PUT',
  look: 'HEAD',
  remove: 'DELETE',
  get: 'GET',
};

/** The request of a phase, alone: a look after it would say more than the answer. */
function ask(phase: HttpPhase, query = ''): Promise<object> {
  const remote = httpRemote({
    endpoint: server.origin,
    look: phase === 'look' ? 'GET' : false,
    address: () => `/objects/a${query}`,
    downloadAddress: (url) => `${url}${query}`,
  });
  const request = uploadRequest(content(1000));
  switch (phase) {
    case 'send':
      return remote.upload(request, engine().run());
    case 'look':
      return remote.head(request.objectKey, { handle: null, signal: never });
    case 'remove':
      return remote.remove(request.objectKey, { handle: null, signal: never });
    default:
      return remote.download(`${server.origin}/objects/a`, { signal: never });
  }
}

function expectedOf(
  means: (typeof httpTable)[number]['means'],
  phase: HttpPhase,
  status: number,
): object {
  if (means === null) return { ok: true };
  const [faultClass, code] = means;
  if (phase === 'look' && faultClass === 'absent') return { ok: true, exists: false };
  // `fetch` keeps 407 for itself: it says that the connection failed.
  const told =
    status === 407 && phase === 'get' ? 'network' : code.replace('<status>', String(status));
  return { ok: false, class: faultClass, code: told };
}

describe('what an answer of a plain HTTP server means, over a socket (contract 4.4)', () => {
  it.each(answersOf(httpTable))('$title', async ({ row, phase, status, headers, body, query }) => {
    const method = phase === 'look' ? 'GET' : METHODS[phase];
    const answer = { status, headers: headers ?? {}, body: body ?? '' };
    server.plan({ method, times: 9, answer });
    const outcome = await ask(phase, query);
    expect(server.seen).toHaveLength(1);
    expect(outcome).toMatchObject(expectedOf(row.means, phase, status));
  });

  it('has a row for whatever there is', () => {
    for (const phase of Object.keys(METHODS)) {
      const last = httpTable.findLast(({ phases }) => phases.includes(phase as HttpPhase));
      expect(last).toMatchObject({ status: [0, 999] });
    }
  });
});
