import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { bytesSource, type Lading, openLading, type SqlDatabase } from 'lading';
import { directoryBlobs } from 'lading/blobs/directory';
import { manualConnectivity } from 'lading/connectivity';
import { openNodeSqlite } from 'lading/sqlite/node';
import { createReferenceBackend, type ReferenceBackend } from 'lading/sync';
import { type MemoryRemote, memoryRemote } from 'lading/testing';
import { systemClock } from '../../ports/clock.ts';
import { sampleJpeg } from '../../testing/sample-files/index.ts';

const ACCOUNT = 'me';
export const OWNER = {
  scope: { accountId: ACCOUNT },
  entityType: 'item',
  entityId: 'item-1',
  field: 'images',
} as const;
export const NOTES = 400;

/** An app on real files, killed or closed, with captures that were sent and captures that were not. */
export interface Made {
  /** The app's folder: `app.db` with its journal, and `blobs`. */
  readonly folder: string;
  readonly sent: readonly string[];
  readonly unsent: readonly string[];
  readonly backend: ReferenceBackend;
  readonly remote: MemoryRemote;
  dispose(): void;
}

export interface OpenedApp {
  readonly lading: Lading;
  readonly logged: readonly string[];
}

type Open = (file: string) => SqlDatabase;

export async function openApp(
  folder: string,
  made: Pick<Made, 'backend' | 'remote'>,
  online: boolean,
  open: Open = openNodeSqlite,
): Promise<OpenedApp> {
  const logged: string[] = [];
  const log = (message: string): void => void logged.push(message);
  const store = open(join(folder, 'app.db'));
  try {
    const lading = await openLading({
      store,
      blobs: directoryBlobs({ directory: join(folder, 'blobs') }),
      remote: made.remote,
      backend: made.backend.client(ACCOUNT),
      connectivity: manualConnectivity({ online }),
      fields: { 'item.images': { kinds: ['image'] } },
      account: ACCOUNT,
      onlineDebounceMs: 0,
      logger: { debug: log, info: log, warn: log, error: log },
    });
    return { lading, logged };
  } catch (error) {
    store.close();
    throw error;
  }
}

/** @param how `killed`: the journal is still there, and holds part of what was committed. */
export async function makeApp(
  how: 'closed' | 'killed',
  counts: { readonly sent: number; readonly unsent: number },
): Promise<Made> {
  const root = mkdtempSync(join(tmpdir(), 'lading-damaged-'));
  const folder = join(root, 'app');
  const live = join(root, 'live');
  cpSync(mkdtempSync(join(root, 'empty-')), live, { recursive: true });
  const made = {
    backend: createReferenceBackend({ clock: systemClock() }),
    remote: memoryRemote(),
  };
  const handle = openNodeSqlite(join(live, 'app.db'));
  handle.exec(`PRAGMA user_version = 7;
    CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL, big INTEGER);
    CREATE TABLE pairs (a TEXT, b TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
    CREATE TABLE loose (text TEXT);
    CREATE INDEX notes_text ON notes (text);
    CREATE VIEW some_notes AS SELECT * FROM notes WHERE id < 10;
    CREATE TRIGGER notes_add AFTER INSERT ON notes BEGIN INSERT INTO loose VALUES (new.text); END`);
  handle.transaction(() => {
    for (let n = 1; n <= NOTES; n++) {
      handle.run(
        'INSERT INTO notes VALUES (?, ?, 9223372036854775807)',
        n,
        `note ${n} ${'x'.repeat(80)}`,
      );
      handle.run('INSERT INTO pairs VALUES (?, ?)', `a${n}`, `b${n} ${'y'.repeat(60)}`);
    }
  });
  handle.close();

  const sent = await capture(live, made, true, counts.sent, 'sent');
  const first = await openApp(live, made, false);
  const unsent = await captureWith(first.lading, counts.unsent, 'unsent');
  if (how === 'closed') await first.lading.close();
  else await sidecarsWritten(live, counts.unsent);
  cpSync(live, folder, { recursive: true });
  if (how === 'killed') await first.lading.close();
  return {
    folder,
    sent,
    unsent,
    ...made,
    dispose: () => rmSync(root, { recursive: true, force: true }),
  };
}

async function capture(
  folder: string,
  made: Pick<Made, 'backend' | 'remote'>,
  online: boolean,
  count: number,
  text: string,
): Promise<readonly string[]> {
  const { lading } = await openApp(folder, made, online);
  const ids = await captureWith(lading, count, text);
  await lading.settled();
  await lading.close();
  return ids;
}

async function captureWith(
  lading: Lading,
  count: number,
  text: string,
): Promise<readonly string[]> {
  const files = Array.from({ length: count }, (_, n) => ({
    source: bytesSource(sampleJpeg({ body: `${text} ${n}` }), { contentType: 'image/jpeg' }),
    kind: 'image' as const,
  }));
  return (await lading.captureAll(files, { owner: OWNER })).map(({ id }) => id);
}

/** They follow the commit: a kill in between is another test's. */
async function sidecarsWritten(folder: string, count: number): Promise<void> {
  const place = join(folder, 'blobs', 'sidecars');
  const there = (): number =>
    existsSync(place)
      ? readdirSync(place, { recursive: true, encoding: 'utf8' }).filter((name) =>
          name.includes('m-'),
        ).length
      : 0;
  while (there() < count) await new Promise((resolve) => void setImmediate(resolve));
}

/** A copy of the app's folder, to damage. */
export function copyOf(made: Made): string {
  const folder = `${made.folder}-${Math.random().toString(36).slice(2)}`;
  cpSync(made.folder, folder, { recursive: true });
  return folder;
}

/** Pages of the database by the table or index that they are of. */
export function pagesByTable(made: Made): ReadonlyMap<string, readonly number[]> {
  const copy = `${made.folder}-pages.db`;
  for (const end of ['', '-wal']) {
    if (existsSync(join(made.folder, `app.db${end}`))) {
      copyFileSync(join(made.folder, `app.db${end}`), copy + end);
    }
  }
  const handle = new DatabaseSync(copy);
  const pages = new Map<string, number[]>();
  for (const { name, pageno } of handle.prepare('SELECT name, pageno FROM dbstat').all()) {
    pages.set(String(name), [...(pages.get(String(name)) ?? []), Number(pageno)]);
  }
  handle.close();
  return pages;
}

const PAGE_BYTES = 4096;

/** Overwrites `length` bytes of the database (or of `app.db<end>`) with what no table has. */
export function scribble(folder: string, position: number, length: number, end = ''): void {
  const path = join(folder, `app.db${end}`);
  const bytes = readFileSync(path);
  for (let at = position; at < Math.min(position + length, bytes.length); at++) {
    bytes[at] = (at * 31 + 7) & 0xff;
  }
  writeFileSync(path, bytes);
}

export function scribblePage(folder: string, page: number): void {
  scribble(folder, (page - 1) * PAGE_BYTES, PAGE_BYTES);
}

export function filesIn(folder: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    readdirSync(folder)
      .filter((name) => name.startsWith('app.db'))
      .map((name) => [name, readFileSync(join(folder, name)).toString('latin1')]),
  );
}
