import { httpRemote, objectPath } from 'lading/remotes/http';
import {
  calmNetwork,
  type NetworkFaults,
  OBJECT_ORIGIN,
  seededRandom,
  simFetch,
  simNetwork,
  simObjectStore,
  virtualClock,
} from 'lading/testing';
import { describeCarrier, describeRemote } from 'lading/testing/contracts';
import { running, simCarrierSetup } from '../support/sim-carrier-setup.ts';

describeCarrier('the simulated operating system', simCarrierSetup);

describeRemote('HTTP to the simulated store', async () => {
  const clock = virtualClock();
  const network = simNetwork({ clock, random: seededRandom(1) });
  const store = simObjectStore({ clock });
  const tokens = new Map<string, string>();
  const tokenOf = (account: string): string => {
    const token = tokens.get(account) ?? store.issueToken(account);
    tokens.set(account, token);
    return token;
  };
  const link = network.link('phone');
  /** For the next request alone. */
  let next = calmNetwork;
  const once = (faults: Partial<NetworkFaults>): void => {
    next = { ...calmNetwork, ...faults };
  };
  const request: typeof link.request = (asked) => {
    network.faults = next;
    next = calmNetwork;
    return link.request(asked);
  };
  const remote = httpRemote({
    endpoint: OBJECT_ORIGIN,
    headers: () => ({ Authorization: tokenOf('account-1') }),
    address: ({ objectKey }) => ({
      url: `${OBJECT_ORIGIN}${objectPath(objectKey)}`,
      headers: { Authorization: tokenOf(decodeURIComponent(objectKey.split('/')[0] ?? '')) },
    }),
    clock,
    fetch: simFetch({ ...link, request }, store),
  });
  return {
    remote,
    async stored(key) {
      const found = store.object(key);
      return found === undefined ? [] : [found.bytes];
    },
    breakNextUpload: () => once({ loseRequest: 1 }),
    loseNextCompletion: () => once({ loseReply: 1 }),
    dispose: running(clock),
  };
});
