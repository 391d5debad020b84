import { describe, expect, it } from 'vitest';
import {
  calmNetwork,
  NetworkError,
  type NetworkFaults,
  roughNetwork,
} from '../../testing/world/network-faults.ts';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { type NetworkLink, type SimNetwork, simNetwork } from '../../testing/world/sim-network.ts';
import { type VirtualClock, virtualClock } from '../../testing/world/virtual-clock.ts';

interface World {
  readonly clock: VirtualClock;
  readonly network: SimNetwork;
  readonly phone: NetworkLink;
  /** What the server saw, in order. */
  readonly landed: string[];
  /** Sends a request; its answer, or why there is none, is told later. */
  readonly send: (
    name: string,
    signal?: AbortSignal,
  ) => { readonly result: () => string | undefined };
}

describe('simulated network', () => {
  it('carries a request and its answer in virtual time, as copies', async () => {
    const { clock, phone } = world();
    const body = { list: [1] };
    let seen: unknown;
    const answer = phone.request({
      host: 'remote',
      label: 'test',
      body,
      serve(received) {
        seen = received;
        received.list.push(2);
        return received.list;
      },
    });
    body.list.push(3);
    await clock.advanceBy(9);
    expect(seen).toBeUndefined();
    await clock.advanceBy(11);
    expect(await answer).toEqual([1, 2]);
    expect(body.list).toEqual([1, 3]);
  });

  it('lets requests overtake each other', async () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 30; seed++) {
      const { clock, landed, send } = world({ delayMs: [5, 50] }, seed);
      send('first');
      send('second');
      await clock.advanceBy(1_000);
      orders.add(landed.join(' '));
    }
    expect(orders).toEqual(new Set(['first second', 'second first']));
  });

  it('loses a request before the server saw it', async () => {
    const { clock, landed, send } = world({ loseRequest: 1 });
    const { result } = send('lost');
    await clock.advanceBy(1_000_000);
    expect(landed).toEqual([]);
    expect(result()).toBe('connection_lost');
  });

  it('loses the answer after the server acted (field case 19)', async () => {
    const { clock, landed, send } = world({ loseReply: 1 });
    const { result } = send('half lost');
    await clock.advanceBy(100);
    expect(landed).toEqual(['half lost']);
    expect(result()).toBe('connection_lost');
  });

  it('tells of a silent loss only after the timeout', async () => {
    const { clock, send } = world({ loseReply: 1, silent: 1, timeoutMs: 7_000 });
    const { result } = send('silent');
    await clock.advanceBy(6_999);
    expect(result()).toBeUndefined();
    await clock.advanceBy(1);
    expect(result()).toBe('timeout');
  });

  it('delivers a request twice', async () => {
    const { clock, landed, network, send } = world({ duplicate: 1 });
    const { result } = send('twice');
    await clock.advanceBy(100);
    expect([landed.length, result(), network.underway]).toEqual([1, 'served twice', 1]);
    await clock.advanceBy(1_000_000);
    expect([landed.length, network.underway]).toEqual([2, 0]);
  });

  it('lets a request land after a later one was answered (contract 5.2)', async () => {
    const { clock, landed, network, send } = world({ holdBack: 1, holdMs: [5_000, 5_000] });
    const put = send('put');
    await clock.advanceBy(100);
    expect(put.result()).toBe('connection_lost');
    network.faults = calmNetwork;
    const remove = send('remove');
    await clock.advanceBy(1_000);
    expect(remove.result()).toBe('served remove');
    await clock.advanceBy(10_000);
    expect(landed).toEqual(['remove', 'put']);
  });

  it('stops the waiting on abort, and the aborted request may still land, in its time or much later', async () => {
    const fates = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      const { clock, landed, send } = world({ holdMs: [60_000, 60_000] }, seed);
      const controller = new AbortController();
      const { result } = send('aborted', controller.signal);
      controller.abort(new Error('enough'));
      await clock.settle();
      expect(result()).toBe('enough');
      await clock.advanceBy(1_000);
      const soon = landed.length;
      await clock.advanceBy(100_000);
      fates.add(`${soon} ${landed.length}`);
    }
    expect(fates).toEqual(new Set(['0 0', '0 1', '1 1']));
  });

  it('sends nothing for a signal that was aborted before', async () => {
    const { clock, landed, send } = world();
    const { result } = send('never', AbortSignal.abort(new Error('before')));
    await clock.advanceBy(1_000);
    expect([result(), landed]).toEqual(['before', []]);
  });

  it('cuts what is under way when the link goes, and refuses at once while it is gone', async () => {
    const { clock, landed, phone, send } = world({ holdMs: [60_000, 60_000] });
    const states: boolean[] = [];
    phone.connectivity.subscribe(({ online }) => states.push(online));
    const cut = send('cut');
    phone.setOnline(false);
    await clock.settle();
    expect(cut.result()).toBe('connection_lost');
    const offline = send('offline');
    await clock.advanceBy(0);
    expect(offline.result()).toBe('offline');
    phone.setOnline(true);
    const again = send('again');
    await clock.advanceBy(100);
    expect(again.result()).toBe('served again');
    expect(landed).not.toContain('offline');
    expect(states).toEqual([false, true]);
  });

  it('can be cut without the device knowing (field case 35)', async () => {
    const { clock, phone, send } = world();
    phone.setReachable(false);
    expect(phone.connectivity.current().online).toBe(true);
    const { result } = send('nowhere');
    await clock.advanceBy(1_000);
    expect(result()).toBe('connection_lost');
  });

  it('refuses connections to a server that is down, without acting', async () => {
    const { clock, landed, network, send } = world();
    network.setHostUp('remote', false);
    const { result } = send('refused');
    await clock.advanceBy(1_000);
    expect([result(), landed]).toEqual(['connection_refused', []]);
  });

  it('answers 502 whether or not the server acted, and a captive portal only when it did not', async () => {
    const acted = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      for (const fault of ['badGateway', 'captivePortal'] as const) {
        const { clock, landed, send } = world({ [fault]: 1 }, seed);
        const { result } = send('x');
        await clock.advanceBy(100_000);
        acted.add(`${result()} ${landed.length}`);
      }
    }
    expect(acted).toEqual(new Set(['bad_gateway 0', 'bad_gateway 1', 'captive_portal 0']));
    expect(new NetworkError('bad_gateway', '').outcomeUnknown).toBe(true);
    expect(new NetworkError('captive_portal', '').outcomeUnknown).toBe(false);
  });

  it('never tells a crashed device anything', async () => {
    const { clock, phone, send } = world();
    const { result } = send('forgotten');
    phone.crash();
    await clock.advanceBy(1_000_000);
    expect(result()).toBeUndefined();
  });

  it('sends messages in order, and opens the channel anew after each cut', async () => {
    const { clock, phone } = world({ delayMs: [1, 100] });
    const emits: ((message: number) => void)[] = [];
    const heard: number[] = [];
    let open = 0;
    const cancel = phone.subscribe<number>({
      host: 'backend',
      label: 'signal',
      open(emit) {
        emits.push(emit);
        open += 1;
        emit(100 * emits.length);
        return () => {
          open -= 1;
        };
      },
      onMessage: (message) => heard.push(message),
    });
    await clock.advanceBy(1_000);
    for (let message = 1; message <= 5; message++) emits[0]?.(message);
    await clock.advanceBy(1_000);
    expect(heard).toEqual([100, 1, 2, 3, 4, 5]);
    phone.setOnline(false);
    expect(open).toBe(0);
    await clock.advanceBy(1_000);
    phone.setOnline(true);
    await clock.advanceBy(1_000);
    expect(heard.at(-1)).toBe(200);
    emits[1]?.(7);
    cancel();
    await clock.advanceBy(1_000);
    expect([open, heard.at(-1)]).toEqual([0, 200]);
  });

  it('does the same for the same seed, and every kind of thing under the rough weather', async () => {
    expect(await storm(1)).toEqual(await storm(1));
    const whats = new Set((await storm(2)).map(({ what }) => what));
    expect([...whats].toSorted()).toEqual([
      'answered',
      'bad_gateway',
      'captive_portal',
      'connection_lost',
      'landed',
      'sent',
      'timeout',
    ]);
  });
});

function world(faults: Partial<NetworkFaults> = {}, seed = 1): World {
  const clock = virtualClock();
  const network = simNetwork({
    clock,
    random: seededRandom(seed),
    faults: { ...calmNetwork, delayMs: [10, 10], ...faults },
  });
  const phone = network.link('phone');
  const landed: string[] = [];
  const serve = (body: string): string => {
    landed.push(body);
    return `served ${body}`;
  };
  return {
    clock,
    network,
    phone,
    landed,
    send(name, signal) {
      let result: string | undefined;
      const wait = async (): Promise<void> => {
        try {
          result = await phone.request({ host: 'remote', label: name, body: name, serve, signal });
        } catch (error) {
          result = error instanceof NetworkError ? error.code : (error as Error).message;
        }
      };
      void wait();
      return { result: () => result };
    },
  };
}

/** 300 requests at once in rough weather. */
async function storm(seed: number): Promise<SimNetwork['trace']> {
  const { clock, network, send } = world(roughNetwork, seed);
  for (let request = 0; request < 300; request++) send(`r${request}`);
  await clock.advanceBy(10_000_000);
  expect(network.underway).toBe(0);
  return network.trace;
}
