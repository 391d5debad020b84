import type { Lading } from 'lading';
import { describe, expect, it } from 'vitest';
import {
  captureMany,
  codeOf,
  gate,
  image,
  owner,
  picture,
  shows,
  type World,
  type WorldOptions,
  world,
} from '../support/lading-world.ts';

/** Offline, one upload at a time. */
async function queued(options: WorldOptions = {}, more: Parameters<World['open']>[0] = {}) {
  const phone = world({ online: false, ...options });
  return { phone, lading: await phone.open({ concurrency: 1, ...more }) };
}

const item = (entityId: string) => owner('item.images', entityId);

/** Claims in the order of the log. */
function orderOf(phone: World, names: ReadonlyMap<string, string>): string {
  return phone
    .rows("SELECT stream FROM lading_event WHERE type = 'upload.started' ORDER BY position")
    .map(({ stream }) => names.get(String(stream)) ?? stream)
    .join(' ');
}

/** Captures so many for an owner, a millisecond apart; their names are `<owner><n>`. */
async function capture(
  phone: World,
  lading: Lading,
  names: Map<string, string>,
  entityId: string,
  count: number,
): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let n = 1; n <= count; n++) {
    const photo = await phone.until(
      lading.capture(picture(`${entityId}${n}`), { owner: item(entityId), kind: 'image' }),
    );
    names.set(photo.id, `${entityId}${n}`);
    ids.push(photo.id);
    await phone.pass(1);
  }
  return ids;
}

async function online(phone: World, lading: Lading): Promise<void> {
  phone.net.set({ online: true });
  await phone.until(lading.settled());
}

describe('fairness between owners (contract 4.6)', () => {
  it('owners take turns, each with its oldest; the first turn is that of the oldest of all', async () => {
    const { phone, lading } = await queued();
    const names = new Map<string, string>();
    await capture(phone, lading, names, 'm', 5);
    await capture(phone, lading, names, 'z', 1);
    await capture(phone, lading, names, 'a', 2);
    await online(phone, lading);
    expect(orderOf(phone, names)).toBe('m1 z1 a1 m2 a2 m3 m4 m5');
  });

  it('one who comes later waits for one turn of the others, not for all that they have', async () => {
    const hold = gate();
    const { phone, lading } = await queued({
      script: ({ objectKey }) => (objectKey.includes('no') ? {} : { after: hold.promise }),
    });
    const names = new Map<string, string>();
    await capture(phone, lading, names, 'many', 50);
    phone.net.set({ online: true });
    await phone.pass(1);
    await capture(phone, lading, names, 'few', 1);
    hold.open();
    await phone.until(lading.settled());
    expect(orderOf(phone, names).split(' ').indexOf('few1')).toBeLessThanOrEqual(2);
  });

  it('takes turns among what may go over this link, whatever waits for another one', async () => {
    const { phone, lading } = await queued({
      fields: {
        'item.images': { kinds: ['image'] },
        'item.pair': { kinds: ['image'], network: 'unmetered' },
      },
    });
    const names = new Map<string, string>();
    await captureMany(phone, lading, 3, owner('item.pair', 'k'));
    await capture(phone, lading, names, 'm', 2);
    await capture(phone, lading, names, 'a', 1);
    phone.net.set({ online: true, metered: true });
    await phone.until(lading.settled());
    expect(orderOf(phone, names)).toBe('m1 a1 m2');
    phone.net.set({ metered: false });
    await phone.until(lading.settled());
    expect(phone.remote.objects.size).toBe(6);
  });

  it('goes round over both queues where the link is free', async () => {
    const { phone, lading } = await queued({
      fields: {
        'item.images': { kinds: ['image'] },
        'item.pair': { kinds: ['image'], network: 'unmetered' },
      },
    });
    const names = new Map<string, string>();
    await capture(phone, lading, names, 'a', 2);
    const [pair = ''] = await captureMany(phone, lading, 1, owner('item.pair', 'a'));
    names.set(pair, 'pair');
    await online(phone, lading);
    expect(orderOf(phone, names)).toBe('a1 pair a2');
  });

  it('passes over an owner whose attachment cannot be stepped, which shows that it waits for a retry (contract 4.6)', async () => {
    const { phone, lading } = await queued();
    const names = new Map<string, string>();
    const [bad = ''] = await capture(phone, lading, names, 'a', 1);
    await capture(phone, lading, names, 'b', 2);
    await phone.until(lading.close());
    phone.handle.exec(`UPDATE lading_event SET schema_version = 99 WHERE stream = '${bad}'`);
    phone.handle.exec('DELETE FROM lading_snapshot');
    phone.net.set({ online: true });
    const next = await phone.open({ concurrency: 1 });
    const seen: string[] = [];
    next.watch(bad, (view) => seen.push(shows(view)));
    const { waiting } = await phone.until(next.settled());
    expect(orderOf(phone, names)).toBe('b1 b2');
    expect(seen.at(-1)).toBe('local_only, waiting for retry');
    expect(waiting).toEqual([
      { mediaId: bad, state: 'local_only', waitingFor: 'retry', until: null },
    ]);
  });
});

