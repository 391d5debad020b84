/** Requests that outlive the app, carried by helper processes of Node: `lading/carrier/node`. */

export { type NodeCarrierOptions, nodeCarrier } from './carrier.ts';
