/** Resumable uploads by the tus protocol 1.0: `lading/remotes/tus`. Needs tus-js-client 4.3.1 exactly. */

export { LADING_KEY, parseTusUploadId, type TusUploadOwner, tusUploadId } from '../tus-ids.ts';
export {
  classifyTus,
  type HeaderReader,
  LONGEST_RETRY_AFTER_MS,
  type TusHints,
  type TusPhase,
} from './classify.ts';
export { type TusRemoteOptions, tusRemote } from './remote.ts';