describe('one whose step throws', () => {
  it('is begun again when a retry of it asks for that, and its step works (contract 4.6)', async () => {
    const { phone, lading } = await queued();
    const [bad = ''] = await capture(phone, lading, new Map(), 'a', 1);
    await phone.until(lading.close());
    phone.handle.exec('UPDATE lading_event SET schema_version = schema_version + 98');
    phone.handle.exec('DELETE FROM lading_snapshot');
    phone.net.set({ online: true });
    const next = await phone.open();
    await phone.until(next.settled());
    expect(await phone.until(codeOf(next.retry(bad)))).toBe('unknown_event_version');
    expect(shows(next.view(bad))).toBe('local_only, waiting for retry');
    phone.handle.exec('UPDATE lading_event SET schema_version = schema_version - 98');
    await phone.until(next.retry(bad));
    await phone.until(next.settled());
    expect(shows(next.view(bad))).toBe('uploaded');
  });
});

describe('prefer', () => {
  it('uploads this one before others, the last preferred first', async () => {
    const { phone, lading } = await queued();
    const names = new Map<string, string>();
    const ids = await capture(phone, lading, names, 'a', 5);
    await phone.until(lading.prefer(ids[3] ?? ''));
    await phone.until(lading.prefer(ids[4] ?? ''));
    await online(phone, lading);
    expect(orderOf(phone, names)).toBe('a5 a4 a1 a2 a3');
  });

  it('counts by order and not by a clock, which may have been set back (field case 44)', async () => {
    const { phone, lading } = await queued();
    const names = new Map<string, string>();
    const ids = await capture(phone, lading, names, 'a', 3);
    await phone.until(lading.prefer(ids[1] ?? ''));
    phone.clock.jump(-3_600_000);
    await phone.until(lading.prefer(ids[2] ?? ''));
    await online(phone, lading);
    expect(orderOf(phone, names)).toBe('a3 a2 a1');
  });

  it('is remembered by a restart, and the projections of it follow from the log', async () => {
    const { phone, lading } = await queued();
    const names = new Map<string, string>();
    const ids = await capture(phone, lading, names, 'a', 3);
    await phone.until(lading.prefer(ids[2] ?? ''));
    await phone.until(lading.close());
    phone.handle.exec("UPDATE lading_job SET preferred = 0, owner_key = 'x', byte_size = 1");
    const next = await phone.open({ concurrency: 1 });
    const report = await phone.until(next.verify({ repair: true }));
    expect(JSON.stringify(report.differences)).toMatch(
      /lading_job differs from the log in owner_key, byte_size, preferred/,
    );
    expect((await phone.until(next.verify())).differences).toEqual([]);
    await online(phone, next);
    expect(orderOf(phone, names)).toBe('a3 a1 a2');
  });

  it('interrupts nothing that is under way', async () => {
    const hold = gate();
    const { phone, lading } = await queued({ script: () => ({ after: hold.promise }) });
    const names = new Map<string, string>();
    const ids = await capture(phone, lading, names, 'a', 3);
    phone.net.set({ online: true });
    await phone.pass(1);
    await phone.until(lading.prefer(ids[2] ?? ''));
    await phone.pass(1_000);
    expect(shows(lading.view(ids[0] ?? ''))).toBe('uploading');
    expect(shows(lading.view(ids[2] ?? ''))).toBe('local_only, waiting for slot');
    hold.open();
    await phone.until(lading.settled());
    expect(orderOf(phone, names)).toBe('a1 a3 a2');
  });

  it('holds for one that waits for its next try: it goes first when that is due, and not before', async () => {
    const busy = { ok: false, class: 'retryable', code: 'locked', retryAfterMs: 5_000 } as const;
    const names = new Map<string, string>();
    const clock: { of?: World['clock'] } = {};
    const twoSeconds = () => new Promise<void>((resolve) => clock.of?.schedule(2_000, resolve));
    const { phone, lading } = await queued({
      script: ({ objectKey, nth }) =>
        names.get(objectKey.split('/')[1] ?? '') === 'a1' && nth === 1
          ? { fault: busy }
          : { after: twoSeconds() },
    });
    clock.of = phone.clock;
    const [one = ''] = await capture(phone, lading, names, 'a', 5);
    phone.net.set({ online: true });
    await phone.pass(1);
    await phone.until(lading.prefer(one));
    expect(shows(lading.view(one))).toBe('local_only, waiting for backoff');
    await phone.pass(60_000);
    expect(orderOf(phone, names)).toBe('a1 a2 a3 a4 a1 a5');
  });

  it('does nothing to one that was uploaded, and knows what it is asked about', async () => {
    const { phone, lading } = await queued({ online: true });
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.until(lading.settled());
    await phone.until(lading.prefer(photo.ref));
    expect(lading.history(photo.id).map(({ type }) => type)).not.toContain('preferred');
    expect(await codeOf(phone.until(lading.prefer(lading.newMediaId())))).toBe('not_found');
  });

  it('asked twice for the same one is asked once', async () => {
    const { phone, lading } = await queued();
    const [one = '', two = ''] = await captureMany(phone, lading, 2);
    await phone.until(lading.prefer(one));
    await phone.until(lading.prefer(one));
    const preferred = (id: string) =>
      lading.history(id).filter(({ type }) => type === 'preferred').length;
    expect(preferred(one)).toBe(1);
    await phone.until(lading.prefer(two));
    await phone.until(lading.prefer(one));
    expect(preferred(one)).toBe(2);
  });

  it('is told by explain', async () => {
    const { phone, lading } = await queued();
    const [one = ''] = await captureMany(phone, lading, 1);
    await phone.until(lading.prefer(one));
    const { sentences } = await phone.until(lading.explain(one));
    expect(sentences.join(' ')).toContain('the user wanted it sent before others');
  });
});

