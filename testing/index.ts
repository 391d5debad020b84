/**
 * `lading/testing`: a world in which everything that can go wrong does, from one number. Nothing here knows a test
 * runner; `@sqlite.org/sqlite-wasm` is loaded only by `loadSimSqlite`.
 */

export { type MemoryBlobs, type MemoryBlobsOptions, memoryBlobs } from './memory-blobs.ts';
export {
  type MemoryRemote,
  type MemoryRemoteOptions,
  memoryRemote,
  type RemoteAnswer,
  type RemoteCall,
  type RemoteScript,
} from './memory-remote.ts';
export {
  sampleGif,
  sampleHeif,
  sampleJpeg,
  samplePdf,
  samplePng,
  sampleWebp,
} from './sample-files/index.ts';
export {
  type CaptureWish,
  type Counts,
  calmScenario,
  countSyncs,
  type Device,
  type Failure,
  type FileRecord,
  type Ledger,
  livePowerCut,
  type Open,
  type Oracle,
  oracles,
  owners,
  type PlaceRecord,
  type PlantedBug,
  type Plot,
  type PowerCut,
  plantedBugs,
  type RemoteParts,
  type Runner,
  type Sabotage,
  type Scenario,
  type SimulatedParts,
  type Simulation,
  scenarioOf,
  simulate,
  simulateScenario,
  type Trouble,
  type Verbs,
  type World,
} from './simulator/index.ts';
export {
  simulateYear,
  type Year,
  type YearBug,
  type YearParts,
  yearBugs,
  yearOracles,
} from './simulator/year/index.ts';
export type { SimChannel } from './world/network-channel.ts';
export {
  calmNetwork,
  NetworkError,
  type NetworkErrorCode,
  type NetworkFaults,
  roughNetwork,
  type SpanMs,
} from './world/network-faults.ts';
export type { SimRequest, TraceEntry } from './world/network-flight.ts';
export { ProcessKilled, type SimProcess, simProcess } from './world/process.ts';
export { type SeededRandom, seededRandom } from './world/seeded-random.ts';
export { BACKEND_HOST, simBackend } from './world/sim-backend.ts';
export { type SimCarrier, type SimCarrierOptions, simCarrier } from './world/sim-carrier.ts';
export {
  type DiskOperation,
  type OnPowerCut,
  SimDisk,
  SimDiskError,
  type SimDiskOptions,
  type SimEntry,
  type SimFile,
} from './world/sim-disk.ts';
export { type DiskPortOptions, diskPort } from './world/sim-disk-port.ts';
export { simFetch } from './world/sim-fetch.ts';
export {
  type NetworkLink,
  type SimNetwork,
  type SimNetworkOptions,
  simNetwork,
} from './world/sim-network.ts';
export {
  type AppendReply,
  type ObjectFacts,
  type ObjectStoreOptions,
  type ObjectVersion,
  type SimObjectStore,
  type StoreReply,
  simObjectStore,
  type Token,
  type UploadSession,
} from './world/sim-object-store.ts';
export {
  OBJECT_ORIGIN,
  REMOTE_HOST,
  type SimRemoteOptions,
  simRemote,
} from './world/sim-remote.ts';
export {
  loadSimSqlite,
  type SimDatabase,
  type SimSqlite,
  type SimSqliteOptions,
} from './world/sim-sqlite.ts';
export {
  type DeviceClock,
  type VirtualClock,
  type VirtualClockOptions,
  virtualClock,
} from './world/virtual-clock.ts';
