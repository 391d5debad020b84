import { describe, expect, it } from 'vitest';
import { createPace } from '../../engine/scheduling/pace.ts';
import { captureMany, gate, image, picture, shows, world } from '../support/lading-world.ts';
import { narrowLink } from '../support/narrow-link.ts';

describe('how many at once the link takes', () => {
  const end = (
    pace: ReturnType<typeof createPace>,
    ...how: readonly ('well' | 'failed' | 'nothing')[]
  ) => {
    const all = how.map(() => pace.begin());
    for (const [at, one] of how.entries()) {
      all[at]?.ended(one === 'well' ? 'answered' : one, one === 'well');
    }
  };

  it('begins with all that the app allows', () => {
    expect(createPace(3).limit).toBe(3);
  });

  it('halves with a failure, and not again for those that ran beside it', () => {
    const pace = createPace(20);
    end(pace, 'failed', 'failed', 'failed', 'well', 'failed');
    expect(pace.limit).toBe(10);
    end(pace, 'failed');
    expect(pace.limit).toBe(5);
  });

  it('is never less than one', () => {
    const pace = createPace(3);
    for (let n = 0; n < 10; n++) end(pace, 'failed');
    expect(pace.limit).toBe(1);
  });

  it('grows by one after each round of successes, back to all', () => {
    const pace = createPace(3);
    end(pace, 'failed');
    end(pace, 'well');
    expect(pace.limit).toBe(2);
    end(pace, 'well');
    expect(pace.limit).toBe(2);
    end(pace, 'well');
    expect(pace.limit).toBe(3);
    end(pace, 'well', 'well', 'well', 'well', 'well', 'well');
    expect(pace.limit).toBe(3);
  });

  it('does not change for what says nothing of the link', () => {
    const pace = createPace(3);
    end(pace, 'nothing', 'nothing');
    expect(pace.limit).toBe(3);
  });

  it('grows while a long upload goes on: it must not keep the others waiting for its end', () => {
    const pace = createPace(3);
    const long = pace.begin();
    end(pace, 'failed');
    long.lasts();
    expect(pace.limit).toBe(2);
  });
});

describe('twenty at once on a link that bears five (field case 28)', () => {
  it('all arrive, where none would if twenty went on trying', async () => {
    const phone = world({ online: false });
    // Alone 10 s each; twenty at once would take 200 s, and are cut off after 60.
    const link = narrowLink(phone.clock, { bytesPerMs: 20, limitMs: 60_000 });
    const lading = await phone.open({
      concurrency: 20,
      remote: { ...phone.remote, ...link.remote },
    });
    const files = Array.from({ length: 20 }, (_, n) => ({
      source: picture(`picture ${n}`, 200_000),
      kind: 'image' as const,
    }));
    const photos = await phone.until(lading.captureAll(files, image()));
    phone.net.set({ online: true });
    await phone.pass(1);
    expect(link.figures.most).toBe(20);
    await phone.pass(15 * 60_000);
    expect(new Set(photos.map(({ view }) => shows(view)))).toEqual(new Set(['uploaded']));
    expect(lading.metrics().total.gaveUp).toBe(0);
    // Twenty were cut off at first; without a pace it would be hundreds.
    expect(link.figures.cutOff).toBeLessThan(40);
  });
});

describe('a pace that slowed down', () => {
  it('is seen in the metrics, and what waits for it waits for a slot', async () => {
    const hold = gate();
    const busy = { ok: false, class: 'retryable', code: 'request_timeout' } as const;
    let nth = 0;
    const phone = world({
      script: () => {
        nth += 1;
        return nth === 1 ? { fault: busy } : { after: hold.promise };
      },
    });
    const lading = await phone.open();
    const ids = await captureMany(phone, lading, 6);
    await phone.pass(100);
    const { uploadSlots, uploadLimit, uploadsUnderWay } = lading.metrics().process;
    expect({ uploadSlots, uploadLimit, uploadsUnderWay }).toEqual({
      uploadSlots: 3,
      uploadLimit: 1,
      uploadsUnderWay: 2,
    });
    expect(shows(lading.view(ids[5] ?? ''))).toBe('local_only, waiting for slot');
    hold.open();
    await phone.pass(60_000);
    expect(lading.metrics().process.uploadLimit).toBe(3);
    expect(new Set(ids.map((id) => shows(lading.view(id))))).toEqual(new Set(['uploaded']));
  });
});
