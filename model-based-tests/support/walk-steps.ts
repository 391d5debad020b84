import * as fc from 'fast-check';
import { expect } from 'vitest';
import type { AttachmentContext } from '../../machines/attachment/context.ts';
import type { MediaId } from '../../machines/attachment/types.ts';
import { catchUp, expectSoundness, tick, type WalkModel, type WalkWorld } from './walk-world.ts';

export type WalkCommand = fc.AsyncCommand<WalkModel, WalkWorld>;

export interface Walk {
  readonly name: string;
  check?(model: Readonly<WalkModel>): boolean;
  run(model: WalkModel, world: WalkWorld): Promise<void>;
}

/** One step of a walk: ten milliseconds pass, it acts, and then everything must be sound. */
export function command(walk: Walk): WalkCommand {
  return {
    check: (model) => walk.check?.(model) ?? true,
    async run(model, world) {
      await tick(world);
      await catchUp(model, world);
      await walk.run(model, world);
      await catchUp(model, world);
      expectSoundness(model, world);
    },
    toString: () => walk.name,
  };
}

export const hasStreams = (model: Readonly<WalkModel>): boolean => model.streams.size > 0;
/** More would never meet each other. */
export const MOST_STREAMS = 5;

/** The `n`-th stream, round and round. */
export function pick(model: WalkModel, n: number): MediaId {
  const ids = [...model.streams.keys()];
  return ids[n % ids.length] as MediaId;
}

export const anyStream = fc.nat({ max: MOST_STREAMS - 1 });

export function contextOf(model: WalkModel, id: MediaId): AttachmentContext {
  const found = model.streams.get(id);
  if (found === undefined) throw new Error(`no stream ${id}`);
  return found.context;
}

/** What the engine did is what the model says. */
export function agree(actual: unknown, expected: unknown, label = 'the refusal'): void {
  expect({ [label]: actual }).toEqual({ [label]: expected });
}
