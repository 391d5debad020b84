import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Json } from '../../machines/json.ts';
import { type RgwWorld, rgw, rgwWorld, whyNot } from '../support/rgw-world.ts';
import { attempts, MIB, whatIsThere } from '../support/s3-attempts.ts';
import { content, type Engine, sha256, uploadRequest } from '../support/tus-world.ts';

/** As three parts of 5 MiB, or as one of 10 and one of 5: some parts have the same number and size, and other bytes. */
const FILM = content(15 * MIB);
const ONE = { hashes: [sha256(FILM)], unfinished: [] };

/** An app's update changes `partSizeBytes` while an upload is under way. */
describe.skipIf(rgw === null)(`an upload whose parts were cut otherwise${whyNot}`, () => {
  let world: RgwWorld;
  beforeEach(async () => {
    world = await rgwWorld();
  });
  afterEach(() => world.dispose());

  /** An attempt of an app, by the engine's memory of those before. */
  const withParts = (partSizeBytes: number, lent: Engine, run: Parameters<Engine['run']>[0] = {}) =>
    attempts(world, FILM, { partSizeBytes, partsAtOnce: 1 }).remote.upload(
      uploadRequest(FILM),
      lent.run(run),
    );
  const numbers = () =>
    world.proxy.exchanges.flatMap(({ path }) => /partNumber=(\d+)/.exec(path)?.[1] ?? []);
  const noted = () => {
    const saved: Json[] = [];
    return {
      load: async () => saved.at(-1) ?? null,
      save: async (value: Json) => void saved.push(value),
    };
  };

  for (const [before, after] of [
    [5 * MIB, 10 * MIB],
    [10 * MIB, 5 * MIB],
  ] as const) {
    for (const checkpoint of [undefined, noted()]) {
      const having = checkpoint === undefined ? {} : { checkpoint };
      const words = checkpoint === undefined ? 'nothing is noted' : 'they are noted';
      it(`from ${before / MIB} to ${after / MIB} MiB is no other file, where ${words}`, async () => {
        const { lent } = attempts(world, FILM);
        world.proxy.plan({ method: 'POST', after: 1, act: 'answer', status: 503 });
        expect(await withParts(before, lent, having)).toMatchObject({ code: 'server_error' });
        expect(await withParts(after, lent, having)).toMatchObject({ ok: true });
        expect(await whatIsThere(world)).toEqual(ONE);
      });
    }
  }

  it('keeps a part that came alone, where its size is noted', async () => {
    const { lent } = attempts(world, FILM);
    const checkpoint = noted();
    // The first part is refused, the second one comes.
    world.proxy.plan({ path: /partNumber=1/, act: 'answer', status: 503 });
    const both = attempts(world, FILM, { partsAtOnce: 2 });
    const first = await both.remote.upload(uploadRequest(FILM), lent.run({ checkpoint }));
    expect(first).toMatchObject({ class: 'retryable' });
    expect(await withParts(5 * MIB, lent, { checkpoint })).toMatchObject({ ok: true });
    expect(numbers().toSorted()).toEqual(['1', '1', '2', '3']);
    expect(lent.handles).toHaveLength(1);
    expect(await whatIsThere(world)).toEqual(ONE);
  });

  it('keeps a part whose answer was lost, where no other one came', async () => {
    const { lent } = attempts(world, FILM);
    const checkpoint = noted();
    // The first part does not arrive; the second one does, and nobody hears of it.
    world.proxy.plan(
      { path: /partNumber=1/, act: 'answer', status: 503 },
      { path: /partNumber=2/, act: 'lose reply' },
    );
    const both = attempts(world, FILM, { partsAtOnce: 2 });
    const first = await both.remote.upload(uploadRequest(FILM), lent.run({ checkpoint }));
    expect(first).toMatchObject({ class: 'retryable' });
    expect(await withParts(5 * MIB, lent, { checkpoint })).toMatchObject({ ok: true });
    expect(lent.handles).toHaveLength(1);
    expect(await whatIsThere(world)).toEqual(ONE);
  });
});
