import type { SqlDatabase } from 'lading';
import { openGates } from '../../machines/attachment/view.ts';
import { inputs } from './cases.ts';
import { passTime, quiet } from './engine.ts';
import { contextIn, isFirst, makeCells, shown } from './feature-cells.ts';
import {
  brokenEnd,
  brokenRules,
  brokenTotals,
  type Came,
  isSecond,
  PAUSED,
  runOperation,
  wrongOutbox,
  wrongOutcome,
} from './feature-checks.ts';
import { type Feature, features, insertRow, secondOwner } from './feature-list.ts';
import { operations } from './feature-operations.ts';
import type { MachineState } from './feature-states.ts';
import type { Cell, Driving, Met, Operation } from './feature-types.ts';
import { ACCOUNT, type FeatureMutant, featureWorld } from './feature-world.ts';

/** Past undo times, drafts' graces, removals and the looks that come after them. */
const END_MS = 26 * 3_600_000;

export interface StateRun {
  readonly cells: number;
  readonly byFeature: ReadonlyMap<string, number>;
  readonly byOperation: ReadonlyMap<string, number>;
  /** `feature × operation × state: what is wrong`; none when every cell is green. */
  readonly failures: readonly string[];
}

/** All features × operations that have a meaning for each other. */
export function pairsOf(
  some: readonly Feature[] = features,
  which: readonly Operation[] = operations,
): readonly (readonly [Feature, Operation])[] {
  return some.flatMap((feature) =>
    which
      .filter((operation) => operation.isFor?.(feature) !== false)
      .map((operation) => [feature, operation] as const),
  );
}

/** All cells of one machine state, each with an attachment of its own, on one database. */
export async function runState(
  state: MachineState,
  options: {
    readonly store: SqlDatabase;
    readonly pairs?: readonly (readonly [Feature, Operation])[];
    readonly mutant?: FeatureMutant;
  },
): Promise<StateRun> {
  const { pairs = pairsOf(), store, mutant } = options;
  const failures = new Map<string, string>();
  const note = (cell: Cell | null, problems: readonly string[]): void => {
    const [problem] = problems;
    const name = cell?.name ?? state.name;
    if (problem !== undefined && !failures.has(name)) failures.set(name, `${name}: ${problem}`);
  };
  const world = await featureWorld({
    store,
    policy: { dropLocalAtOnce: state.path.input === 'droppedAtOnce' },
    startAt: inputs.captured.capturedAt,
    ...(mutant === undefined ? {} : { mutant }),
  });
  try {
    const hung: Driving = { world, ...(await world.openHung()) };
    const cells = await makeCells(hung, state, pairs);
    world.store.transaction(() => {
      for (const { feature, owner } of cells.filter(isSecond)) {
        const second = secondOwner(feature, owner);
        const table = feature.kind === 'pdf' ? 'transaction_' : 'item';
        insertRow(world.store, { ...feature, table }, second.entityId, ACCOUNT);
      }
    });

    const met = cells.map((cell) => meet(cell, hung));
    const came = await world.until(Promise.all(cells.map((cell) => runOperation(cell, hung))));
    await quiet(world.clock);
    for (const [n, cell] of cells.entries()) {
      note(cell, wrongOutcome(met[n] as Met, came[n] as Came, hung));
    }
    const firsts = cells.filter(isFirst);
    for (const cell of firsts) note(cell, brokenRules(cell, hung, PAUSED));
    for (const [cell, problem] of wrongOutbox(hung, firsts)) note(cell, [problem]);
    const lists = new Map(firsts.map((cell) => [cell, shown(hung.lading, cell.owner)]));
    await world.until(hung.lading.close());

    const after: Driving = { world, ...(await world.openReal()) };
    const { lading } = after;
    for (const [cell, list] of lists) {
      const now = shown(lading, cell.owner);
      if (JSON.stringify(now) !== JSON.stringify(list))
        note(cell, ['the list changed by a restart']);
    }
    await passTime(world.clock, world.clock.elapsedMs + END_MS);
    for (const cell of firsts) {
      note(cell, await brokenEnd(cell, after));
      note(cell, brokenRules(cell, after, openGates));
    }
    const { differences } = await world.until(lading.verify());
    for (const { stream, message } of differences) {
      note(firsts.find(({ made }) => made.has(String(stream))) ?? null, [`verify: ${message}`]);
    }
    note(null, await brokenTotals(after));
    await world.until(lading.close());
    return {
      cells: cells.length,
      byFeature: countBy(cells, ({ feature }) => feature.name),
      byOperation: countBy(cells, ({ operation }) => operation.name),
      failures: [...failures.values()],
    };
  } finally {
    world.close();
  }
}

function meet(cell: Cell, driving: Driving): Met {
  const [reference = '', , localCopy = ''] = cell.state.name.split(' / ');
  const context = contextIn(driving, cell.subject);
  return {
    cell,
    list: shown(driving.lading, cell.owner),
    reference,
    localCopy,
    hasUrl: context.url !== null,
    isUndoable: context.undoable.length > 0 && !context.gone,
  };
}

function countBy<T>(all: readonly T[], name: (one: T) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const one of all) counts.set(name(one), (counts.get(name(one)) ?? 0) + 1);
  return counts;
}
