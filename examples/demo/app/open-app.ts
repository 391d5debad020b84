import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type AppStatement, type Lading, openLading } from 'lading';
import { directoryBlobs } from 'lading/blobs/directory';
import { probingConnectivity } from 'lading/connectivity';
import { tusRemote } from 'lading/remotes/tus';
import { nodeRunner } from 'lading/runner/node';
import { nodeSqlite } from 'lading/sqlite/node';
import type { AppOrders } from '../messages.ts';
import { ACCOUNT, FIELD, REPORTS } from './reports.ts';

export interface DemoApp {
  readonly lading: Lading;
  /** Paths that are captured already, by the app's own table. */
  picked(): ReadonlySet<string>;
  /** The app's own row for a capture, in the capture's commit. */
  pick(path: string): readonly AppStatement[];
}

/** For a network that breaks all the time, and people who watch: in the field these are patience of minutes. */
const ROUGH_REMOTE = { chunkSizeBytes: 2_000_000, stallMs: 1_500 } as const;
const ROUGH_POLICY = { backoffBaseMs: 50, backoffCapMs: 500, maxAttempts: 100 } as const;

/** The app's database, which Lading shares: one file, one connection, one transaction. */
export async function openApp({ directory, serverUrl, rough }: AppOrders): Promise<DemoApp> {
  const store = nodeSqlite(new DatabaseSync(join(directory, 'app.sqlite')));
  store.exec(`
    CREATE TABLE IF NOT EXISTS report (id TEXT PRIMARY KEY, attachments TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS picked (path TEXT PRIMARY KEY) STRICT;
  `);
  for (const { entityId } of REPORTS) {
    store.run(`INSERT OR IGNORE INTO report (id, attachments) VALUES (?, '[]')`, entityId);
  }

  const lading = await openLading({
    store,
    blobs: directoryBlobs({ directory: join(directory, 'bytes') }),
    remote: tusRemote({ endpoint: `${serverUrl}/files`, ...(rough ? ROUGH_REMOTE : {}) }),
    connectivity: probingConnectivity({
      url: `${serverUrl}/health`,
      intervalMs: 200,
      debounceMs: 100,
      initial: { online: false },
    }),
    onlineDebounceMs: 200,
    fields: {
      [FIELD]: {
        kinds: ['image', 'pdf', 'video', 'audio', 'file'],
        maxBytes: 4 * 1024 ** 3,
        // The judge holds every copy against the user's own file: whatever it is, it is taken as it is.
        contentTypes: ['*/*'],
        maxPixels: Number.POSITIVE_INFINITY,
        maxSidePixels: Number.POSITIVE_INFINITY,
        location: 'keep',
        ...(rough ? { policy: ROUGH_POLICY } : {}),
        // Runs in every commit that changes the list: the app's own row never disagrees with it.
        project(tx, { entityId }, refs) {
          tx.run('UPDATE report SET attachments = ? WHERE id = ?', JSON.stringify(refs), entityId);
        },
      },
    },
    account: ACCOUNT,
    runner: nodeRunner(),
  });
  return {
    lading,
    picked: () => new Set(store.all('SELECT path FROM picked').map(({ path }) => String(path))),
    pick: (path) => [{ sql: 'INSERT INTO picked (path) VALUES (?)', params: [path], changes: 1 }],
  };
}
