/**
 * `lading/host`: a durable host for XState machines. It knows nothing of attachments and keeps an app's own
 * machines as well: state survives a kill, services run at least once behind a fence, timers are rows.
 */
export { createCheckedStepper as createStepper } from '../../machines/durable/checked-stepper.ts';
export type { Stepper } from '../../machines/durable/stepper.ts';
export type { Json, JsonObject } from '../../machines/json.ts';
export { type Clock, systemClock } from '../../ports/clock.ts';
export { type ErrorCode, LadingError } from '../../ports/errors.ts';
export type {
  EventStore,
  StoredEvent,
  StoreTransaction,
  StreamId,
} from '../../ports/event-store.ts';
export type { LeaseOptions } from '../../ports/lease-options.ts';
export { type Random, systemRandom } from '../../ports/random.ts';
export type * from './definition.ts';
export type { CrashPoint, Host, HostOptions } from './host.ts';
export { openHost } from './open-host.ts';
export { type Difference, type VerifyOptions, type VerifySlice, verifyStreams } from './verify.ts';
export type { Work } from './work.ts';
