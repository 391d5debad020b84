/** One of the apps that share a database and are killed: `node child.ts <ChildOptions as JSON>`. */
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { directoryBlobs } from '../../../adapters/blobs/directory.ts';
import { nodeRunner } from '../../../adapters/runner/node.ts';
import type { Lading } from '../../../index.ts';
import { openLading } from '../../../open-lading.ts';
import { openNodeSqlite } from '../../../persistence/drivers/node-sqlite.ts';
import { LadingError } from '../../../ports/errors.ts';
import type { Remote } from '../../../ports/remote.ts';
import { bytesSource } from '../../../ports/source.ts';
import type { SqlDatabase } from '../../../ports/sql.ts';
import { backendOver } from '../engine-chaos/backend-bridge.ts';
import { remoteWithBug } from '../engine-chaos/bugs.ts';
import { bytesOf, ownerName } from '../engine-chaos/plan.ts';
import { APP_SCHEMA, type ChildOptions, QUICK, STALL_MS, say } from './child-options.ts';
import { carrierAt } from './helpers.ts';
import { ACCOUNT, type ChaosFile, chaosPlan, FIELD, owners, restOf } from './plan.ts';
import { protocols } from './stores/stores.ts';
import { whatIsLeft } from './what-is-left.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as ChildOptions;
process.on('uncaughtException', (error) => {
  say({ type: 'trouble', message: `uncaught: ${String(error.stack)}` });
  process.exit(1);
});

/** Captures at the same time. */
const LANES = 2;
/** What is told of a network like this one. */
const FORESEEN = new Set([
  'an upload failed and waits for somebody',
  'an op is put off, so that others can go',
]);
/** The network is as bad as before. */
const MOST_COLLECTIONS = 20;
const LOOK_MS = 100;
/** How long nothing may change before the user presses "Retry sync", and before what is left counts as forgotten. */
const IMPATIENT_MS = 3_000;
const STUCK_MS = 60_000;

const orders = createInterface({ input: process.stdin });
const allowed = heard('rest');
const ended = heard('finish');
const database = await patiently(async () => {
  const opened = openNodeSqlite(join(options.directory, 'app.db'));
  opened.exec(APP_SCHEMA);
  return opened;
});
const lading = await patiently(() => open(database));
say({ type: 'open' });
const plan = chaosPlan(options.seed, options.files);
await Promise.all([captureMine(), untilDone()]);
say({ type: 'idle' });
await ended;
if (options.index === 0) await collect();
const report = await lading.verify();
await lading.close();
say({ type: 'finished', verified: report.ok ? null : JSON.stringify(report.differences) });
orders.close();
process.stdin.destroy();

/** Its parent has said so, on a line of its own. */
function heard(order: 'rest' | 'finish'): Promise<void> {
  return new Promise((resolve) => {
    orders.on('line', (text) => {
      if (text === order) resolve();
    });
  });
}

