import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBetterSqlite3 } from 'lading/sqlite/better-sqlite3';
import { afterAll, describe, expect, it } from 'vitest';
import { loadSqlJs, openLoaded } from '../persistence/drivers/sqljs/opening.ts';
import { seededRandom } from '../testing/world/seeded-random.ts';
import { SimDisk } from '../testing/world/sim-disk.ts';
import { simSqlFiles } from '../testing/world/sim-sql-files.ts';
import type { Connection } from './support/engine.ts';
import { pathsThroughEveryDefinition } from './support/paths.ts';
import { runPath } from './support/run-path.ts';
import { allDefinitions } from './support/stream-model.ts';

/*
 * engine-paths.test.ts takes every path on node:sqlite in each course; here on the other drivers in the hardest one,
 * where the process dies after every step and the next finds only what the driver made durable.
 */

const { paths } = pathsThroughEveryDefinition();
const directory = mkdtempSync(join(tmpdir(), 'lading-paths-'));
const sqlJs = await loadSqlJs();

afterAll(() => rmSync(directory, { recursive: true, force: true }));

const connectors: readonly {
  readonly driver: string;
  readonly connector: (path: string) => () => Connection;
}[] = [
  { driver: 'better-sqlite3', connector: (path) => fileConnector(join(directory, path)) },
  { driver: 'sql.js', connector: journalConnector },
];

describe.each(connectors)(
  'the real engine on $driver, killed after every step',
  ({ connector }) => {
    const taken = new Set<string>();

    it.each(paths)('$name', async (path) => {
      const connect = connector(`path-${paths.indexOf(path)}.db`);
      const run = await runPath(path, 'killed', { connect });
      for (const id of run.taken) taken.add(id);
      expect(path.covers.filter((id) => !run.taken.has(id))).toEqual([]);
    });

    it('took every transition definition itself, guard branches included', () => {
      expect(allDefinitions.filter((id) => !taken.has(id))).toEqual([]);
    });
  },
);

/** A connection for each process. */
function fileConnector(file: string): () => Connection {
  return () => {
    const database = openBetterSqlite3(file);
    return { database, close: () => database.close() };
  };
}

/** One connection for all processes that are alive; the last one dies with it, and the next replays its journal. */
function journalConnector(path: string): () => Connection {
  const files = simSqlFiles(new SimDisk({ random: seededRandom(path) }));
  let shared: ReturnType<typeof openLoaded> | undefined;
  let users = 0;
  return () => {
    shared ??= openLoaded(sqlJs, path, { files, checkpointBytes: 8_000 });
    users += 1;
    let isOpen = true;
    return {
      database: shared.database,
      close() {
        if (!isOpen) return;
        isOpen = false;
        users -= 1;
        if (users > 0) return;
        shared?.abandon();
        shared = undefined;
      },
    };
  };
}
