import { describeRemote, type RemoteSetup } from '../../testing/contracts/remote.ts';
import { NetworkError } from '../../testing/world/network-faults.ts';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { type NetworkLink, simNetwork } from '../../testing/world/sim-network.ts';
import { type StoreReply, simObjectStore } from '../../testing/world/sim-object-store.ts';
import { simRemote } from '../../testing/world/sim-remote.ts';
import { virtualClock } from '../../testing/world/virtual-clock.ts';

describeRemote('the simulated object store over the simulated network', async () =>
  simulated(4_096),
);
describeRemote('the simulated object store, every object put whole', async () =>
  simulated(Number.POSITIVE_INFINITY),
);

function simulated(putBelowBytes: number): RemoteSetup {
  const clock = virtualClock();
  const network = simNetwork({ clock, random: seededRandom(1) });
  let breaks = false;
  let loses = false;
  let disposed = false;
  const store = simObjectStore({
    clock,
    refuse(request): StoreReply<never> | undefined {
      const isBroken = breaks && (request === 'put' || store.receivedBytes > 0);
      if (!isBroken) return undefined;
      breaks = false;
      return { status: 503, code: 'broken' };
    },
  });
  const link = network.link('phone');
  const lossy: NetworkLink = {
    ...link,
    async request(request) {
      const before = store.history.length;
      const reply = await link.request(request);
      if (!loses || store.history.length === before) return reply;
      loses = false;
      throw new NetworkError('connection_lost', request.label);
    },
  };
  const run = async (): Promise<void> => {
    while (!disposed) if (!(await clock.runNext())) await clock.settle();
  };
  const running = run();
  return {
    remote: simRemote(lossy, store, {
      token: (key) => store.issueToken(decodeURIComponent(key.slice(0, key.indexOf('/')))),
      putBelowBytes,
    }),
    stored: async (key) =>
      store.objects().flatMap((object) => (object.key === key ? [object.bytes] : [])),
    breakNextUpload() {
      breaks = true;
    },
    loseNextCompletion() {
      loses = true;
    },
    async dispose() {
      disposed = true;
      await running;
    },
  };
}
