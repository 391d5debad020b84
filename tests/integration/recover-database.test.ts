import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LadingError } from 'lading';
import { openBetterSqlite3 } from 'lading/sqlite/better-sqlite3';
import { openNodeSqlite } from 'lading/sqlite/node';
import { type DatabaseRecovery, recoverDatabase } from 'lading/sqlite/recover';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  copyOf,
  filesIn,
  type Made,
  makeApp,
  NOTES,
  OWNER,
  openApp,
  pagesByTable,
  scribble,
  scribblePage,
} from '../support/damaged-database.ts';

const COUNTS = { sent: 30, unsent: 12 };
let closed: Made;
let killed: Made;

beforeAll(async () => {
  closed = await makeApp('closed', COUNTS);
  killed = await makeApp('killed', COUNTS);
}, 60_000);
afterAll(() => {
  closed.dispose();
  killed.dispose();
});

/** Recovers a copy that `damage` was done to, opens Lading on it, and looks whether anything is missing. */
async function recovered(
  made: Made,
  damage: (folder: string) => void,
  open = openNodeSqlite,
): Promise<DatabaseRecovery> {
  const folder = copyOf(made);
  try {
    damage(folder);
    const before = filesIn(folder);
    const report = recoverDatabase(join(folder, 'app.db'), { open });
    if (report.damaged) requireCopies(report, before);
    await requireAll(made, folder, report, open);
    return report;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What was set aside is what was there, byte for byte. */
function requireCopies({ quarantine }: DatabaseRecovery, before: Readonly<Record<string, string>>) {
  const [copy = ''] = quarantine;
  for (const [name, bytes] of Object.entries(before)) {
    const path = copy + name.slice('app.db'.length);
    expect(quarantine).toContain(path);
    expect(readFileSync(path).toString('latin1') === bytes).toBe(true);
  }
}

/** Nothing that was acknowledged is lost: what was never sent is here at once and uploads, the rest comes back. */
async function requireAll(
  made: Made,
  folder: string,
  report: DatabaseRecovery,
  open = openNodeSqlite,
): Promise<void> {
  const sound = filesIn(folder);
  expect(recoverDatabase(join(folder, 'app.db'), { open })).toMatchObject({ damaged: false });
  expect(filesIn(folder)).toEqual(sound);
  expect(Object.keys(sound).filter((name) => name.includes('-lading-'))).toEqual([]);

  const offline = await openApp(folder, made, false, open);
  // A file that SQLite finds sound may still have lost its newest commits: that the app is told, and decides.
  if (!report.damaged) await offline.lading.recover();
  const listed = offline.lading.list(OWNER).map(({ ref }) => ref.mediaId);
  expect(listed).toEqual(expect.arrayContaining([...made.unsent]));
  await offline.lading.close();
  const online = await openApp(folder, made, true, open);
  await online.lading.settled();
  await online.lading.retrySync();
  await online.lading.settled();
  const all = [...made.sent, ...made.unsent];
  const shown = online.lading.list(OWNER);
  expect(shown.map(({ ref }) => ref.mediaId).toSorted()).toEqual(all.toSorted());
  expect(shown.filter(({ view }) => view.state !== 'uploaded')).toEqual([]);
  for (const id of made.unsent) {
    expect([...made.remote.objects.keys()].filter((key) => key.endsWith(id))).toHaveLength(1);
  }
  expect(await online.lading.verify()).toMatchObject({ ok: true });
  await online.lading.close();
}

function notesOf(report: DatabaseRecovery) {
  return report.appTables.find(({ name }) => name === 'notes');
}

describe('recoverDatabase (field case 16)', () => {
  it('leaves a sound file as it is, closed or with the journal of a kill', async () => {
    for (const made of [closed, killed]) {
      const folder = copyOf(made);
      const before = filesIn(folder);
      const report = recoverDatabase(join(folder, 'app.db'), { open: openNodeSqlite });
      expect(report).toMatchObject({ damaged: false, quarantine: [] });
      expect(filesIn(folder)).toEqual(before);
      rmSync(folder, { recursive: true });
    }
  });

  it('keeps everything when nothing but the header is damaged', async () => {
    const report = await recovered(closed, (folder) => scribble(folder, 0, 100));
    expect(report).toMatchObject({ damaged: true, streams: { cut: [], lost: [] } });
    expect(report.streams.whole).toBe(COUNTS.sent + COUNTS.unsent);
    expect(report.ops).toBe(COUNTS.unsent);
    // The journal of the other one has a sound first page.
    await recovered(killed, (folder) => scribble(folder, 0, 100));
  });

  it('brings everything back when the whole first page is gone', async () => {
    const report = await recovered(closed, (folder) => scribblePage(folder, 1));
    expect(report.streams.whole).toBe(COUNTS.sent + COUNTS.unsent);
    expect(report.userVersion).toBeNull();
  });

  it.each([
    'lading_event',
    'lading_stream',
    'lading_media',
    'lading_ref',
    'lading_meta',
    'lading_outbox',
    'lading_task',
    'lading_snapshot',
    'lading_job',
    'lading_usage',
    'sqlite_autoindex_lading_event_1',
  ])('brings everything back when the root of %s is damaged', async (table) => {
    const [root = 0] = pagesByTable(closed).get(table) ?? [];
    expect(root).toBeGreaterThan(0);
    const report = await recovered(closed, (folder) => scribblePage(folder, root));
    expect(report.damaged).toBe(true);
    if (table === 'lading_event') {
      const [inJournal = 0] = pagesByTable(killed).get(table) ?? [];
      await recovered(killed, (folder) => scribblePage(folder, inJournal));
    }
  });

  it('brings everything back whichever page of the log is damaged', async () => {
    const pages = pagesByTable(closed).get('lading_event') ?? [];
    expect(pages.length).toBeGreaterThan(10);
    const picked = process.env['LADING_ALL_PAGES'] === undefined ? every(pages, 7) : pages;
    const lossy: number[] = [];
    for (const page of picked) {
      const report = await recovered(closed, (folder) => scribblePage(folder, page));
      if (report.streams.cut.length + report.streams.lost.length > 0) lossy.push(page);
    }
    expect(lossy.length).toBeGreaterThan(0);
  }, 120_000);

  it.each([0.05, 0.3, 0.7, 0.95])(
    'brings everything back from a file that was cut to %d of it',
    async (part) => {
      const report = await recovered(closed, (folder) => {
        const file = join(folder, 'app.db');
        truncateSync(file, Math.floor(readFileSync(file).length * part));
      });
      expect(report.damaged).toBe(true);
    },
  );

  it('brings back what a journal of zeros, half a journal, or an emptied file has lost', async () => {
    const wal = (folder: string): string => join(folder, 'app.db-wal');
    const zeros = await recovered(killed, (folder) =>
      writeFileSync(wal(folder), new Uint8Array(readFileSync(wal(folder)).length)),
    );
    const half = await recovered(killed, (folder) =>
      truncateSync(wal(folder), Math.floor(readFileSync(wal(folder)).length / 2)),
    );
    // To SQLite these are sound files of an earlier time; what is newer, the sidecars know.
    expect([zeros.damaged, half.damaged]).toEqual([false, false]);
    const emptied = await recovered(killed, (folder) => writeFileSync(join(folder, 'app.db'), ''));
    expect(emptied.damaged).toBe(true);
  });

  it('does the same with better-sqlite3', async () => {
    const [root = 0] = pagesByTable(closed).get('lading_event') ?? [];
    const report = await recovered(
      closed,
      (folder) => scribblePage(folder, root),
      openBetterSqlite3,
    );
    expect(report).toMatchObject({ damaged: true });
    expect(notesOf(report)).toEqual({ name: 'notes', rows: NOTES, isWhole: true });
  });
});

describe('the app’s own tables in a damaged file', () => {
  it('are copied with their indexes, views, triggers, large numbers and user_version', async () => {
    const folder = copyOf(closed);
    const [page = 0] = pagesByTable(closed).get('lading_event') ?? [];
    scribblePage(folder, page);
    const file = join(folder, 'app.db');
    const report = recoverDatabase(file, { open: openNodeSqlite });
    expect(report.appTables.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
      { name: 'loose', rows: NOTES, isWhole: true },
      { name: 'notes', rows: NOTES, isWhole: true },
      { name: 'pairs', rows: NOTES, isWhole: true },
    ]);
    expect(report).toMatchObject({ leftOut: [], userVersion: 7 });
    const database = openNodeSqlite(file);
    expect(database.get('PRAGMA user_version')).toEqual({ user_version: 7 });
    expect(database.get('SELECT CAST(max(big) AS TEXT) AS big FROM notes')).toEqual({
      big: '9223372036854775807',
    });
    expect(
      database
        .all(`SELECT name FROM sqlite_master WHERE name LIKE '%notes%' ORDER BY name`)
        .map(({ name }) => name),
    ).toEqual(['notes', 'notes_add', 'notes_text', 'some_notes']);
    expect(database.all('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    database.close();
    rmSync(folder, { recursive: true });
  });

  it.each(['notes', 'pairs', 'loose'])(
    'lose no row of %s but those of the damaged page, and say so',
    async (name) => {
      const pages = pagesByTable(closed).get(name) ?? [];
      const leaf = pages[Math.floor(pages.length / 2)] ?? 0;
      expect(leaf).toBeGreaterThan(0);
      const report = await recovered(closed, (folder) => scribblePage(folder, leaf));
      const table = report.appTables.find((one) => one.name === name);
      expect(table).toMatchObject({ isWhole: false });
      expect(table?.rows).toBeGreaterThan(NOTES - 80);
      expect(table?.rows).toBeLessThan(NOTES);
    },
  );
});

describe('a recovery that is killed', () => {
  it.each(['quarantined', 'rebuilt', 'planned', 'journal_removed', 'swapped'])(
    'at "%s" leaves the damaged file or the new one, and goes on when it is called again',
    async (point) => {
      for (const made of point === 'journal_removed' ? [closed, killed] : [closed]) {
        const folder = copyOf(made);
        // A page that was checkpointed long ago: the journal of the other one has no newer one.
        const [page = 0] = (pagesByTable(made).get('notes') ?? []).slice(-1);
        scribblePage(folder, page);
        const before = filesIn(folder);
        const crash = {
          open: openNodeSqlite,
          crashPoint: (name: string): void => {
            if (name === point) throw new Error('killed');
          },
        };
        expect(() => recoverDatabase(join(folder, 'app.db'), crash)).toThrow('killed');
        const copy = copiesIn(folder);
        expect(copy).toHaveLength(1);
        requireCopies({ quarantine: withBeside(folder, copy[0] ?? '') } as never, before);

        const report = recoverDatabase(join(folder, 'app.db'), { open: openNodeSqlite });
        expect(report.damaged).toBe(point !== 'swapped');
        expect(copiesIn(folder)).toEqual(copy);
        await requireAll(made, folder, { ...report, damaged: true });
        rmSync(folder, { recursive: true });
      }
    },
    60_000,
  );

  it('does not put an old result in the place of a file that was used since', async () => {
    const folder = copyOf(closed);
    const file = join(folder, 'app.db');
    const [page = 0] = (pagesByTable(closed).get('notes') ?? []).slice(-1);
    scribblePage(folder, page);
    const crash = {
      open: openNodeSqlite,
      crashPoint: (name: string): void => {
        if (name === 'planned') throw new Error('killed');
      },
    };
    expect(() => recoverDatabase(file, crash)).toThrow('killed');
    const database = openNodeSqlite(file);
    database.run("INSERT INTO loose VALUES ('written since')");
    database.close();
    const report = recoverDatabase(file, { open: openNodeSqlite });
    expect(report.damaged).toBe(true);
    const again = openNodeSqlite(file);
    expect(again.all("SELECT text FROM loose WHERE text = 'written since'")).toHaveLength(1);
    again.close();
    rmSync(folder, { recursive: true });
  });
});

describe('recoverDatabase refuses', () => {
  it('a file that is not there, a journal of sql.js beside it, and what a newer version wrote; all stays as it is', () => {
    const folder = copyOf(closed);
    const file = join(folder, 'app.db');
    const code = (path: string): string => {
      try {
        return String(recoverDatabase(path, { open: openNodeSqlite }).damaged);
      } catch (error) {
        return error instanceof LadingError ? error.code : String(error);
      }
    };
    expect(code(join(folder, 'none.db'))).toBe('database_unopenable');
    expect(code('')).toBe('invalid_option');
    const database = openNodeSqlite(file);
    database.run("UPDATE lading_meta SET value = '99' WHERE key = 'schema_version'");
    database.close();
    const [page = 0] = pagesByTable(closed).get('lading_event') ?? [];
    scribblePage(folder, page);
    const before = filesIn(folder);
    expect(code(file)).toBe('database_newer');
    expect(filesIn(folder)).toMatchObject(before);
    expect(Object.keys(filesIn(folder)).filter((name) => name.includes('-lading-'))).toEqual([]);
    writeFileSync(`${file}-lading`, 'a journal');
    expect(code(file)).toBe('database_busy');
    rmSync(folder, { recursive: true });
  });
});

/** Files that were set aside, without what lay beside them. */
function copiesIn(folder: string): readonly string[] {
  return Object.keys(filesIn(folder)).filter((name) => /\.damaged-[0-9TZ]+$/.test(name));
}

function withBeside(folder: string, name: string): readonly string[] {
  return Object.keys(filesIn(folder))
    .filter((one) => one.startsWith(name))
    .map((one) => join(folder, one));
}

function every(pages: readonly number[], nth: number): readonly number[] {
  return pages.filter((_, index) => index % nth === 1);
}
