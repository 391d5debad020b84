import { describe, expect, it } from 'vitest';
import { attachmentMachine } from '../machines/attachment/machine.ts';
import { createStepper } from '../machines/durable/stepper.ts';
import type { JsonObject } from '../machines/json.ts';
import { inputs } from './support/cases.ts';
import { pathsThroughEveryDefinition } from './support/paths.ts';

const { paths, missing, definitions } = pathsThroughEveryDefinition();

describe('the paths that xstate/graph finds through the attachment machine', () => {
  it('take every transition definition, guard branches included', () => {
    expect(missing).toEqual([]);
    const covered = new Set(paths.flatMap(({ covers }) => covers));
    expect(covered).toEqual(new Set(definitions));
  });

  it('have names of their own', () => {
    expect(new Set(paths.map(({ name }) => name)).size).toBe(paths.length);
  });

  it('are possible in time: no armed timer is overdue at any step', () => {
    const overdue = paths.flatMap(({ name, steps }) =>
      steps.flatMap(({ at, timers }) =>
        Object.entries(timers).flatMap(([timer, dueAt]) =>
          dueAt < at ? [`${timer} at ${at}: ${name}`] : [],
        ),
      ),
    );
    expect(overdue).toEqual([]);
  });

  it.each(paths)('survive a round trip through JSON at every step: $name', ({ input, steps }) => {
    const stepper = createStepper(attachmentMachine);
    let { snapshot } = stepper.init(throughJson(inputs[input]) as unknown as JsonObject);
    for (const { event, at, jitter, value, context, status } of steps) {
      const restored = stepper.restore(throughJson(stepper.persist(snapshot)));
      ({ snapshot } = stepper.step(restored, { ...event, at, jitter }));
      expect(snapshot).toMatchObject({ value, context, status });
    }
  });
});

function throughJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
