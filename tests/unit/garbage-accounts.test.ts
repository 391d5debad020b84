import { systemRandom } from 'lading';
import { expect, it } from 'vitest';
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
