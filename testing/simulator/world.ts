import type { Logger } from '../../ports/logger.ts';
import { objectKey } from '../../ports/remote.ts';
import { createReferenceBackend, type ReferenceBackend } from '../../sync/reference-backend.ts';
import type { SeededRandom } from '../world/seeded-random.ts';
import { type SimNetwork, simNetwork } from '../world/sim-network.ts';
import {
  type SimObjectStore,
  type StoreReply,
  simObjectStore,
  type Token,
} from '../world/sim-object-store.ts';
import type { SimSqlite } from '../world/sim-sqlite.ts';
import { type VirtualClock, virtualClock } from '../world/virtual-clock.ts';
import { ACCOUNT } from './app.ts';
import { createLedger, type Ledger } from './ledger.ts';
import type { Sabotage } from './sabotage.ts';
import type { Scenario } from './scenario.ts';
import { createTrace, type Trace } from './trace.ts';
import { createUploadWatch, type UploadWatch } from './upload-watch.ts';

/** What the devices of one simulation share: time, network, servers, and the judge's books. */
export interface World {
  readonly scenario: Scenario;
  readonly sabotage: Sabotage;
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly sqlite: SimSqlite;
  readonly network: SimNetwork;
  readonly store: SimObjectStore;
  readonly backend: ReferenceBackend;
  readonly ledger: Ledger;
  readonly uploads: UploadWatch;
  readonly trace: Trace;
  readonly counts: Counts;
  /** What went wrong so far. */
  readonly failures: Failure[];
  fail(oracle: string, message: string): void;
  /** The answer of the object store to the requests of a while, instead of its own. */
  refusal:
    | { readonly reply: StoreReply<never>; readonly untilMs: number; left: number }
    | undefined;
  /** Keys that nobody may ever write (403). */
  readonly forbidden: Set<string>;
  /** Keys of objects that the backend's own job deleted, each at least once. */
  readonly deleted: Set<string>;
  /** Credentials that the user of every device has signed in with. */
  token: Token;
  /** Nothing but a new sign-in gives credentials. */
  isSessionOver: boolean;
  /** Attachments of another account, which was signed in before; true: their capture was acknowledged. */
  readonly lodger: Map<string, boolean>;
  /** Called when the user has signed in again. */
  readonly onSignIn: (() => void)[];
  logger(who: string): Logger;
}

export interface Failure {
  readonly oracle: string;
  readonly message: string;
}

export interface Counts {
  captures: number;
  crashes: number;
  powerCuts: number;
  restarts: number;
  /** By the backend, for the first time. */
  opsApplied: number;
}

export function createWorld(scenario: Scenario, sqlite: SimSqlite, sabotage: Sabotage): World {
  const { random } = scenario;
  const clock = virtualClock({ tieBreak: random.fork('ties') });
  const network = simNetwork({ clock, random: random.fork('network'), faults: scenario.faults });
  const trace = createTrace(clock, () => network.trace);
  const forbidden = new Set<string>();
  const failures: Failure[] = [];
  const store = simObjectStore({
    clock,
    sessionLifeMs: scenario.sessionLifeMs,
    forbids: (key) => forbidden.has(key),
    refuse(request) {
      const { refusal } = world;
      if (refusal === undefined || refusal.left <= 0 || clock.elapsedMs >= refusal.untilMs) {
        return undefined;
      }
      const isWrite = ['create', 'append', 'put'].includes(request);
      if (refusal.reply.status === 413 && !isWrite) return undefined;
      refusal.left -= 1;
      return refusal.reply;
    },
  });
  const world: World = {
    scenario,
    sabotage,
    clock,
    random,
    sqlite,
    network,
    store,
    backend: counted(createReferenceBackend({ clock }), (applied) => {
      world.counts.opsApplied += applied;
    }),
    ledger: createLedger(),
    uploads: createUploadWatch((message, promise) => world.fail(promise, message)),
    trace,
    counts: { captures: 0, crashes: 0, powerCuts: 0, restarts: 0, opsApplied: 0 },
    failures,
    fail(oracle, message) {
      trace.note('judge', `FAILED ${oracle}: ${message}`);
      failures.push({ oracle, message });
    },
    refusal: undefined,
    forbidden,
    deleted: new Set(),
    token: store.issueToken(ACCOUNT),
    isSessionOver: false,
    lodger: new Map(),
    onSignIn: [],
    logger: (who) => {
      const log = (message: string, details?: Readonly<Record<string, unknown>>): void =>
        trace.note(who, `  log: ${message} ${sayDetails(details)}`);
      return { debug: () => {}, info: () => {}, warn: log, error: log };
    },
  };
  return world;
}

function counted(backend: ReferenceBackend, onApplied: (ops: number) => void): ReferenceBackend {
  return {
    ...backend,
    push(accountId, ops) {
      const results = backend.push(accountId, ops);
      onApplied(results.filter(({ status }) => status === 'applied').length);
      return results;
    },
  };
}

/** The object key of an attachment of the app's one account. */
export function keyOf(mediaId: string) {
  return objectKey(ACCOUNT, mediaId);
}

function sayDetails(details: Readonly<Record<string, unknown>> = {}): string {
  return Object.entries(details)
    .map(([name, value]) => `${name}=${value instanceof Error ? value.message : say(value)}`)
    .join(' ');
}

function say(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined');
}
