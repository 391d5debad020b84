import type { Fault, Lading, Remote } from 'lading';
import { nodeSqlite } from 'lading/sqlite/node';
import { describe, expect, it } from 'vitest';
import { createAdvances } from '../../engine/lifecycle/advances.ts';
import { openStore } from '../../persistence/index.ts';
import type { StreamId } from '../../ports/event-store.ts';
import { systemRandom } from '../../ports/random.ts';
import { captureMany, image, picture, shows, world } from '../support/lading-world.ts';

const REMOTE_RESTS = 'local_only, waiting for remote';

function all(lading: Lading, ids: readonly string[]): ReadonlySet<string> {
  return new Set(ids.map((id) => shows(lading.view(id))));
}

describe('a resumable upload over a link that breaks (field case 37)', () => {
  const BROKEN: Fault = { ok: false, class: 'retryable', code: 'network' };
  const SIZE = 300_000;

  /** Each run brings so many bytes more than the one before; the last one arrives. */
  async function breaking(stepBytes: number) {
    const phone = world({
      script: ({ operation, nth }) =>
        operation === 'upload' && nth * stepBytes < SIZE
          ? { fault: BROKEN, afterBytes: nth * stepBytes }
          : undefined,
    });
    const lading = await phone.open();
    const ids: string[] = [];
    for (let n = 0; n < 6; n++) {
      const { id } = await phone.until(lading.capture(picture(`film ${n}`, SIZE), image()));
      ids.push(id);
    }
    return { phone, lading, ids };
  }

  it('opens no breaker as long as each try brings it further', async () => {
    const { phone, lading, ids } = await breaking(40_000);
    const seen = new Set<string>();
    for (let n = 0; n < 600; n++) {
      await phone.pass(200);
      for (const shown of all(lading, ids)) seen.add(shown);
    }
    expect(seen).not.toContain(REMOTE_RESTS);
    expect(all(lading, ids)).toEqual(new Set(['uploaded']));
  });

  it('opens none either where many get on side by side, and then all break', async () => {
    const phone = world();
    let runs = 0;
    const remote: Remote = {
      ...phone.remote,
      async upload(request, context) {
        runs += 1;
        if (runs > 6) return phone.remote.upload(request, context);
        context.onProgress(1_000, 1_000);
        await new Promise<void>((resolve) => phone.clock.schedule(100, resolve));
        return BROKEN;
      },
    };
    const lading = await phone.open({ remote, concurrency: 6 });
    const ids = await captureMany(phone, lading, 9);
    await phone.pass(150);
    expect(runs).toBeGreaterThanOrEqual(6);
    expect(all(lading, ids)).not.toContain(REMOTE_RESTS);
    await phone.pass(60_000);
    expect(all(lading, ids)).toEqual(new Set(['uploaded']));
  });

  it('is never given up while each try brings it further, however many it takes (contract 4.5)', async () => {
    const { phone, lading, ids } = await breaking(10_000);
    await phone.pass(180_000);
    expect(all(lading, ids)).toEqual(new Set(['uploaded']));
    expect(lading.metrics().total.gaveUp).toBe(0);
    const tries = phone.remote.calls.filter(({ operation }) => operation === 'upload');
    expect(tries.length).toBe(6 * 30);
    expect((await phone.until(lading.verify())).ok).toBe(true);
  });

  it('lets the remote rest when tries bring it no further', async () => {
    const phone = world({
      script: ({ operation }) =>
        operation === 'upload' ? { fault: BROKEN, afterBytes: 40_000 } : undefined,
    });
    const lading = await phone.open({ concurrency: 1 });
    for (let n = 0; n < 6; n++) {
      await phone.until(lading.capture(picture(`film ${n}`, SIZE), image()));
    }
    await phone.pass(60_000);
    expect(lading.metrics().now.waitingFor['remote']).toBeGreaterThan(0);
  });
});

describe('how far uploads have come, as a process remembers it', () => {
  it('is kept of those that may go on, and not of what another process has ended', async () => {
    const phone = world({ online: false });
    const other = await phone.open();
    const [going = '', done = '', purged = ''] = await captureMany(phone, other, 3);
    const { events, tables } = openStore(nodeSqlite(phone.handle), phone.clock, systemRandom);
    const advances = createAdvances(tables);
    const far = 1_000;
    for (const id of [going, done, purged]) expect(advances.reached(stream(id), far)).toBe(true);

    await phone.until(other.pause(going));
    await phone.until(other.cancel(purged));
    phone.net.set({ online: true });
    await phone.pass(60_000);
    expect([going, done].map((id) => shows(other.view(id)))).toEqual([
      'local_only, waiting for resume',
      'uploaded',
    ]);
    for (let nth = 0; nth < 100; nth++) advances.reached(stream(`over-${nth}`), far);
    events.read((tx) => advances.tidy(tx));
    const isNews = [going, done, purged].map((id) => advances.reached(stream(id), far));
    expect(isNews).toEqual([false, true, true]);
  });
});

function stream(id: string): StreamId {
  return id as StreamId;
}
