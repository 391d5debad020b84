import { describe, expect, it } from 'vitest';
import { attachmentMachine } from '../../machines/attachment/machine.ts';
import { type EventCase, labelOf } from '../../model-based-tests/support/cases.ts';
import { observe } from '../../model-based-tests/support/invariants.ts';
import { search } from '../../model-based-tests/support/search.ts';
import { searchGroups } from '../../model-based-tests/support/search-groups.ts';
import { createTracer } from '../../model-based-tests/support/tracer.ts';
import {
  localCopyTable,
  movesOf,
  referenceTable,
  transferTable,
} from '../support/attachment-transition-table.ts';

const regions = { reference: referenceTable, transfer: transferTable, local: localCopyTable };
type Region = keyof typeof regions;
const regionNames = Object.keys(regions) as readonly Region[];

/** Every change of a leaf that the machine makes anywhere in its state space. */
function findMoves(): Readonly<Record<Region, ReadonlySet<string>>> {
  const tracer = createTracer(attachmentMachine);
  const moves = {
    reference: new Set<string>(),
    transfer: new Set<string>(),
    local: new Set<string>(),
  };
  for (const { title: _title, input, ...options } of searchGroups) {
    search(tracer, input, {
      ...options,
      onStep(beforeStep, event, { snapshot }) {
        const before = observe(beforeStep);
        const after = observe(snapshot);
        for (const region of regionNames) {
          if (before[region] === after[region]) continue;
          moves[region].add(`${before[region]} | ${wordsOf(event)} | ${after[region]}`);
        }
      },
    });
  }
  return moves;
}

/** The event as the table calls it. */
function wordsOf(event: EventCase): string {
  const service = /^xstate\.(done|error)\.actor\.(\w+)$/.exec(event.type);
  if (service?.[1] === 'error') return `${service[2]} (crash)`;
  if (service !== null) return labelOf(event).replace('xstate.done.actor.', '');
  return event.type.replace(/^xstate\.after\.(\w+)\..*$/, 'after $1');
}

describe('the transition table that was written by hand', () => {
  const found = findMoves();

  it.each(regionNames)('holds every move that the machine can make in its %s region', (region) => {
    const known = new Set(movesOf(regions[region]));
    expect([...found[region]].filter((move) => !known.has(move)).toSorted()).toEqual([]);
  });

  it.each(regionNames)('holds no move that the machine never makes in its %s region', (region) => {
    expect(movesOf(regions[region]).filter((move) => !found[region].has(move))).toEqual([]);
  });
});
