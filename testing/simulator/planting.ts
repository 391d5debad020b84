import { LadingError } from '../../ports/errors.ts';
import type { Sabotage } from './sabotage.ts';
import type { Scenario, Trouble } from './scenario.ts';

/** A deliberate bug that the simulator must find. */
export interface PlantedBug extends Sabotage {
  /** For `npm run simulate -- --bug NAME`. */
  readonly name: string;
  /** What is wrong, as a sentence. */
  readonly sentence: string;
  /** The oracle that alone finds it: without it nobody would. */
  readonly foundOnlyBy?: string;
}

export function having(...troubles: readonly Trouble[]): (real: Scenario) => Scenario {
  return (real) => ({ ...real, troubles: new Set([...real.troubles, ...troubles]) });
}

/** @throws {LadingError} when the machine has nothing of that name: the bug would be none. */
export function replaced(parts: object | undefined, name: string, value: unknown): () => void {
  const all = parts as Record<string, unknown> | undefined;
  const real = all?.[name];
  if (all === undefined || real === undefined) {
    throw new LadingError('invalid_option', `The machine has no ${name} to replace.`);
  }
  all[name] = value;
  return () => {
    all[name] = real;
  };
}
