/** `lading/testing/proxy`: a network before a real HTTP server, in which what you write down goes wrong. Needs Node. */
export type {
  Held,
  Hold,
  ProxyExchange,
  ProxyRequest,
  ProxyTraffic,
} from './exchanges.ts';
export { type FaultProxy, type FaultProxyOptions, startFaultProxy } from './fault-proxy.ts';
export {
  describeFaults,
  type Match,
  type PlannedFault,
  type ProxyFault,
  type ProxyFaultName,
  type Side,
} from './faults.ts';
export {
  anyFault,
  passingAnswers,
  type RandomAnswer,
  type RandomFaultsOptions,
  randomFaults,
} from './random-faults.ts';
