import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bytesSource } from 'lading';
import { describe, expect, it } from 'vitest';
import { createActor, type SnapshotFrom } from 'xstate';
import { inspectionMachine } from '../../examples/app-machine/inspection.ts';
import { gate, ME, owner, picture, type World, world } from '../support/lading-world.ts';

const FIELDS = { 'inspection.photos': { kinds: ['image'] } } as const;
const INSPECTION = owner('inspection.photos', 'i-1', ME);

function site(): { phone: World; open: () => void } {
  const held = gate();
  const phone = world({ fields: FIELDS, script: () => ({ after: held.promise }) });
  phone.handle.exec('CREATE TABLE inspection (id TEXT PRIMARY KEY, note TEXT NOT NULL) STRICT');
  return { phone, open: () => held.open() };
}

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

describe("examples/app-machine: an app's own machine, with attachments as its actors", () => {
  it('saves its row and the photo in one commit, is stopped in the middle, and its upload ends all the same', async () => {
    const { phone, open } = site();
    const lading = await phone.open();
    const machine = inspectionMachine(lading, INSPECTION);
    const inspection = createActor(machine).start();
    inspection.send({ type: 'typed', note: 'crack' });
    inspection.send({ type: 'saved', source: picture() });
    await phone.pass();
    expect(inspection.getSnapshot().value).toBe('sending');
    expect(phone.rows('SELECT * FROM inspection')).toEqual([{ id: 'i-1', note: 'crack' }]);
    expect(phone.remote.running.now).toBe(1);
    inspection.send({ type: 'opened', refs: lading.list(INSPECTION).map(({ ref }) => ref) });

    const persisted = JSON.stringify(inspection.getPersistedSnapshot());
    inspection.stop();
    await phone.pass(60_000);
    expect(phone.remote.running.now).toBe(1);
    open();
    await phone.until(lading.settled());
    expect([...phone.remote.completions.values()]).toEqual([1]);

    const restored = createActor(machine, {
      snapshot: JSON.parse(persisted) as SnapshotFrom<typeof machine>,
    }).start();
    await phone.pass();
    const shown = restored.getSnapshot().context.shown.map((photo) => photo.getSnapshot().context);
    expect(shown).toMatchObject([
      { id: inspection.getSnapshot().context.photoId, view: { state: 'uploaded' } },
    ]);
    expect(restored.getSnapshot().value).toBe('done');
  });

  it('says to the user why a photo was refused, and keeps no half of it', async () => {
    const { phone } = site();
    const lading = await phone.open();
    const inspection = createActor(inspectionMachine(lading, INSPECTION)).start();
    const empty = bytesSource(new Uint8Array(), { contentType: 'image/jpeg' });
    inspection.send({ type: 'saved', source: empty });
    await phone.pass();
    const { value, context } = inspection.getSnapshot();
    expect(value).toBe('editing');
    expect(context.problem).toMatch(/^The file is empty/);
    expect(phone.rows('SELECT * FROM inspection')).toEqual([]);
  });

  it('takes up the capture that was committed just before a kill, when only the form was saved', async () => {
    const { phone, open } = site();
    const before = await phone.open();
    const inspection = createActor(inspectionMachine(before, INSPECTION)).start();
    inspection.send({ type: 'saved', source: picture() });
    const asSaving = JSON.stringify(inspection.getPersistedSnapshot());
    expect(JSON.parse(asSaving)).toMatchObject({ value: 'saving' });
    await phone.pass();
    phone.kill();

    const lading = await phone.open();
    const machine = inspectionMachine(lading, INSPECTION);
    const restored = createActor(machine, {
      snapshot: JSON.parse(asSaving) as SnapshotFrom<typeof machine>,
    }).start();
    open();
    await phone.pass(60_000);
    await phone.until(lading.settled());
    expect(restored.getSnapshot().value).toBe('done');
    expect(phone.rows('SELECT * FROM inspection')).toHaveLength(1);
    expect(lading.list(INSPECTION)).toHaveLength(1);
  });

  it('runs as it stands, with the built package', async () => {
    const run = promisify(execFile);
    await run(process.execPath, ['tools/build.ts'], { cwd: root });
    const { stdout } = await run(process.execPath, ['examples/app-machine/main.ts'], { cwd: root });
    expect(stdout.trim().split('\n')).toEqual([
      'inspection: editing',
      'inspection: saving',
      'inspection: sending',
      'rows: [{"note":"crack in the wall"}]',
      'inspection: sending',
      'the inspection was stopped in the middle of the upload',
      'the photo: uploaded',
      'shown on the screen: uploaded',
      'the inspection was restored, and is done',
    ]);
  }, 120_000);
});
