import { type ChildProcess, spawn } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { document, lading, type SickPhone, sickPhone } from '../support/cli-world.ts';

const folder = mkdtempSync(join(tmpdir(), 'lading-cli-files-'));
const path = (name: string): string => join(folder, name);
let phone: SickPhone;

beforeAll(async () => {
  phone = await sickPhone(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A copy of the phone's database, changed by hand. */
function changed(name: string, sql: string): string {
  const file = path(name);
  copyFileSync(phone.file, file);
  const handle = new DatabaseSync(file);
  handle.exec(sql);
  handle.close();
  return file;
}

describe('a file that cannot be read', () => {
  const cases: Readonly<Record<string, readonly [() => string, RegExp]>> = {
    'that is not there': [() => path('nothing.sqlite'), /There is no file .*never creates one/],
    'that is a directory': [() => folder, /is a directory\. Give the database file/],
    'that is empty': [() => written('empty.sqlite', ''), /is empty: no app has stored anything/],
    'that is no database': [
      () => written('letter.txt', 'Dear support, my photo is stuck.'.repeat(20)),
      /is not a SQLite database, or it is encrypted/,
    ],
    'without tables of Lading': [otherDatabase, /no app has used Lading with it/],
    'whose version is no number': [
      () =>
        changed('odd.sqlite', `UPDATE lading_meta SET value = 'abc' WHERE key = 'schema_version'`),
      /damaged: the version of its tables is no number\. Keep the file/,
    ],
    'that lost a table': [
      () => changed('lost.sqlite', 'DROP TABLE lading_media; DROP TABLE lading_task'),
      /damaged: tables of Lading are missing \(lading_task, lading_media\)\. Keep the file/,
    ],
    'of a newer version': [
      () =>
        changed('newer.sqlite', `UPDATE lading_meta SET value = '99' WHERE key = 'schema_version'`),
      /newer version of Lading \(schema 99, this command knows \d+\)\. Use the version of the app/,
    ],
    'that is damaged': [damaged, /is damaged: SQLite cannot read it\. Keep it as it is/],
  };

  it.each(Object.entries(cases))(
    '%s is one sentence with what to do, exit code 2, and no stack',
    async (_, [make, sentence]) => {
      const { code, stdout, stderr } = await lading(['doctor', make()]);
      expect(stderr).toMatch(sentence);
      expect(stderr).toMatch(/^lading: [^\n]+\n$/);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    },
  );

  it('that another program holds for itself alone is said to be locked', async () => {
    const file = changed('locked.sqlite', 'PRAGMA journal_mode = DELETE');
    const holder = new DatabaseSync(file);
    holder.exec('BEGIN EXCLUSIVE');
    const { code, stderr } = await lading(['status', file]);
    holder.exec('ROLLBACK');
    holder.close();
    expect(stderr).toMatch(/is locked: another program holds it for itself alone/);
    expect(code).toBe(2);
  });

  it('is named with its control characters escaped (contract 10.1)', async () => {
    const { stderr } = await lading(['doctor', path('a\u001b[31m\u202eb')]);
    expect(stderr).toContain('a\\u{1b}[31m\\u{202e}b');
  });
});

describe('a call that is not right', () => {
  it.each([
    [['dokter'], '"dokter" is no command. Did you mean doctor?'],
    [['doctor'], 'Which database? Use: lading doctor FILE'],
    [['explain', 'FILE'], 'Which attachment? Use: lading explain FILE ID'],
    [['doctor', 'FILE', 'more'], '"more" is one argument too many.'],
    [['list', 'FILE', '--bogus'], "Unknown option '--bogus'. Use: lading list FILE"],
    [['list', 'FILE', '--state', 'lost'], '"lost" is not a state. There are: uploaded,'],
    [['list', 'FILE', '--limit', 'few'], '--limit takes a whole number, not "few".'],
    [['doctor', 'FILE', '--at', 'noon'], '--at takes a time like 2026-05-03T14:00Z'],
    [['explain', 'FILE', 'photo'], '"photo" is not the id of an attachment'],
    [['explain', 'FILE', '019b'], '"019b" is too short: give at least 8 characters'],
    [['explain', 'FILE', 'ffffffff-1'], 'There is no attachment ffffffff-1 in this database'],
    [
      ['explain', 'FILE', 'ID', '--at-version', '99'],
      '--at-version takes a whole number from 1 to 4',
    ],
    [['graph', 'FILE'], 'Which attachment of that database? Add --id ID'],
    [['graph', '--format', 'png'], '"png" is not a format. There are: mermaid, svg.'],
  ])('%j is told what is right', async (args, sentence) => {
    const given = args.map((arg) =>
      arg === 'FILE' ? phone.file : arg === 'ID' ? phone.ids.busy : arg,
    );
    const { code, stdout, stderr } = await lading(given);
    expect(stderr).toContain(sentence);
    expect(stderr).not.toContain('    at ');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('lists the candidates of an id that several begin with', async () => {
    const { code, stderr } = await lading(['explain', phone.file, phone.ids.draft.slice(0, 13)]);
    expect(code).toBe(2);
    const both = [phone.ids.draft, phone.ids.removed].toSorted();
    expect(stderr).toContain(both.map((id) => `  ${id}\n`).join(''));
  });
});

describe('a file that an app uses', () => {
  it('is read beside the app, which goes on, and gives what the app has just committed', async () => {
    const file = path('live.sqlite');
    const app = await startApp(file);
    try {
      const first = await capture(app);
      const bytes = readFileSync(file);
      const log = readFileSync(`${file}-wal`);
      const { database, attachments } = await document<StatusLike>('status', file);
      expect({ ...database, attachments }).toMatchObject({
        read: 'beside the app',
        attachments: 1,
      });
      expect(readFileSync(file).equals(bytes)).toBe(true);
      expect(readFileSync(`${file}-wal`).equals(log)).toBe(true);
      const second = await capture(app);
      const { stdout } = await lading(['list', file]);
      expect(stdout).toContain(first);
      expect(stdout).toContain(second);
      await expect(lading(['verify', file])).resolves.toMatchObject({ code: 0 });
    } finally {
      app.child.kill('SIGKILL');
    }
  }, 60_000);

  it('is watched: what the app does shows by itself, until Ctrl-C', async () => {
    const file = path('watched.sqlite');
    const app = await startApp(file);
    const entry = fileURLToPath(new URL('../../bin/lading.ts', import.meta.url));
    const viewer = spawn(process.execPath, [entry, 'watch', file, '--json']);
    const lines = linesOf(viewer);
    try {
      expect(JSON.parse(await lines())).toMatchObject({ attachments: 0 });
      await capture(app);
      let seen: StatusLike;
      do seen = JSON.parse(await lines()) as StatusLike;
      while (seen.attachments === 0);
      expect(seen.attachments).toBe(1);
      viewer.kill('SIGINT');
      await expect(new Promise((resolve) => viewer.on('exit', resolve))).resolves.toBe(0);
    } finally {
      viewer.kill('SIGKILL');
      app.child.kill('SIGKILL');
    }
  }, 60_000);

  it('and that died with its log beside it is read from a copy, and neither file changes', async () => {
    const file = path('died.sqlite');
    const app = await startApp(file);
    const id = await capture(app);
    const copied = path('copied.sqlite');
    for (const suffix of ['', '-wal']) cpSync(`${file}${suffix}`, `${copied}${suffix}`);
    app.child.kill('SIGKILL');
    const before = ['', '-wal'].map((suffix) => readFileSync(`${copied}${suffix}`));
    expect(before[1]?.byteLength).toBeGreaterThan(0);
    const { database } = await document<StatusLike>('status', copied);
    expect(database.read).toBe('from a copy');
    const { stdout } = await lading(['list', copied]);
    expect(stdout).toContain(id);
    expect(readFileSync(copied).equals(before[0] as Buffer)).toBe(true);
    expect(readFileSync(`${copied}-wal`).equals(before[1] as Buffer)).toBe(true);
    expect(statSync(`${copied}-shm`, { throwIfNoEntry: false })).toBeUndefined();
  }, 60_000);

  it('is read as well when it is kept by the sql.js driver, with commits in its journal', async () => {
    const file = path('portable.sqlite');
    const app = await startApp(file, 'sql.js');
    try {
      const id = await capture(app);
      const { database } = await document<StatusLike>('status', file);
      expect(database.read).toBe('from a copy');
      const { stdout } = await lading(['list', file]);
      expect(stdout).toContain(id);
    } finally {
      app.child.kill('SIGKILL');
    }
  }, 60_000);
});

interface StatusLike {
  readonly attachments: number;
  readonly database: { readonly read: string };
}

function written(name: string, text: string): string {
  writeFileSync(path(name), text);
  return path(name);
}

function otherDatabase(): string {
  const handle = new DatabaseSync(path('other.sqlite'));
  handle.exec('CREATE TABLE app (x)');
  handle.close();
  return path('other.sqlite');
}

/** The page that holds the schema is overwritten behind its header. */
function damaged(): string {
  const bytes = readFileSync(phone.file);
  bytes.fill(0xa5, 100, 4_096);
  writeFileSync(path('damaged.sqlite'), bytes);
  return path('damaged.sqlite');
}

interface App {
  readonly child: ChildProcess;
  readonly lines: () => Promise<string>;
}

/** An app in a process of its own, whose remote never answers. */
async function startApp(file: string, driver = 'node'): Promise<App> {
  const entry = fileURLToPath(new URL('../support/cli-app.ts', import.meta.url));
  const child = spawn(process.execPath, [entry, file, driver], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = linesOf(child);
  expect(await lines()).toBe('open');
  return { child, lines };
}

/** Lets the app capture a picture; its id. */
function capture({ child, lines }: App): Promise<string> {
  child.stdin?.write('capture\n');
  return lines();
}

/** The next line that a process prints. */
function linesOf(child: ChildProcess): () => Promise<string> {
  const waiting: ((line: string) => void)[] = [];
  const ready: string[] = [];
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const [last = '', ...whole] = `${rest}${chunk}`.split('\n').toReversed();
    rest = last;
    for (const line of whole.toReversed()) {
      const next = waiting.shift();
      if (next === undefined) ready.push(line);
      else next(line);
    }
  });
  // A child that dies must fail its test, and not let it wait.
  child.on('exit', () => {
    for (const next of waiting.splice(0)) next('(the process ended)');
  });
  return () => {
    const line = ready.shift();
    return line === undefined
      ? new Promise((resolve) => void waiting.push(resolve))
      : Promise.resolve(line);
  };
}