/** Two that open one database at the same time stand in each other's way for a moment. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof LadingError) || error.code !== 'database_busy' || tries > 100)
        throw error;
      await pause(20);
    }
  }
}

function open(store: SqlDatabase): Promise<Lading> {
  const remote = protocols[options.store].remote(options.origin, {
    stallMs: STALL_MS,
    access: options.access,
    ...(options.carried === undefined ? {} : { carrier: carrierAt(options.carried) }),
  });
  return openLading({
    store,
    blobs: directoryBlobs({ directory: join(options.directory, 'files') }),
    remote: told(remoteWithBug(remote, options.bug)),
    backend: backendOver(options.backendUrl, ACCOUNT),
    fields: {
      [FIELD]: {
        kinds: ['image'],
        maxCount: 1_000,
        policy: QUICK,
        project(tx, owner, refs) {
          const isRemote = refs.some(({ url }) => !url.startsWith('offline:'));
          if (options.bug === 'forgets_the_app_row' && isRemote) return;
          tx.run(
            `INSERT INTO app_item (owner, refs) VALUES (?, ?)
             ON CONFLICT (owner) DO UPDATE SET refs = excluded.refs`,
            ownerName(owner),
            JSON.stringify(refs),
          );
        },
      },
    },
    account: ACCOUNT,
    garbage: { everyMs: Number.POSITIVE_INFINITY, graceMs: 0 },
    runner: { ...nodeRunner(), leaseMs: options.leaseMs },
    logger: {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error(message, details) {
        if (FORESEEN.has(message)) return;
        say({ type: 'trouble', message: `${message}: ${textOf(details)}` });
      },
    },
  });
}

function told(remote: Remote): Remote {
  return {
    ...remote,
    upload(request, context) {
      const mediaId = decodeURIComponent(request.objectKey.split('/')[1] ?? '');
      say({ type: 'run', mediaId });
      return remote.upload(request, context);
    },
  };
}

/** Each process has its share of the user's files, and goes on where its last life stood. */
async function captureMine(): Promise<void> {
  const done = new Set(database.all('SELECT n FROM app_picked').map((row) => Number(row['n'])));
  const mine = plan.filter(({ n }) => n % options.processes === options.index && !done.has(n));
  const rest = restOf(plan, options.processes);
  const first = mine.filter((one) => !rest.includes(one));
  const lane = async (): Promise<void> => {
    for (let next = first.shift(); next !== undefined; next = first.shift()) await capture(next);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  await allowed;
  for (const one of mine) if (rest.includes(one)) await capture(one);
}

async function capture({ n, mediaId, owner, file }: ChaosFile): Promise<void> {
  const source = bytesSource(bytesOf(file), { contentType: 'image/jpeg' });
  await lading.capture(source, {
    owner,
    id: mediaId,
    kind: 'image',
    inTransaction: (tx) => void tx.run('INSERT INTO app_picked (n) VALUES (?)', n),
  });
  say({ type: 'captured', n, mediaId });
}

/**
 * A user who looks at the screen, and does what only a user can: what failed is retried, what waits for credentials too
 * (contract 4.4). Nothing else is helped along, but by "Retry sync" when nothing has moved for a while.
 */
async function untilDone(): Promise<void> {
  let before = '';
  let sinceMs = Date.now();
  let pressedAtMs = sinceMs;
  for (;;) {
    const left = whatIsLeft(database, options.files);
    if (left.length === 0) return;
    const now = JSON.stringify(left);
    if (now !== before) [before, sinceMs] = [now, Date.now()];
    const quietMs = Date.now() - Math.max(sinceMs, pressedAtMs);
    if (Date.now() - sinceMs > STUCK_MS) {
      say({ type: 'trouble', message: `stuck: ${now.slice(0, 4_000)}` });
      sinceMs = Date.now();
    }
    await pressRetries();
    if (quietMs > IMPATIENT_MS) {
      pressedAtMs = Date.now();
      await lading.retrySync();
    }
    await pause(LOOK_MS);
  }
}

async function pressRetries(): Promise<void> {
  for (const owner of owners(options.files)) {
    for (const { ref, view } of lading.list(owner)) {
      if (view.state !== 'failed' && view.waitingFor !== 'credentials') continue;
      say({ type: 'pressed', code: view.error?.code ?? 'credentials' });
      await lading.retry(ref);
    }
  }
}

/** An upload whose beginning nobody heard of is garbage: one run finds it, the next one ends it (contract 5.4). */
async function collect(): Promise<void> {
  for (let runs = 0; runs < MOST_COLLECTIONS; runs++) {
    const { counts, problems } = await lading.collectGarbage();
    if (counts.upload === undefined && problems.length === 0) return;
  }
}

function textOf(details: unknown): string {
  const error = (details as { readonly error?: unknown } | undefined)?.error;
  return error instanceof Error ? String(error.stack) : JSON.stringify(details);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
