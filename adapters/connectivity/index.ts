/** What is believed of the network: `lading/connectivity`. A hint only; the truth is what an attempt finds (field case 35). */

export { type ManualConnectivity, manualConnectivity } from './manual.ts';
export { type ProbingOptions, probingConnectivity } from './probing.ts';
