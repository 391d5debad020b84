import { httpRemote } from '../../adapters/remotes/http/index.ts';
import { tusRemote } from '../../adapters/remotes/tus/index.ts';
import type { Remote } from '../../ports/remote.ts';
import { plainPut, plainTus } from './plain.ts';

/** A remote, and the least that sending a file to the same server costs. */
export interface Subject {
  readonly name: string;
  readonly baseline: string;
  /** What the share of the baseline's throughput should be: of files of 20 MB, and of 200 KB. */
  readonly goals: { readonly large: number; readonly small: number };
  /** One whose objects no earlier round has met. */
  remote(round: string): Remote;
  /** @param id of the object: no other round's, and no other file's. */
  plain(path: string, id: string): Promise<void>;
}

/** @param kind as the command line of a child names it. */
export function subjectOf(kind: string, origin: string): Subject {
  const make = { http: httpSubject, tus: tusSubject }[kind];
  if (make === undefined) throw new Error(`no subject is called ${kind}`);
  return make(origin);
}

function httpSubject(origin: string): Subject {
  return {
    name: 'HTTP',
    baseline: 'a plain PUT',
    goals: { large: 0.9, small: 0.6 },
    remote: (round) => httpRemote({ endpoint: `${origin}/put/${round}` }),
    plain: (path, id) => plainPut(`${origin}/put/plain-${id}`, path),
  };
}

function tusSubject(origin: string): Subject {
  const endpoint = `${origin}/files`;
  return {
    name: 'tus',
    baseline: 'tus-js-client alone',
    goals: { large: 0.9, small: 0.8 },
    remote: (round) =>
      tusRemote({ endpoint, idFor: (key) => `${round}.${key.slice(key.indexOf('/') + 1)}` }),
    plain: (path, id) => plainTus(endpoint, path, `plain.${id}`),
  };
}
