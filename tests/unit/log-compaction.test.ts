import type { LadingOptions, MediaId } from 'lading';
import { nodeSqlite } from 'lading/sqlite/node';
import { describe, expect, it } from 'vitest';
import { readOnlyAttachment } from '../../bin/hosted.ts';
import { openHost } from '../../engine/host/index.ts';
import { asStream } from '../../engine/lifecycle/as-stream.ts';
import { openStore } from '../../persistence/index.ts';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import {
  captureMany,
  codeOf,
  image,
  ME,
  owner,
  picture,
  shows,
  type World,
  world,
} from '../support/lading-world.ts';

const AT_ONCE = { garbage: { log: { checkpointAfterMs: 0, tombstoneAfterMs: 0 } } };
const [here, there] = [owner(), owner('item.images', 'item-2')];

async function opened(options: Partial<LadingOptions> = {}, seed = 'compaction') {
  const phone = world({ seed });
  const lading = await phone.open({ ...AT_ONCE, ...options });
  const collect = async () => {
    const { streams, events } = (await phone.until(lading.collectGarbage())).log;
    return { streams, events };
  };
  const verify = async () => (await phone.until(lading.verify())).differences;
  return { phone, lading, collect, verify };
}

/** One that was uploaded. */
async function uploaded() {
  const parts = await opened();
  const [id = ''] = await captureMany(parts.phone, parts.lading, 1);
  await parts.phone.pass(1_000);
  expect(shows(parts.lading.view(id))).toBe('uploaded');
  return { ...parts, id };
}

/** One that was removed, and is purged. */
async function purged() {
  const parts = await uploaded();
  const before = parts.lading.list(here)[0]?.ref;
  await parts.phone.until(parts.lading.remove(parts.id, here));
  await parts.phone.pass(60_000);
  return { ...parts, before };
}

function types(phone: World): readonly unknown[] {
  return phone.rows('SELECT type FROM lading_event ORDER BY position').map(({ type }) => type);
}

describe('a settled attachment whose events were compacted (contract 5.5)', () => {
  it('shows, lists, reads and verifies as before, and its history says what the checkpoint stands for', async () => {
    const { phone, lading, id, collect, verify } = await uploaded();
    const story = lading.history(id);
    const before = { view: lading.view(id), list: lading.list(here), rows: rowsOf(phone) };
    expect(await collect()).toEqual({ streams: 1, events: story.length - 1 });
    expect({ view: lading.view(id), list: lading.list(here), rows: rowsOf(phone) }).toEqual(before);
    expect(await verify()).toEqual([]);
    expect(lading.history(id)).toMatchObject([
      {
        version: story.length,
        type: 'log.checkpoint',
        payload: {
          replaced: {
            events: story.length,
            from: story[0]?.at,
            to: story.at(-1)?.at,
            types: { 'attachment.created': 1, 'ref.linked': 1, 'upload.started': 1 },
          },
        },
      },
    ]);
    const { sentences, versions } = await phone.until(lading.explain(id, { timeZone: 'UTC' }));
    expect(versions).toBe(story.length);
    expect(sentences[0]).toMatch(
      /^A checkpoint stands for its first 4 events, from 2026-\d\d-\d\d \d\d:\d\d:\d\d to .*, which were compacted: attachment\.created, ref\.linked, upload\.started, upload\.succeeded\.$/,
    );
    await expect(phone.until(lading.explain(id, { atVersion: 2 }))).rejects.toThrow(
      'from 4 to 4: the attachment has 4 events; the events before event 4 were compacted',
    );
    expect((await phone.until(lading.resolve(id))).byteSize).toBeGreaterThan(0);
  });

  it('goes on from there: another ref, removal, undo, the end', async () => {
    const { phone, lading, id, collect, verify } = await uploaded();
    await collect();
    await phone.until(lading.link(id, there));
    const undo = await phone.until(lading.remove(id, there));
    await phone.until(lading.undo(undo));
    expect(lading.list(there).map(({ ref }) => ref.mediaId)).toEqual([id]);
    expect(await collect()).toMatchObject({ streams: 1 });
    expect(await verify()).toEqual([]);
    for (const of of [here, there]) await phone.until(lading.remove(id, of));
    await phone.pass(60_000);
    expect(shows(lading.view(id))).toBe('gone');
    expect(await verify()).toEqual([]);
    // Versions went on, and so no id of an op was used twice.
    expect(
      phone.rows('SELECT op_id, count(*) AS n FROM lading_outbox GROUP BY op_id HAVING n > 1'),
    ).toEqual([]);
  });

  it('stays as it is while it is a draft, waits, failed, or can be undone', async () => {
    const { phone, lading, collect } = await opened();
    phone.net.set({ online: false });
    await phone.until(lading.capture(picture('draft'), image('item.images', { draft: true })));
    await captureMany(phone, lading, 1);
    const before = types(phone);
    expect(await collect()).toEqual({ streams: 0, events: 0 });
    expect(types(phone)).toEqual(before);
    // Neither is looked at again before something happens to it.
    expect(phone.rows('SELECT stream FROM lading_stream WHERE version > compacted')).toEqual([]);
  });

  it('looks at the remote first when it has to be uploaded once more', async () => {
    const { phone, id, collect } = await uploaded();
    await collect();
    // Another process found that the remote has lost it.
    const store = openStore(nodeSqlite(phone.handle), phone.clock, seededRandom('other'));
    const other = await phone.until(
      openHost({
        ...store,
        store: store.events,
        clock: phone.clock,
        random: seededRandom('other'),
        machines: [readOnlyAttachment()],
      }),
    );
    await phone.until(other.send(asStream(id as MediaId), { type: 'remote.missing' }));
    await phone.pass(30_000);
    expect(phone.remote.calls.filter(({ operation }) => operation === 'upload')).toMatchObject([
      { rerun: false },
      { rerun: true },
    ]);
    await phone.until(other.close());
  });

  it('keeps in mind from whom it was removed, for an import that comes later', async () => {
    const { phone, lading, id, collect } = await uploaded();
    await phone.until(lading.link(id, there));
    const { ref } = lading.list(here)[0] ?? {};
    await phone.until(lading.remove(id, there));
    await phone.pass(60_000);
    await collect();
    await phone.until(lading.pin(id));
    await collect();
    expect(types(phone)).toEqual(['log.checkpoint']);
    const report = await phone.until(
      lading.importRefs([{ owner: there, value: [{ ...ref, kind: 'image' }] }]),
    );
    expect(report.refs).toMatchObject({ removedSince: 1, linked: 0 });
    expect(lading.list(there)).toEqual([]);
  });
});

