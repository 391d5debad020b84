/**
 * One process among several on a database: `node child.ts <RunnerOptions as JSON>`. It does what lines on its standard
 * input say, and tells on its standard output what its runs do.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { directoryBlobs } from '../../../adapters/blobs/directory.ts';
import { tusRemote } from '../../../adapters/remotes/tus/index.ts';
import { openLading } from '../../../open-lading.ts';
import { openNodeSqlite } from '../../../persistence/drivers/node-sqlite.ts';
import type { Remote } from '../../../ports/remote.ts';
import { bytesSource } from '../../../ports/source.ts';
import { bytesOf, type PlannedFile } from '../engine-chaos/plan.ts';

export interface RunnerOptions {
  readonly directory: string;
  readonly origin: string;
  readonly leaseMs: number;
  /** Stands still (SIGSTOP) when its first upload has succeeded, before a commit knows of it. */
  readonly stopsAtSuccess: boolean;
}

export type RunnerCommand =
  | { readonly verb: 'capture'; readonly id: string; readonly file: PlannedFile }
  | { readonly verb: 'verify' | 'close' };

export type RunnerLine =
  | { readonly type: 'open' | 'woke' }
  | { readonly type: 'captured'; readonly id: string }
  | {
      readonly type: 'began';
      readonly id: string;
      readonly handle: string | null;
      readonly rerun: boolean;
    }
  | { readonly type: 'opened'; readonly id: string; readonly handle: string }
  /** The engine gave the run up: another one has it. */
  | { readonly type: 'aborted'; readonly id: string }
  | { readonly type: 'ended'; readonly id: string; readonly code: string }
  | { readonly type: 'verified'; readonly differences: readonly unknown[] }
  | { readonly type: 'trouble'; readonly message: string };

const ACCOUNT = 'ann';
const options = JSON.parse(process.argv[2] ?? '{}') as RunnerOptions;
let mayStop = options.stopsAtSuccess;
const say = (line: RunnerLine): void => void writeSync(1, `${JSON.stringify(line)}\n`);

const lading = await openLading({
  store: openNodeSqlite(join(options.directory, 'app.db')),
  blobs: directoryBlobs({ directory: join(options.directory, 'files') }),
  remote: told(tusRemote({ endpoint: `${options.origin}/files` })),
  fields: {
    'item.photos': { kinds: ['image'], policy: { backoffBaseMs: 20, backoffCapMs: 200 } },
  },
  account: ACCOUNT,
  concurrency: 2,
  // Nothing tells that a process is gone but its lease, as on a phone, or on two machines with one file.
  runner: { leaseMs: options.leaseMs },
  logger: {
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: (message, details) =>
      say({ type: 'trouble', message: `${message}: ${JSON.stringify(details)}` }),
  },
});
say({ type: 'open' });
for await (const line of createInterface({ input: process.stdin })) {
  await obey(JSON.parse(line) as RunnerCommand);
}

async function obey(command: RunnerCommand): Promise<void> {
  switch (command.verb) {
    case 'capture': {
      const { id } = command;
      await lading.capture(bytesSource(bytesOf(command.file), { contentType: 'image/jpeg' }), {
        kind: 'image',
        id,
        owner: {
          scope: { accountId: ACCOUNT },
          entityType: 'item',
          entityId: 'i',
          field: 'photos',
        },
      });
      return say({ type: 'captured', id });
    }
    case 'verify':
      return say({ type: 'verified', differences: (await lading.verify()).differences });
    case 'close':
      await lading.close();
      process.exit(0);
  }
}

function told(remote: Remote): Remote {
  return {
    ...remote,
    async upload(request, context) {
      const id = request.objectKey.split('/')[1] ?? '';
      const { handle, rerun, signal } = context;
      say({ type: 'began', id, handle, rerun });
      signal.addEventListener('abort', () => say({ type: 'aborted', id }));
      const outcome = await remote.upload(request, {
        ...context,
        async opened(opened, how) {
          await context.opened(opened, how);
          say({ type: 'opened', id, handle: opened });
        },
      });
      say({ type: 'ended', id, code: outcome.ok ? 'ok' : outcome.code });
      if (outcome.ok && mayStop) {
        mayStop = false;
        process.kill(process.pid, 'SIGSTOP');
        say({ type: 'woke' });
      }
      return outcome;
    },
  };
}
