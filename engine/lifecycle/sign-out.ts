import type { Backend } from '../../ports/backend.ts';
import { type Clock, sleep } from '../../ports/clock.ts';
import { LadingError } from '../../ports/errors.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { LeftWork, ReadLeftWork } from '../../ports/left-work.ts';
import type { Part } from '../../ports/part.ts';
import type { Remote } from '../../ports/remote.ts';
import type { Credentials } from './credentials.ts';
import type { GateKeeper } from './gates.ts';
import type { Lifetime } from './lifetime.ts';
import type { Uploads } from './uploads.ts';

export interface SignOutOptions {
  /** Only says what is left, so that the app can ask its user first. Default false. */
  readonly dryRun?: boolean;
}

export interface SignOutParts {
  readonly accountId: string;
  readonly events: Pick<EventStore, 'read'>;
  readonly readLeftWork: ReadLeftWork;
  readonly gates: Pick<GateKeeper, 'leave'>;
  readonly uploads: Pick<Uploads, 'idle'>;
  readonly credentials: Part<Credentials>;
  readonly clock: Clock;
  readonly remote: Pick<Remote, 'credentials'>;
  readonly backend?: Pick<Backend, 'credentials'> | undefined;
  readonly lifetime: Pick<Lifetime, 'run' | 'load'>;
  /** Told between two steps; for crash tests. */
  readonly crashPoint?: ((name: string) => void) | undefined;
  /** Closes Lading, and does `last` while its database is still open. */
  closeAfter(last: () => Promise<void>): Promise<void>;
}

/**
 * Ends the session: what is under way stops and burns nothing, credentials are forgotten, Lading closes. Nothing durable
 * says that somebody signed out, since nothing has to: jobs are bound to their account, and only its next opening runs
 * them (contract 4.8). So a crash anywhere in between is a sign-out, or none.
 * @throws {LadingError} `closed`; and what closing rejects with. Credentials are forgotten all the same.
 */
export async function signOut(
  parts: SignOutParts,
  { dryRun = false }: SignOutOptions = {},
): Promise<LeftWork> {
  const { accountId, events, gates, lifetime, readLeftWork, uploads } = parts;
  const left = (): LeftWork => events.read((tx) => readLeftWork(tx, accountId));
  if (dryRun) return lifetime.run(async () => left());
  await lifetime.run(async () => {
    gates.leave();
    // What was being sent is queued again, and shows so to whoever looks at the rows.
    await uploads.idle();
    parts.crashPoint?.('sign_out_stopped');
  });
  let report: LeftWork | undefined;
  try {
    await parts.closeAfter(async () => {
      report = left();
    });
  } finally {
    await forgetCredentials(parts);
    parts.crashPoint?.('sign_out_forgotten');
  }
  if (report === undefined) throw new LadingError('closed', 'Lading was closed meanwhile.');
  return report;
}

/** Nothing is handed over after this: whoever asked for newer ones was told that it is over. */
async function forgetCredentials(parts: SignOutParts): Promise<void> {
  const { clock, credentials, remote, backend } = parts;
  await credentials.here?.close();
  // Both are told, whatever one of them says; one that hangs must not hold up the end.
  const over = new AbortController();
  const told = Promise.allSettled([
    (async () => remote.credentials?.(null))(),
    (async () => backend?.credentials?.(null))(),
  ]);
  const results = await Promise.race([told, sleep(clock, TELLING_MS, over.signal)]);
  over.abort();
  for (const result of results ?? []) if (result.status === 'rejected') throw result.reason;
}

/** Longest wait for adapters that forget. */
const TELLING_MS = 5_000;
