import { describe, expect, it } from 'vitest';
import { attachmentMachine } from '../machines/attachment/machine.ts';
import type { Json } from '../machines/json.ts';
import { leavesOf, machineStates } from './support/feature-states.ts';
import { search } from './support/search.ts';
import { searchGroups } from './support/search-groups.ts';
import { createTracer } from './support/tracer.ts';

const tracer = createTracer(attachmentMachine);

const results = searchGroups.map(({ title, input, ...options }) => ({
  title,
  result: search(tracer, input, options),
}));

describe('the attachment machine, searched over its value and the facts that its guards read', () => {
  it.each(results)('$title: nothing throws and every invariant holds', ({ result }) => {
    expect(result.violations.slice(0, 10)).toEqual([]);
  });

  it.each(results)('$title: from every state the end can be reached', ({ result }) => {
    expect(result.stuck.slice(0, 10)).toEqual([]);
  });

  it('can take every transition definition, guard branches included', () => {
    const taken = new Set(results.flatMap(({ result }) => [...result.taken]));
    expect(tracer.definitions.filter((definition) => !taken.has(definition))).toEqual([]);
  });

  it('reaches no combination of leaf states that the feature matrix leaves out', () => {
    const found = results.flatMap(({ result }) =>
      [...result.values].map((value) => leavesOf(JSON.parse(value) as Json)),
    );
    expect(machineStates().map(({ name }) => name)).toEqual([...new Set(found)].toSorted());
  }, 120_000);
});
