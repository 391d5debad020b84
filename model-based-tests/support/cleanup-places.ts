import { attachmentMachine } from '../../machines/attachment/machine.ts';
import { inputs } from './cases.ts';
import { leavesOf, type MachineState, machineStates } from './feature-states.ts';
import { type MachinePath, pathsThroughEveryDefinition, replay } from './paths.ts';
import { createTracer, type DefinitionId } from './tracer.ts';

/** Where a trigger meets an attachment: at the end of a way through the machine. */
export interface Place {
  /** The leaves of its state; and the transition definition that it comes just after, where that is what it is for. */
  readonly title: string;
  readonly state: MachineState;
  /** Definitions that the last step of the way takes. */
  readonly after: readonly DefinitionId[];
}

/**
 * Every combination of the machine's leaf states, and every transition definition, guard branches included, as the
 * step just before: in the same state much may have happened that only the context knows.
 */
export function cleanupPlaces(): {
  readonly places: readonly Place[];
  readonly definitions: readonly DefinitionId[];
} {
  const tracer = createTracer(attachmentMachine);
  const lastOf = ({ input, steps }: MachinePath): readonly DefinitionId[] =>
    steps.at(-1)?.taken ?? tracer.init(inputs[input]).taken;
  const places: Place[] = machineStates().map((state) => ({
    title: state.name,
    state,
    after: lastOf(state.path),
  }));
  const met = new Set(places.flatMap(({ after }) => after));
  const { paths, definitions } = pathsThroughEveryDefinition();
  for (const definition of definitions) {
    if (met.has(definition)) continue;
    const [shortest] = paths
      .map((path) => upTo(path, definition))
      .filter((path) => path !== null)
      .toSorted((a, b) => a.steps.length - b.steps.length);
    if (shortest === undefined) throw new Error(`no way takes ${definition}`);
    const name = nameOf(shortest, tracer);
    const after = lastOf(shortest);
    for (const one of after) met.add(one);
    places.push({ title: `${name}, after ${definition}`, state: { name, path: shortest }, after });
  }
  return { places, definitions };

  /** The way to the first step that takes it. */
  function upTo(path: MachinePath, definition: DefinitionId): MachinePath | null {
    const at = path.steps.findIndex(({ taken }) => taken.includes(definition));
    const isFirst = tracer.init(inputs[path.input]).taken.includes(definition);
    if (isFirst) return replay(tracer, path.input, []);
    if (at < 0) return null;
    const events = path.steps.slice(0, at + 1).map(({ event }) => event);
    return replay(tracer, path.input, events);
  }
}

function nameOf({ input, steps }: MachinePath, tracer: ReturnType<typeof createTracer>): string {
  const value = steps.at(-1)?.value ?? tracer.init(inputs[input]).snapshot.value;
  return leavesOf(value as never);
}
