import { mediaOf } from '../rows.ts';
import { keyOf } from '../world.ts';
import type { Oracle } from './oracle.ts';

/** Contract 2: whatever waits says for what; at rest nothing shows as if it were under way. */
export const waitingExplained: Oracle = {
  name: 'everything that waits says for what',
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
