import { describe, expect, it } from 'vitest';
import type { MediaId } from '../../machines/attachment/types.ts';
import type { PushedOp, PushResult } from '../../ports/backend.ts';
import { createReferenceBackend } from '../../sync/reference-backend.ts';
import { calmNetwork } from '../../testing/world/network-faults.ts';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { simBackend } from '../../testing/world/sim-backend.ts';
import { simNetwork } from '../../testing/world/sim-network.ts';
import { virtualClock } from '../../testing/world/virtual-clock.ts';

const scope = { accountId: 'ann', projectId: 'p' };
const { signal } = new AbortController();

describe('simulated backend', () => {
  it('applies an op once though its request was delivered twice (field case 19)', async () => {
    const { backend, clock, network, phone } = setup();
    network.faults = { ...calmNetwork, duplicate: 1 };
    const results: (readonly PushResult[])[] = [];
    const push = async (): Promise<void> => {
      results.push(await phone.push([put('op1', 'm1')], { signal }));
    };
    void push();
    await clock.advanceBy(3_600_000);
    expect(results).toEqual([[{ opId: 'op1', status: 'applied' }]]);
    expect(network.trace.filter(({ what }) => what === 'landed')).toHaveLength(2);
    expect(backend.signal('ann', scope).seq).toBe(1);
  });

  it('wakes another device with the change-signal, which then pulls the change', async () => {
    const { clock, phone, laptop } = setup();
    const seqs: number[] = [];
    const pulled: string[] = [];
    const cancel = laptop.listen(scope, ({ seq }) => {
      seqs.push(seq);
      const pull = async (): Promise<void> => {
        const page = await laptop.pull(scope, null, { limit: 10, signal });
        pulled.push(page.rows.map(({ ref }) => ref.mediaId).join(' '));
      };
      void pull();
    });
    await clock.advanceBy(1_000);
    void phone.push([put('op1', 'm1')], { signal });
    await clock.advanceBy(1_000);
    expect([seqs, pulled]).toEqual([
      [0, 1],
      ['', 'm1'],
    ]);
    cancel();
  });

  it('tells a device that was offline the present signal when it is back', async () => {
    const { clock, laptop, network, phone } = setup();
    const seqs: number[] = [];
    laptop.listen(scope, ({ seq }) => seqs.push(seq));
    await clock.advanceBy(1_000);
    network.link('laptop').setOnline(false);
    void phone.push([put('op1', 'm1'), put('op2', 'm2')], { signal });
    await clock.advanceBy(1_000);
    expect(seqs).toEqual([0]);
    network.link('laptop').setOnline(true);
    await clock.advanceBy(1_000);
    expect(seqs).toEqual([0, 2]);
  });
});

function setup() {
  const clock = virtualClock();
  const network = simNetwork({ clock, random: seededRandom(1) });
  const backend = createReferenceBackend({ clock: clock.device() });
  const phone = simBackend(network.link('phone'), backend, 'ann');
  const laptop = simBackend(network.link('laptop'), backend, 'ann');
  return { backend, clock, laptop, network, phone };
}

function put(opId: string, id: string): PushedOp {
  const mediaId = id as MediaId;
  return {
    opId,
    op: {
      type: 'ref.put',
      owner: { scope, entityType: 'item', entityId: 'i1', field: 'images' },
      ref: { mediaId, url: `offline://${id}`, kind: 'image' },
      rank: 'a0',
    },
  };
}
