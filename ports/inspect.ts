import type { Json, JsonObject } from '../machines/json.ts';

/** One hosted attachment, as an inspector shows it. */
export interface InspectedActor {
  /** The mediaId: the same in every call about it. */
  readonly id: string;
  /** The machine's name. */
  readonly machine: string;
  /** The machine's config as XState has it: states, and guards, actions and services by name. */
  readonly definition: unknown;
}

/** A committed state. **Not redacted**: names, urls and handles are in its context. */
export interface InspectedState {
  readonly value: Json;
  readonly context: JsonObject;
  readonly status: 'active' | 'done';
}

/** A committed event. **Not redacted**, as {@link InspectedState}. */
export interface InspectedEvent {
  readonly type: string;
  /** Place in the attachment's history, from 1. */
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly payload: JsonObject;
}

/**
 * Where the host shows its attachments to a developer: `inspect` of `openLading`. Called after the commit, in the
 * order of commits, first `actor`, then for each event `event` and `snapshot`. What it throws, or rejects with, is logged
 * and changes nothing; it must not wait. Whoever shows, stores or sends what it is given redacts it first (contract 10.4).
 */
export interface Inspect {
  actor(actor: InspectedActor, state: InspectedState): void;
  event(id: string, event: InspectedEvent): void;
  snapshot(id: string, state: InspectedState, event: InspectedEvent): void;
  /** Lading closes. */
  close?(): void;
}