describe('a purged attachment whose events were compacted to a tombstone (contract 5.5)', () => {
  it('has one small event and no row anywhere else but its head', async () => {
    const { phone, lading, id, collect, verify } = await purged();
    const { length } = lading.history(id);
    expect(await collect()).toEqual({ streams: 1, events: length - 1 });
    for (const table of ['snapshot', 'media', 'ref', 'job', 'task', 'blob', 'checkpoint']) {
      expect(phone.rows(`SELECT * FROM lading_${table}`)).toEqual([]);
    }
    expect(phone.rows('SELECT version, type, payload, state, key FROM lading_event')).toEqual([
      {
        version: length,
        type: 'log.tombstone',
        payload: JSON.stringify({ accountId: ME }),
        state: 'null',
        key: null,
      },
    ]);
    expect(await verify()).toEqual([]);
    expect(phone.rows('SELECT version > compacted AS due FROM lading_stream')).toEqual([
      { due: 0 },
    ]);
  });

  it('says gone wherever somebody asks for it, also after a restart', async () => {
    const { phone, lading, id, before, collect } = await purged();
    await collect();
    await phone.until(lading.close());
    const again = await phone.open(AT_ONCE);
    expect(shows(again.view(id))).toBe('gone');
    expect(shows(again.view(before as never))).toBe('gone');
    expect(again.list(here)).toEqual([]);
    expect(await codeOf(phone.until(again.resolve(id)))).toBe('already_gone');
    expect(await codeOf(phone.until(again.link(id, there)))).toBe('already_gone');
    expect(
      await codeOf(phone.until(again.capture(picture('x'), image('item.images', { id })))),
    ).toBe('id_taken');
    await phone.until(again.cancel(id)); // valid in every state (field case 69)
    expect(again.history(id)).toHaveLength(1);
    const explained = await phone.until(again.explain(id, { timeZone: 'UTC' }));
    expect(explained.state).toBe('gone');
    expect(explained.sentences.join(' ')).toMatch(
      /^A tombstone stands for its whole life, \d+ events, which ended .*; they were compacted.* It is gone since /,
    );
    const actor = await phone.until(again.actor(id));
    expect(actor.getSnapshot().context.view?.state).toBe('gone');
    actor.stop();
    const report = await phone.until(
      again.importRefs([{ owner: here, value: [{ ...before, kind: 'image' }] }]),
    );
    expect(report.refs).toMatchObject({ removedSince: 1, linked: 0, captured: 0 });
    expect(again.metrics().now.files).toBe(0);
    await phone.until(again.close());
  });

  it('goes with its account, tombstones and all (contract 10.7)', async () => {
    const { phone, lading, collect } = await purged();
    await captureMany(phone, lading, 2, there);
    await phone.pass(1_000);
    await collect();
    expect(types(phone).map(String).toSorted()).toEqual([
      'log.checkpoint',
      'log.checkpoint',
      'log.tombstone',
    ]);
    await phone.until(lading.forget(ME, { evenUnsent: true }));
    expect(types(phone)).toEqual([]);
    expect(phone.rows('SELECT * FROM lading_stream')).toEqual([]);
  });
});

