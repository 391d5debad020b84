/** The app that is killed: `node child.ts <ChildOptions as JSON>`. Does what is left of its plan, until nothing is. */
import { join } from 'node:path';
import { nodeRunner } from '../../../adapters/runner/node.ts';
import type { Lading } from '../../../index.ts';
import { openLading } from '../../../open-lading.ts';
import type { SqlDatabase } from '../../../ports/sql.ts';
import { backendOver } from './backend-bridge.ts';
import { blobsWithBug, remoteWithBug } from './bugs.ts';
import { APP_SCHEMA, type ChildOptions, fieldsOf, stepsDone, tasksLeft } from './child-options.ts';
import { takeSteps } from './child-steps.ts';
import { backendWithPoints, blobsWithPoints, remoteWithPoints, sqlWithPoints } from './parts.ts';
import { planOf } from './plan.ts';
import { createPoints, type Point, say } from './points.ts';

/** How long nothing may change before what is left counts as forgotten. */
const STUCK_MS = 20_000;

const options = JSON.parse(process.argv[2] ?? '{}') as ChildOptions;
const points = createPoints(options.killAt);
process.on('uncaughtException', (error) => {
  say({ type: 'trouble', message: `uncaught: ${String(error.stack)}` });
  process.exit(1);
});

say({ type: 'opening' });
const file = join(options.directory, 'app.db');
const database = await sqlWithPoints(options.driver, file, points);
database.exec(APP_SCHEMA);
const lading = await openLading({
  store: database,
  blobs: blobsWithBug(
    blobsWithPoints(join(options.directory, 'files'), points, options.paceMs),
    options.bug,
  ),
  remote: remoteWithBug(remoteWithPoints(options.endpoint, points), options.bug),
  backend: backendWithPoints(backendOver(options.backendUrl, options.account), points),
  fields: fieldsOf(points, options.bug),
  account: options.account,
  runner: nodeRunner(),
  logger: {
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: (message, details) => say({ type: 'trouble', message: told(message, details) }),
  },
  crashPoint: (name) => points.hit(`host.${name}` as Point),
});
points.hit('open.resolved');
say({ type: 'open' });
await takeSteps(
  { lading, database, points, bug: options.bug },
  planOf(options),
  stepsDone(database),
);
await untilIdle(lading, database);
say({ type: 'idle', counts: points.counts() });
await lading.close();

/** Until no task, timer or op is left: what the last run must reach by itself. */
async function untilIdle(app: Lading, db: SqlDatabase): Promise<void> {
  let before = '';
  let sinceMs = Date.now();
  for (;;) {
    const report = await app.settled();
    const tasks = tasksLeft(db);
    const left = tasks.length + report.unsyncedOps + report.waiting.length;
    if (left === 0) return;
    const now = JSON.stringify({ ...report, tasks });
    if (now !== before) {
      before = now;
      sinceMs = Date.now();
    } else if (Date.now() - sinceMs > STUCK_MS) {
      say({ type: 'trouble', message: `stuck: ${now}` });
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function told(message: string, details: unknown): string {
  const error = (details as { readonly error?: unknown } | undefined)?.error;
  return `${message}: ${error instanceof Error ? error.stack : JSON.stringify(details)}`;
}
