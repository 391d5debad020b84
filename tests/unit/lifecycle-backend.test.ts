import type { Backend, PushedOp } from 'lading';
import { describe, expect, it } from 'vitest';
import { captureMany, shows, world } from '../support/lading-world.ts';

/** A backend that refuses every op until `willing`, and keeps what it was asked. */
function moodyBackend() {
  const asked: PushedOp[] = [];
  const mood = { willing: false };
  const backend: Backend = {
    push: async (ops) => {
      asked.push(...ops);
      return ops.map(({ opId, op }) =>
        mood.willing || op.type !== 'ref.put' || op.ref.url.startsWith('offline:')
          ? { opId, status: 'applied' as const }
          : { opId, status: 'refused' as const, code: 'plan_limit', message: 'Your plan is full.' },
      );
    },
    pull: async () => ({ rows: [], more: false }),
    listen: () => () => {},
  };
  return { asked, mood, backend };
}

describe('a backend that refuses the locator (contract 3.5)', () => {
  it('shows failed with its words, and a retry asks it again and ends uploaded', async () => {
    const { asked, mood, backend } = moodyBackend();
    const phone = world();
    const lading = await phone.open({ backend });
    const [id = ''] = await captureMany(phone, lading, 1);
    await phone.pass(60_000);
    expect(shows(lading.view(id))).toBe('failed, waiting for retry');
    expect(lading.view(id).error).toMatchObject({
      code: 'plan_limit',
      message: 'Your plan is full.',
    });
    expect(phone.remote.objects.size).toBe(1);

    mood.willing = true;
    const before = asked.length;
    await phone.until(lading.retry(id));
    await phone.pass(60_000);
    expect(shows(lading.view(id))).toBe('uploaded');
    expect(asked.slice(before).map(({ op }) => op.type)).toEqual(['ref.put']);
    expect(phone.rows('SELECT count(*) AS n FROM lading_outbox')).toEqual([{ n: 0 }]);
  });
});

describe('cleanup that was given up', () => {
  it('is a job until a retry removes what is left (contract 4.7, 5.2)', async () => {
    let refuse = true;
    const phone = world({
      fields: {
        'item.images': { kinds: ['image'], policy: { undoGraceMs: 1_000, lateArrivalMs: 5_000 } },
      },
      script: ({ operation }) => {
        if (operation === 'upload') {
          return { fault: { ok: false, class: 'terminal', code: 'forbidden' } };
        }
        return operation === 'remove' && refuse
          ? { fault: { ok: false, class: 'terminal', code: 'forbidden' } }
          : undefined;
      },
    });
    const lading = await phone.open();
    const [id = ''] = await captureMany(phone, lading, 1);
    await phone.pass(1_000);
    expect(shows(lading.view(id))).toBe('failed, waiting for retry');
    await phone.until(lading.cancel(id));
    await phone.pass(60_000);
    const jobs = "SELECT situation FROM lading_job WHERE situation = 'leftover'";
    expect(phone.rows(jobs)).toHaveLength(1);

    refuse = false;
    await phone.until(lading.retry(id));
    await phone.pass(60_000);
    expect(phone.rows('SELECT * FROM lading_job')).toEqual([]);
  });
});