/** Rows of all projections. */
function rowsOf(phone: World) {
  return ['media', 'ref', 'job', 'usage', 'blob'].map((table) =>
    phone.rows(`SELECT * FROM lading_${table} ORDER BY 1, 2`),
  );
}

describe('random lives, with and without compaction', () => {
  it.each(Array.from({ length: 12 }, (_, seed) => seed))(
    'come to the same rows and views, and hold when they are verified: seed %i',
    async (seed) => {
      const [plain, compacted] = [await live(seed, false), await live(seed, true)];
      expect(compacted.shown).toEqual(plain.shown);
      expect(compacted.rows).toEqual(plain.rows);
      expect([plain.differences, compacted.differences]).toEqual([[], []]);
      expect(compacted.events).toBeLessThan(plain.events);
    },
  );
});

/** A life of a few attachments, whose verbs follow from the seed; compacted at random moments, or never. */
async function live(seed: number, compacts: boolean) {
  const random = seededRandom(`life ${seed}`);
  const { phone, lading, collect, verify } = await opened({}, `life ${seed}`);
  const ids = [...(await captureMany(phone, lading, 4))];
  const owners = [here, there];
  const quietly = async (verb: Promise<unknown>) => {
    await phone.until(verb.catch(() => {}));
  };
  for (let step = 0; step < 40; step++) {
    const id = random.pick(ids);
    const of = random.pick(owners);
    const draw = random.next();
    if (draw < 0.2) await quietly(lading.link(id, of));
    else if (draw < 0.4) await quietly(lading.remove(id, of));
    else if (draw < 0.5) await quietly(lading.move(id, of, 0));
    else if (draw < 0.6) await quietly(lading.pin(id, random.next() < 0.5));
    else if (draw < 0.7) ids.push(...(await captureMany(phone, lading, 1, of)));
    else if (draw < 0.75) await quietly(lading.cancel(id));
    else await phone.pass(Math.floor(random.next() * 60_000));
    if (random.next() < 0.3 && compacts) await collect();
  }
  await phone.pass(20 * 60_000);
  if (compacts) await collect();
  const gone = new Set(ids.filter((id) => shows(lading.view(id)) === 'gone'));
  const shown = ids.map((id) => (gone.has(id) ? 'gone' : lading.view(id)));
  // What is purged has a row as long as its log is whole. Ids are numbered: what else takes chance meanwhile, as the
  // steps of uploads do, depends on how long a compaction takes.
  const rows = ['media', 'ref', 'job', 'usage', 'blob'].map((table) =>
    phone
      .rows(`SELECT * FROM lading_${table}`)
      .filter((row) => !gone.has(String(row['media_id'])))
      .map((row) => numbered(ids, JSON.stringify(row)))
      .toSorted(),
  );
  const [{ n: events } = { n: 0 }] = phone.rows('SELECT count(*) AS n FROM lading_event');
  return { shown, rows, events: Number(events), differences: await verify() };
}

function numbered(ids: readonly string[], row: string): string {
  const withNumbers = ids.reduce((text, id, index) => text.replaceAll(id, `#${index}`), row);
  return withNumbers.replaceAll(/[\da-f]{2}\/m-#/g, 'm-#'); // the folder of a file follows from its id
}
