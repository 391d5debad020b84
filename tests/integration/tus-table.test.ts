import { type TusPhase, tusRemote, tusTable } from 'lading/remotes/tus';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Condition } from '../../adapters/remotes/transport/seen.ts';
import { type FaultServer, startFaultServer } from '../support/fault-server.ts';
import { answersOf, type Example } from '../support/table-answers.ts';
import { content, engine, uploadRequest } from '../support/tus-world.ts';

let server: FaultServer;
beforeEach(async () => {
  server = await startFaultServer();
});
afterEach(() => server.close());

const TUS = { 'Tus-Resumable': '1.0.0' };
const never = new AbortController().signal;
const request = uploadRequest(content(1000));
const METHODS: Readonly<Record<TusPhase, string>> = {
  create: 'POST',
  head: 'HEAD',
  patch: 'PATCH',
  delete: 'DELETE',
  get: 'GET',
};

/** Examples for the conditions of tus alone, by their words. */
const examples: Readonly<Record<string, Example>> = {
  'with `Tus-Resumable`': { headers: { ...TUS, Location: '/elsewhere' } },
  'without `Tus-Resumable`': {},
  'an HTML page': { headers: { ...TUS, 'Content-Type': 'text/html' } },
  'an HTML page without `Tus-Resumable`, where no proxy means it (401, 408, 413, 429)': {
    headers: { 'Content-Type': 'text/html' },
    body: '<h1>Welcome</h1>',
  },
  'the body says that the request was aborted': {
    headers: TUS,
    body: 'Request aborted due to lock acquired',
  },
};
const own = new Map<Condition, Example>(
  tusTable.flatMap(({ when }) => {
    const example = when && examples[when.words];
    return when === undefined || example === undefined ? [] : [[when, example]];
  }),
);

/** The request of a phase, and those that must come before it. */
function ask(phase: TusPhase, query = ''): Promise<object> {
  const remote = tusRemote({ endpoint: `${server.origin}/files${query}` });
  switch (phase) {
    case 'create':
      return remote.upload(request, engine().run());
    case 'patch':
      // The handle is known: the upload begins with the question how far it is.
      return remote.upload(request, engine().run({ handle: `${server.origin}/files/x${query}` }));
    case 'head':
      return remote.head(request.objectKey, { handle: null, signal: never });
    case 'delete':
      return remote.remove(request.objectKey, { handle: null, signal: never });
    default:
      return remote.download(`${server.origin}/files/x`, { signal: never });
  }
}

function expectedOf(
  means: (typeof tusTable)[number]['means'],
  phase: TusPhase,
  status: number,
): object {
  const [faultClass, code = ''] = means ?? [];
  if (phase === 'head' && faultClass === 'resume_lost') return { ok: true, exists: false };
  if (phase === 'patch' && faultClass === 'resume_lost') return { code: 'endpoint_missing' };
  // `fetch` keeps 407 for itself: it says that the connection failed.
  const told =
    status === 407 && phase === 'get' ? 'network' : code.replace('<status>', String(status));
  return { ok: false, class: faultClass, code: told };
}

describe('what an answer of a tus server means, over a socket (contract 4.4)', () => {
  // The answer to HEAD has no body.
  const asked = answersOf(tusTable, own).filter(
    ({ row, phase, headers, body }) =>
      row.means !== null && !(phase === 'head' && body !== undefined && headers === undefined),
  );

  it.each(asked)('$title', async ({ row, phase, status, headers, body, query }) => {
    const answer = { status, headers: headers ?? {}, body: body ?? '' };
    const head = {
      status: 200,
      headers: { ...TUS, 'Upload-Offset': '0', 'Upload-Length': '1000' },
    };
    server.plan(
      { method: METHODS[phase], times: 9, answer },
      ...(phase === 'patch' ? [{ method: 'HEAD', answer: head }] : []),
    );
    const outcome = await ask(phase, query);
    expect(outcome).toMatchObject(expectedOf(row.means, phase, status));
    // An upload that is gone is created anew, which this server does not do.
    // One that exists and cannot be found is asked for a second time, and no third one.
    const creations = {
      create: status === 409 ? 2 : 1,
      patch: row.means?.[0] === 'resume_lost' ? 1 : 0,
    };
    expect(server.count('POST')).toBe({ head: 0, delete: 0, get: 0, ...creations }[phase]);
  });

  it.each([
    ['a removal that finds nothing', 'delete', 404],
    ['a removal that finds nothing any more', 'delete', 410],
    ['a removal', 'delete', 204],
    ['a download', 'get', 200],
  ] as const)('is done by %s', async (_, phase, status) => {
    server.plan({ method: METHODS[phase], answer: { status, headers: TUS } });
    expect(await ask(phase)).toMatchObject({ ok: true });
  });
});
