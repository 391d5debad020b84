/** The simulator: whole lives of devices from one number, judged by oracles. See docs/testing.md. */

export { owners } from './app.ts';
export type { Device, Runner } from './device.ts';
export type { FileRecord, Ledger, PlaceRecord } from './ledger.ts';
export { type Oracle, oracles } from './oracles/index.ts';
export { type PlantedBug, plantedBugs } from './planted-bugs.ts';
export { countSyncs, livePowerCut, type PowerCut } from './power-cuts.ts';
export type { RemoteParts } from './remote-of.ts';
export type { Sabotage } from './sabotage.ts';
export { calmScenario, type Scenario, scenarioOf, type Trouble } from './scenario.ts';
export {
  type Plot,
  type SimulatedParts,
  type Simulation,
  simulate,
  simulateScenario,
} from './simulate.ts';
export type { CaptureWish, Open, Verbs } from './verbs.ts';
export type { Counts, Failure, World } from './world.ts';
