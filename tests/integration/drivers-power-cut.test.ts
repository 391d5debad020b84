import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SqlDatabase } from 'lading';
import { seededRandom } from 'lading/testing';
import { describe, expect, it } from 'vitest';
import { hostedAttachment } from '../../engine/lifecycle/hosted.ts';
import { createVerify } from '../../engine/lifecycle/verify.ts';
import { openStore } from '../../persistence/index.ts';
import { systemClock } from '../../ports/clock.ts';
import { systemRandom } from '../../ports/random.ts';
import { drivers, type TestDriver } from '../support/drivers.ts';
import { afterCut, type Cut, cutRecorder, type Moment } from '../support/drivers-power-cut.ts';
import { image, owner, picture, world } from '../support/lading-world.ts';

/** Lives for each driver: `LADING_POWER_CUT_LIVES=50 npx vitest run tests/integration/drivers-power-cut.test.ts`. */
const LIVES = Number(process.env['LADING_POWER_CUT_LIVES'] ?? 1);
/** Cuts that are opened and judged of each life; it has some hundred. */
const JUDGED = 24;

const EVENTS = `SELECT group_concat(stream || ' ' || version || ' ' || type, char(10)) AS log
  FROM (SELECT stream, version, type FROM lading_event ORDER BY stream, version)`;

describe.each(drivers.filter(({ name }) => name !== 'sql.js'))(
  'the power goes while the engine works on $name, in images built from its real files',
  (driver) => {
    it.each(Array.from({ length: LIVES }, (_, index) => index + 1))(
      'every acknowledged event is there, the database is sound and verify finds nothing, life %d (contract 3.2, 9.2)',
      async (seed) => {
        const folder = mkdtempSync(join(tmpdir(), 'lading-cut-'));
        try {
          const { cuts, logs } = await liveOn(folder, driver, seed);
          const spilled = cuts.filter(
            (cut) => cut.moment === 'in a transaction' && cut.isLogLonger,
          );
          expect(spilled.length).toBeGreaterThan(0);
          const random = seededRandom(seed).fork('judged');
          const seen = new Map<Moment, number>();
          for (const cut of [
            ...random.shuffle([...cuts]).slice(0, JUDGED),
            ...spilled.slice(0, 4),
          ]) {
            seen.set(cut.moment, (seen.get(cut.moment) ?? 0) + 1);
            const found = await judge(folder, driver, cut);
            const last = logs[cut.acknowledged];
            // A commit whose sync was cut short may be there or not; nothing else may.
            const allowed =
              cut.moment === 'at a commit' ? [last, logs[cut.acknowledged + 1]] : [last];
            expect(allowed, `${cut.moment} after ${cut.acknowledged} commits`).toContain(found);
          }
          expect([...seen.keys()].toSorted()).toEqual([
            'at a commit',
            'in a checkpoint',
            'in a transaction',
          ]);
        } finally {
          rmSync(folder, { recursive: true });
        }
      },
      120_000,
    );

    it('the images have teeth: without the order of the syncs, commits are lost or the database is not sound', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'lading-cut-'));
      try {
        const { cuts, logs } = await liveOn(folder, driver, 7);
        let harmed = 0;
        const commits = cuts.filter(({ moment }) => moment === 'at a commit').slice(-16);
        for (const cut of commits) {
          // What the judge would say if this commit had been acknowledged before its sync.
          const found = await judge(folder, driver, cut).catch(() => 'not sound');
          if (found !== logs[cut.acknowledged + 1]) harmed += 1;
        }
        expect(harmed).toBeGreaterThan(commits.length / 4);
      } finally {
        rmSync(folder, { recursive: true });
      }
    }, 120_000);
  },
);

/** Captures, uploads and removals on a real file, on virtual time, with a checkpoint now and then. */
async function liveOn(folder: string, driver: TestDriver, seed: number) {
  const random = seededRandom(seed).fork(driver.name);
  const logs: string[] = [];
  const note = (database: SqlDatabase): void => void logs.push(logOf(database));
  const recorder = cutRecorder(folder, driver, random.fork('cuts'), note);
  recorder.database.exec(
    'CREATE TABLE note (media_id TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT',
  );
  logs.push(''); // before the first commit
  const phone = world({ seed: `power ${seed}` });
  const lading = await phone.open({ store: recorder.database });
  for (let step = 0; step < 14; step++) {
    const chance = random.fork(`step ${step}`);
    const id = lading.newMediaId();
    const text = 'x'.repeat(chance.int(10, 60_000)); // the longer ones spill into the log before their commit
    await phone.until(
      lading.capture(picture(`picture ${step}`), {
        ...image(),
        id,
        inTransaction: (tx) => {
          tx.run('INSERT INTO note (media_id, text) VALUES (?, ?)', id, text);
        },
      }),
    );
    await phone.pass(chance.int(0, 3_000));
    if (chance.chance(0.3)) await phone.until(lading.remove(id, owner()));
    if (chance.chance(0.6)) recorder.checkpoint();
  }
  await phone.pass(60_000);
  recorder.checkpoint();
  phone.kill();
  return { cuts: recorder.cuts, logs };
}

/** Opens what is left as the next start does. @returns its log. */
function judge(folder: string, driver: TestDriver, { files }: Cut): Promise<string> {
  return afterCut(folder, files, driver, async (database) => {
    expect(database.get('PRAGMA integrity_check')).toEqual({ integrity_check: 'ok' });
    const log = logOf(database);
    if (log === '') return log;
    const { events, tables } = openStore(database, systemClock(), systemRandom);
    const machine = hostedAttachment({ services: {}, tables, consequences: { apply: () => {} } });
    const report = await createVerify({ events, tables, machine, clock: systemClock() })();
    expect(report.differences).toEqual([]);
    // The app's row is there exactly if the capture of the same commit is (contract 3.3).
    const apart = `SELECT count(*) AS n FROM note FULL JOIN lading_stream ON stream = media_id
      WHERE stream IS NULL OR media_id IS NULL`;
    expect(database.get(apart)).toEqual({ n: 0 });
    return log;
  });
}

function logOf(database: SqlDatabase): string {
  const table = database.get(`SELECT 1 AS found FROM sqlite_schema WHERE name = 'lading_event'`);
  return table === undefined ? '' : String(database.get(EVENTS)?.['log'] ?? '');
}
