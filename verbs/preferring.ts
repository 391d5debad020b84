import type { Host } from '../engine/host/host.ts';
import { asStream } from '../engine/lifecycle/as-stream.ts';
import type { MediaId } from '../machines/attachment/types.ts';
import { queueTable } from '../persistence/attachment/queue-table.ts';

/** Puts one before all that were preferred so far, by their number: clocks jump (contract 4.6, field case 44). */
export async function prefer(
  { host, accountId }: { readonly host: Host; readonly accountId: string },
  mediaId: MediaId,
): Promise<void> {
  await host.transact((work) => {
    const highest = queueTable.highestPreference(work.tx, accountId);
    const known = work.peek(asStream(mediaId))?.context['preferred'] ?? 0;
    if (known !== 0 && known === highest) return;
    work.send(asStream(mediaId), { type: 'preferred', order: highest + 1 });
  });
}
