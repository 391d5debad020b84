import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Lading, LadingOptions } from 'lading';
import { type InstrumentOptions, instruments, type MeterLike } from 'lading/telemetry';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listFiles } from '../architecture/source-files.ts';
import { inspectorListener } from '../support/inspector-listener.ts';
import { image, picture, world } from '../support/lading-world.ts';
import { codeBlocks, page, root, tableRows } from './markdown.ts';

const doc = page('docs/observability.md');
let folder = '';

beforeAll(async () => {
  await mkdir(join(root, '.tmp'), { recursive: true });
  folder = await mkdtemp(join(root, '.tmp', 'observability-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const { paths } = (
  JSON.parse(await readFile(join(root, 'tsconfig.json'), 'utf8')) as {
    readonly compilerOptions: { readonly paths: Readonly<Record<string, readonly string[]>> };
  }
).compilerOptions;

/** The folder is in no project, so that a subpath there must be said by its file. */
function sourceOf(_quoted: string, subpath: string): string {
  return JSON.stringify(pathToFileURL(join(root, paths[subpath]?.[0] ?? '')).href);
}

/** What a code block of the page exports, as it stands. */
async function block<T>(
  containing: string,
  [from, to]: readonly [string, string] = ['', ''],
): Promise<T> {
  const code = codeBlocks(doc).find(
    (one) => one.language === 'ts' && one.code.includes(containing),
  );
  expect(code).toBeDefined();
  const file = join(folder, `${containing}.ts`);
  await writeFile(
    file,
    (code?.code ?? '').replace(from, to).replaceAll(/'(lading[\w/-]*)'/g, sourceOf),
  );
  return (await import(pathToFileURL(file).href)) as T;
}

describe('docs/observability.md', () => {
  it('has an inspector that shows attachments as it stands', async () => {
    const listener = await inspectorListener();
    const { withEyes } = await block<{
      readonly withEyes: (options: LadingOptions) => Promise<LadingOptions>;
    }>('statelyInspect', ['ws://localhost:8080', listener.url]);
    const phone = world();
    const { inspect } = await withEyes({} as LadingOptions);
    const lading = await phone.open(inspect === undefined ? {} : { inspect });
    const photo = await phone.until(lading.capture(picture(), image()));
    const shown = await listener.until(({ type }) => type === '@xstate.snapshot');
    expect(shown.sessionId).toBe(photo.id);
    await phone.until(lading.close());
    await listener.close();
  });

  it('has a bridge to a meter that reports as it stands, and stops', async () => {
    const { report } = await block<{
      readonly report: <T>(lading: Lading, meter: MeterLike<T>) => () => void;
    }>('observeWith');
    const phone = world();
    const lading = await phone.open();
    await phone.until(lading.capture(picture(), image()));
    const callbacks = new Set<Parameters<MeterLike<string>['addBatchObservableCallback']>[0]>();
    const stop = report<string>(lading, {
      createObservableGauge: (name) => name,
      createObservableCounter: (name) => name,
      addBatchObservableCallback: (callback) => void callbacks.add(callback),
      removeBatchObservableCallback: (callback) => void callbacks.delete(callback),
    });
    const read: Record<string, number> = {};
    for (const callback of callbacks) {
      callback({
        observe: (name, value) => {
          read[name] = value;
        },
      });
    }
    expect(read).toMatchObject({ 'lading.captures': 1, 'lading.storage.files': 1 });
    stop();
    expect(callbacks.size).toBe(0);
  });

  it('lists every instrument with its kind, unit and words', () => {
    const rows = tableRows(doc.text).filter(([name]) => name?.startsWith('`lading.'));
    const listed = rows.map(([name, kind, unit, , words]) => [name, kind, unit, words]);
    const made = Object.entries(instruments) as [string, InstrumentOptions & { kind: string }][];
    expect(listed).toEqual(
      made.map(([name, { kind, unit, description }]) => [
        `\`${name}\``,
        kind,
        `\`${unit}\``,
        description,
      ]),
    );
  });

  it('lists every message of the log with its level, and no other', async () => {
    const sources = await Promise.all(
      listFiles()
        .filter((path) => /^((engine|sync|persistence|verbs)\/|[\w-]+\.ts$)/.test(path))
        .map((path) => readFile(join(root, path), 'utf8')),
    );
    const told = new Set<string>();
    for (const text of sources) {
      for (const [, level, message] of text.matchAll(
        /(?:logger\.|\[')(debug|info|warn|error)(?:\(\s*|', )'([^']+)'/g,
      )) {
        told.add(`${level} ${message}`);
      }
      // What the scheduler tracks is told as an error, and what somebody else threw.
      for (const [, message] of text.matchAll(
        /\b(?:track\(|safely\((?:parts\.)?logger, )'([^']+)'/g,
      )) {
        told.add(`error ${message}`);
      }
    }
    const listed = tableRows(doc.text)
      .filter(([level = '']) => /^(debug|info|warn|error)$/.test(level))
      .map(([level, message = '']) => `${level} ${message.replaceAll('`', '')}`);
    expect(told.size).toBeGreaterThan(40);
    expect(listed.toSorted()).toEqual([...told].toSorted());
  });
});
