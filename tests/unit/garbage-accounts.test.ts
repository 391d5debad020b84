import { systemRandom } from 'lading';
import { expect, it } from 'vitest';
import { blobKey } from '../../ports/blob-store.ts';
import { image, ME, owner, picture, type World, world } from '../support/lading-world.ts';

const HOUR_MS = 3_600_000;
const WHEN_ASKED = { everyMs: Number.POSITIVE_INFINITY };
const PATIENT = { runner: { leaseMs: 4 * HOUR_MS }, garbage: WHEN_ASKED };

/** Both accounts of one database collect, in turns, each less than its grace after the other. */
async function takeTurns(phone: World, ...ladings: Awaited<ReturnType<World['open']>>[]) {
  for (let day = 0; day < 4; day++) {
    for (const lading of ladings) {
      await phone.until(lading.collectGarbage());
      await phone.pass(13 * HOUR_MS);
    }
  }
}

it('an unfinished upload is aborted though another account of the same database collects in between', async () => {
  const phone = world();
  const mine = await phone.open(PATIENT);
  const photo = await phone.until(mine.capture(picture(), image()));
  await phone.until(mine.settled());
  phone.remote.unfinished.set(`upload:${ME}/${photo.id}#1`, new Uint8Array(9));
  const theirs = await phone.open({ ...PATIENT, account: 'account-2', random: systemRandom });
  await takeTurns(phone, mine, theirs);
  expect([...phone.remote.unfinished]).toEqual([]);
});

it('a root that is none any more lets go though another account of the same database collects in between', async () => {
  const phone = world();
  let roots: readonly string[] = [];
  const mine = await phone.open({ ...PATIENT, garbage: { ...WHEN_ASKED, roots: () => roots } });
  const photo = await phone.until(mine.capture(picture(), image()));
  await phone.until(mine.settled());
  roots = [photo.id, 'https://elsewhere.example/1'];
  await phone.until(mine.remove(photo.id, owner()));
  await phone.pass(HOUR_MS);
  expect(mine.view(photo.id).state).toBe('uploaded');
  roots = roots.slice(1);
  const theirs = await phone.open({ ...PATIENT, account: 'account-2', random: systemRandom });
  await takeTurns(phone, mine, theirs);
  expect(mine.view(photo.id).state).toBe('gone');
  expect(phone.blobs.keys).toEqual([]);
});

it('nothing of an account that was forgotten is left among marks, or in where its collector stands', async () => {
  const phone = world();
  const mine = await phone.open({ ...PATIENT, garbage: { ...WHEN_ASKED, roots: () => ['x'] } });
  const photo = await phone.until(mine.capture(picture(), image()));
  await phone.until(mine.settled());
  phone.remote.unfinished.set(`upload:${ME}/${photo.id}#1`, new Uint8Array(9));
  await phone.blobs.write(blobKey(ME, '0198f000-0000-7000-8000-0000000000aa'), stray());
  phone.handle.exec(`INSERT INTO lading_garbage VALUES ('root', '${photo.id}', 'x', 0)`);
  expect((await phone.until(mine.collectGarbage())).counts).toMatchObject({
    blob: { waits: 1 },
    upload: { waits: 1 },
  });
  await phone.until(mine.forget(ME));
  expect(phone.rows('SELECT * FROM lading_garbage')).toEqual([]);
  expect(phone.rows(`SELECT * FROM lading_meta WHERE key LIKE '%${ME}'`)).toEqual([]);
});

async function* stray(): AsyncIterable<Uint8Array> {
  yield new Uint8Array(5);
}
