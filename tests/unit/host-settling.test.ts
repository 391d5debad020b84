import type { Service } from 'lading/host';
import { describe, expect, it } from 'vitest';
import { courier, device, hosted, stream } from '../support/host-world.ts';

const [a, b] = [stream('a'), stream('b')];

/** A service whose runs end when the test says so. */
function endless(): { readonly carry: Service; readonly ends: (() => void)[] } {
  const ends: (() => void)[] = [];
  const carry: Service = {
    run: () => new Promise((resolve) => ends.push(() => resolve({ ok: true, id: 'x' }))),
  };
  return { carry, ends };
}

describe('a decision that is handed in with a result', () => {
  it('is decided after it, in the same commit (design 2)', async () => {
    let commits = 0;
    const beforeCommit = (): void => {
      commits += 1;
    };
    const phone = device(':memory:', { driver: { beforeCommit } });
    const { carry, ends } = endless();
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    await phone.until(host.create(a, 'courier', {}));
    await phone.until(host.create(b, 'courier', {}));
    await phone.until(host.send(a, { type: 'go' }));
    const seen: unknown[] = [];
    host.onSettling((machine, src) => {
      if (machine !== 'courier' || src !== 'carry') return;
      void host.transact((work) => {
        seen.push(work.peek(a)?.value);
        work.send(b, { type: 'go' });
      });
    });
    commits = 0;
    ends[0]?.();
    await phone.quiet();
    expect(seen).toEqual(['resting']);
    expect(host.state(b)?.value).not.toBe('idle');
    expect(commits).toBe(1);
    await phone.until(host.close());
  });

  it('is not lost with a listener that throws: the result is stored all the same', async () => {
    const phone = device();
    const { carry, ends } = endless();
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    await phone.until(host.create(a, 'courier', {}));
    await phone.until(host.send(a, { type: 'go' }));
    host.onSettling(() => {
      throw new Error('a bug of the listener');
    });
    ends[0]?.();
    await phone.quiet();
    expect(host.state(a)?.context).toMatchObject({ result: 'x' });
    expect(phone.logged).toContainEqual({ level: 'error', message: 'a subscriber threw' });
    await phone.until(host.close());
  });
});
