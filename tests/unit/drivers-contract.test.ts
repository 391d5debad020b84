import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import BetterSqlite3 from 'better-sqlite3';
import { betterSqlite3 } from 'lading/sqlite/better-sqlite3';
import { nodeSqlite } from 'lading/sqlite/node';
import { nodeFiles } from '../../persistence/drivers/sqljs/node-files.ts';
import { loadSqlJs, openLoaded } from '../../persistence/drivers/sqljs/opening.ts';
import type { SqlDatabase } from '../../ports/sql.ts';
import { describeSqlDriver } from '../../testing/contracts/sql-driver.ts';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { SimDisk } from '../../testing/world/sim-disk.ts';
import { loadSimSqlite } from '../../testing/world/sim-sqlite.ts';
import { type DriverName, drivers } from '../support/drivers.ts';

const sqlJs = await loadSqlJs();

/** One owner, and texts through a decoder that takes a byte order mark for its own. */
const IN_WASM = { connections: 'one', dropsByteOrderMark: true } as const;

const readOnly: Readonly<Record<DriverName, (file: string) => SqlDatabase>> = {
  'node:sqlite': (file) => nodeSqlite(new DatabaseSync(file, { readOnly: true })),
  'better-sqlite3': (file) => betterSqlite3(new BetterSqlite3(file, { readonly: true })),
  // Root may write every file: these stand for those of a folder without permission.
  'sql.js': (file) =>
    openLoaded(sqlJs, file, {
      files: {
        ...nodeFiles(),
        open() {
          throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
        },
      },
    }).database,
};

for (const { name, openFile } of drivers) {
  describeSqlDriver(name, name === 'sql.js' ? IN_WASM : { connections: 'many' }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lading-driver-'));
    const file = join(folder, 'app.db');
    return {
      open: (options) => openFile(file, options),
      readFile: () => (existsSync(file) ? readFileSync(file) : undefined),
      readFiles: () => readdirSync(folder).map((entry) => readFileSync(join(folder, entry))),
      writeFile: (bytes) => writeFileSync(file, bytes),
      openInMissingFolder: () => openFile(join(folder, 'none', 'app.db')),
      openReadOnly: () => readOnly[name](file),
      dispose: () => rmSync(folder, { recursive: true }),
    };
  });
}

describeSqlDriver(
  'sqlite-wasm on the simulated disk',
  { ...IN_WASM, readOnly: false },
  async () => {
    const sqlite = await loadSimSqlite();
    const disk = new SimDisk({ random: seededRandom('contract') });
    return {
      open: (options) => sqlite.open(disk, options).sql,
      readFile: () => disk.contents().get('app.db'),
      readFiles: () => [...disk.contents().values()],
      writeFile(bytes) {
        for (const path of disk.contents().keys()) disk.remove(path);
        disk.open('app.db', 'create').write(0, bytes);
      },
      openInMissingFolder: () => sqlite.open(disk, { path: 'none/app.db' }).sql,
    };
  },
);
