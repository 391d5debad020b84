/**
 * `lading/testing/contracts`: what every adapter of a port must keep, as Vitest tests for yours. The one entry that
 * imports `vitest`; see docs/guides/write-an-adapter.md.
 */

export { type BackendSetup, backendCases, describeBackend } from './backend.ts';
export { type BlobStoreSetup, blobStoreCases, describeBlobStore } from './blob-store.ts';
export {
  type ArrivedRequest,
  type CarrierSetup,
  carrierCases,
  describeCarrier,
} from './carrier.ts';
export { type ClockSetup, clockCases, describeClock } from './clock.ts';
export { type ConnectivitySetup, connectivityCases, describeConnectivity } from './connectivity.ts';
export {
  brokenCases,
  type ContractCase,
  type ContractSetup,
  describeContract,
} from './contract.ts';
export { type DiskSetup, describeDisk, diskCases } from './disk.ts';
export { describeRemote, type RemoteSetup, remoteCases } from './remote.ts';
export {
  describeSidecarStore,
  type SidecarStoreSetup,
  sidecarStoreCases,
} from './sidecar-store.ts';
export {
  describeSqlDriver,
  type SqlDriverOpenOptions,
  type SqlDriverSetup,
  type SqlDriverTraits,
} from './sql-driver.ts';