describe('smallFirst', () => {
  /** Sizes in thousands of bytes, one owner each, in the order of their capture. */
  async function sized(sizes: readonly number[], smallFirst: boolean) {
    const { phone, lading } = await queued({}, { smallFirst });
    const names = new Map<string, string>();
    for (const [at, size] of sizes.entries()) {
      const photo = await phone.until(
        lading.capture(picture(`p${at}`, size * 1_000), {
          owner: item(`e${at + 10}`),
          kind: 'image',
        }),
      );
      names.set(photo.id, String(size));
      await phone.pass(1);
    }
    await online(phone, lading);
    return orderOf(phone, names);
  }

  const SIZES = [900, 800, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1];

  it('is off unless it is asked for: owners take turns, whatever the size', async () => {
    expect(await sized(SIZES, false)).toBe('900 800 10 9 8 7 6 5 4 3 2 1');
  });

  it('sends the smallest first, and every fourth by turns, so that the largest arrive too', async () => {
    expect(await sized(SIZES, true)).toBe('1 2 3 900 4 5 6 800 7 8 9 10');
  });

  it('gives large ones one slot at most by turns while smaller ones wait', async () => {
    const hold = gate();
    const large: string[] = [];
    const phone = world({
      online: false,
      script: ({ objectKey, operation }) =>
        operation === 'upload' && large.includes(objectKey.split('/')[1] ?? '')
          ? { after: hold.promise }
          : undefined,
    });
    const lading = await phone.open({ smallFirst: true });
    for (let n = 0; n < 5; n++) {
      const photo = await phone.until(
        lading.capture(picture(`large ${n}`, 500_000), { owner: item(`l${n}`), kind: 'image' }),
      );
      large.push(photo.id);
    }
    await captureMany(phone, lading, 40, item('small'));
    phone.net.set({ online: true });
    await phone.pass(60_000);
    const sent = phone.remote.objects.size;
    expect(sent).toBe(40);
    hold.open();
    await phone.until(lading.settled());
    expect(phone.remote.objects.size).toBe(45);
  });

  it('what was preferred goes before the smallest', async () => {
    const { phone, lading } = await queued({}, { smallFirst: true });
    const names = new Map<string, string>();
    const ids = await capture(phone, lading, names, 'a', 2);
    const large = await phone.until(lading.capture(picture('l', 300_000), image()));
    names.set(large.id, 'large');
    await phone.until(lading.prefer(large.id));
    expect(ids).toHaveLength(2);
    await online(phone, lading);
    expect(orderOf(phone, names)).toBe('large a1 a2');
  });
});
