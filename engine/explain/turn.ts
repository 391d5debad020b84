import type { AttachmentContext } from '../../machines/attachment/context.ts';
import type { AttachmentFacts } from '../../machines/attachment/facts.ts';
import type { Json, JsonObject } from '../../machines/json.ts';
import type { Words } from './words.ts';

/** The attachment at one version of its stream. */
export interface Stage {
  readonly value: Json;
  readonly context: AttachmentContext;
  readonly facts: AttachmentFacts;
}

/** One event of the log between the states before and after it; nothing else decides its sentence. */
export interface Turn {
  readonly type: string;
  /** The version that the stream had with it. */
  readonly version: number;
  /** Brought to the present schema version. */
  readonly payload: JsonObject;
  readonly at: number;
  /** Null for the first event. */
  readonly before: Stage | null;
  readonly after: Stage;
  readonly words: Words;
  /** How an owner is named: its ids, or what stands for them where they must not leave the device. */
  readonly owner: (payload: Json | undefined) => string;
}

/** The sentence for one event. */
export type Tell = (turn: Turn) => string;
