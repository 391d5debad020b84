import type { AttachmentKind, Lading, MediaId, Owner, UndoToken } from 'lading';
import type { Host } from 'lading/host';
import type { Feature } from './feature-list.ts';
import type { MachineState } from './feature-states.ts';
import type { FeatureWorld } from './feature-world.ts';

/** One feature, one operation, one machine state: an attachment of its own, in an entity of its own. */
export interface Cell {
  readonly name: string;
  readonly feature: Feature;
  readonly operation: Operation;
  readonly owner: Owner;
  readonly subject: MediaId;
  readonly state: MachineState;
  /** What `remove` gave, when the way to the state has one. */
  token?: UndoToken;
  /** The list as it was before that removal. */
  beforeRemoval?: Shown;
  /** Bytes as they are stored, to give them back. */
  bytes: Uint8Array;
  /** Everything that was captured for this cell, with its kind. */
  readonly made: Map<string, AttachmentKind>;
}

/** A list as a screen has it. */
export interface Shown {
  readonly ids: readonly string[];
  readonly primary: string | null;
}

/** The parts of the engine that drive a cell. */
export interface Driving {
  readonly world: FeatureWorld;
  readonly lading: Lading;
  readonly host: Host;
}

/** What an operation meets: the situation that decides whether it is refused, and what comes of it. */
export interface Met {
  readonly cell: Cell;
  readonly list: Shown;
  readonly reference: string;
  readonly localCopy: string;
  /** Whether a remote locator is known. */
  readonly hasUrl: boolean;
  /** Its refs came back in time: the removal can still be undone. */
  readonly isUndoable: boolean;
}

/** One verb, or two in a row, with what it is refused with and what it makes of the list. */
export interface Operation {
  readonly name: string;
  /** @returns the ids that it captured. */
  run(cell: Cell, driving: Driving): Promise<readonly string[]>;
  /** The code of the typed error; null where it succeeds. Default: it always succeeds. */
  refused?(met: Met): string | null;
  /** The ids after it. Default: as before. */
  ids?(met: Met, made: readonly string[]): readonly string[];
  /** The primary one after it. Default: by the rules of a list, from the ids. */
  primary?(met: Met): string | null;
  /** Whether it has a meaning for the feature. Default yes. */
  isFor?(feature: Cell['feature']): boolean;
  /** What the attachment remembers of it; undefined: nothing that matters. Not asked of one that is gone. */
  remembers?(context: { readonly held: boolean; readonly pinned: boolean }): boolean;
  /** Whether it concerns what else is in the list. */
  readonly needsNeighbours?: boolean;
  /** It is never shared with others, also where the verb is refused: more happens to it. */
  readonly needsOwn?: boolean;
  /** It only asks: nothing is changed. */
  readonly asks?: boolean;
  /** Also where it is refused it leaves something behind, as a draft. */
  readonly leavesMore?: boolean;
  /** What it holds back for good: it is not uploaded at the end. */
  readonly holds?: boolean;
}
