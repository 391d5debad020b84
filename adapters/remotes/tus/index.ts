/** Resumable uploads by the tus protocol 1.0: `lading/remotes/tus`. Needs tus-js-client 4.3.1 exactly. */

export { type HeaderReader, LONGEST_RETRY_AFTER_MS } from '../transport/retry-after.ts';
export { LADING_KEY, parseTusUploadId, type TusUploadOwner, tusUploadId } from '../tus-ids.ts';
export { classifyTus, type TusHints, type TusPhase, tusTable } from './classify.ts';
export { type TusRemoteOptions, tusRemote } from './remote.ts';
