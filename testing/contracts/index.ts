/**
 * What every adapter of a port must keep, as Vitest suites for the tests of yours. Imports `vitest`: reached on its
 * own, never through `lading/testing`.
 */

export { type BlobStoreSetup, blobStoreContract } from './blob-store.ts';
export { type RemoteSetup, remoteContract } from './remote.ts';
