import { initialContext } from './context.ts';
import { localCopyRegion } from './region-local-copy.ts';
import { referenceRegion } from './region-reference.ts';
import { transferRegion } from './region-transfer.ts';
import { lading } from './setup.ts';

/**
 * One attachment's whole life: three regions that run side by side.
 *
 *   reference   who refers to it               draft → linked ⇄ released → gone
 *   transfer    how its bytes reach the remote parked → queued → uploading → attaching → uploaded; then removal
 *   localCopy   whether its bytes are here     present → evicting → evicted → downloading …; then purge
 *
 * Five facts cross the regions, as context: whether refs hold it, whether it is gone, its locator, whether bytes are
 * here, and whether the remote denied having it. Everything else is private to one region.
 * A host runs this machine (contract 9.3): services and timers are declared here and carried out there.
 */
export const attachmentMachine = lading.createMachine({
  id: 'attachment',
  version: '1',
  type: 'parallel',
  // A circle of eventless transitions throws, which a host can isolate, instead of hanging its thread.
  options: { maxIterations: 100 },
  context: ({ input }) => initialContext(input),
  states: {
    reference: referenceRegion,
    transfer: transferRegion,
    localCopy: localCopyRegion,
  },
});
