import { mediaOf } from '../rows.ts';
import { keyOf } from '../world.ts';
import type { Oracle } from './oracle.ts';

/** Contract 2: whatever waits says for what; at rest nothing shows as if it were under way. */
export const waitingExplained: Oracle = {
  name: 'everything that waits says for what',
  atRestart: (world, device) => {
    const [runner] = device.ready();
    // Without a network nobody uploads; only of a runner that may be alive it cannot be told.
    if (runner === undefined || device.isOnline || !world.scenario.knowsTheDead) return [];
    return mediaOf(device)
      .filter(({ mediaId }) => runner.lading.view(mediaId).state === 'uploading')
      .map(({ mediaId, facts }) => {
        const name = world.ledger.find(mediaId)?.name ?? mediaId;
        return `${name} shows as uploading (${facts.situation}) on ${device.name}, which is offline`;
      });
  },
  atEnd: (world, devices) =>
    devices.flatMap((device) => {
      const [runner] = device.ready();
      if (runner === undefined) return [`${device.name} is not open`];
      return mediaOf(device).flatMap(({ mediaId, origin, facts }) => {
        const { state, waitingFor } = runner.lading.view(mediaId);
        const name = world.ledger.find(mediaId)?.name ?? mediaId;
        const shown = `${name} on ${device.name} shows ${state}, ${facts.situation}, waiting for ${waitingFor ?? 'nothing'}`;
        if (state === 'uploaded') return [];
        if (state === 'gone') return facts.situation === 'purged' ? [] : [shown];
        if (waitingFor === undefined || state === 'uploading') return [shown];
        const isForbidden = world.forbidden.has(keyOf(mediaId));
        if (
          isForbidden &&
          (origin === 'elsewhere' ? waitingFor === 'author' : state === 'failed')
        ) {
          return [];
        }
        return [`${shown}, with everything mended`];
      });
    }),
};
