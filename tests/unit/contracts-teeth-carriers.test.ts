import { brokenCases, type CarrierSetup, carrierCases } from 'lading/testing/contracts';
import { describe, expect, it } from 'vitest';
import type { Carrier } from '../../ports/carrier.ts';
import { type Breakages, sound, spoilt } from '../support/contract-teeth.ts';
import { simCarrierSetup } from '../support/sim-carrier-setup.ts';

describe('the suite of carriers', () => {
  const setup =
    (spoil: (carrier: Carrier) => Partial<Carrier>) => async (): Promise<CarrierSetup> => {
      const world = await simCarrierSetup();
      return {
        ...world,
        carrier: spoilt<Carrier>(world.carrier, spoil),
        reopen: () => spoilt<Carrier>(world.reopen(), spoil),
      };
    };
  let made = 0;
  const all: Breakages<Carrier> = [
    [
      'begins a task again that is known',
      'sends one request for one id',
      (carrier) => ({
        start: (task) => carrier.start({ ...task, id: `${task.id}${++made}` }),
        attach: (id, options) => carrier.attach(`${id}${made}`, options),
      }),
    ],
    [
      'tells a result once',
      'as often as it is asked for',
      (carrier) => ({
        async attach(id, options) {
          const found = await carrier.attach(id, options);
          if (found !== undefined) await carrier.cancel(id);
          return found;
        },
      }),
    ],
    [
      'stops when nobody waits',
      'goes on when nobody waits for it any more',
      (carrier) => ({
        async attach(id, options) {
          options.signal.addEventListener('abort', () => void carrier.cancel(id));
          return carrier.attach(id, options);
        },
      }),
    ],
    [
      'waits although it was told to stop waiting',
      'goes on when nobody waits for it any more',
      (carrier) => ({
        async attach(id, { signal }) {
          await Promise.resolve();
          if (signal.aborted) return undefined;
          return Promise.race([
            carrier.attach(id, { signal: new AbortController().signal }),
            new Promise<undefined>((resolve) => {
              signal.addEventListener('abort', () => resolve(undefined));
            }),
          ]);
        },
      }),
    ],
    [
      'cancels nothing',
      'stops one that is under way, for good',
      () => ({ cancel: async () => {} }),
    ],
    ['lists nothing', 'lists what is under way', () => ({ list: async () => [] })],
    [
      'tells where it sends',
      'without urls and headers',
      (carrier) => ({ start: (task) => carrier.start({ ...task, note: task.url }) }),
    ],
    [
      'calls every failure unknown',
      'cannot have arrived',
      (carrier) => ({
        async attach(id, options) {
          const found = await carrier.attach(id, options);
          return found?.result?.ended === 'failed'
            ? { ...found, result: { ...found.result, mayHaveArrived: true } }
            : found;
        },
      }),
    ],
    [
      'sends without the headers it was given',
      'carries a file as the body of a request',
      (carrier) => ({ start: (task) => carrier.start({ ...task, headers: {} }) }),
    ],
    [
      'invents a task for each id',
      'nobody started',
      (carrier) => ({
        attach: async (id, options) =>
          (await carrier.attach(id, options)) ?? {
            id,
            note: '',
            result: { ended: 'failed', code: 'network', mayHaveArrived: true },
          },
      }),
    ],
  ];

  it('is content with a sound one', async () => {
    expect(await brokenCases(carrierCases, setup(sound))).toEqual([]);
  });
  it.each(all)('finds one that %s', async (_what, found, spoil) => {
    expect(await brokenCases(carrierCases, setup(spoil))).toContainEqual(
      expect.stringContaining(found),
    );
  });
});
