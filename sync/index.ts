/**
 * `lading/sync`: the rules that a backend keeps, and a backend in process that keeps them: to build an app against,
 * to test with, and to read when writing a real one.
 */
export type { OwnerScope } from '../machines/attachment/types.ts';
export type * from '../ports/backend.ts';
export type { Cancel, Clock } from '../ports/clock.ts';
export { createReferenceBackend, type ReferenceBackend } from './reference-backend.ts';
export type { Refusal, RefusalCode } from './reference-model.ts';
