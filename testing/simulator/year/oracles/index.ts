import { oneObject } from '../../oracles/one-object.ts';
import { opsAppliedOnce } from '../../oracles/ops-applied-once.ts';
import type { Oracle } from '../../oracles/oracle.ts';
import { replayEqualsState } from '../../oracles/replay-equals-state.ts';
import { cacheKeptSmall } from './cache-kept-small.ts';
import { filesExact } from './files-exact.ts';
import { logBounded } from './log-bounded.ts';
import { nothingWaits } from './nothing-waits.ts';
import { objectsExact } from './objects-exact.ts';
import { refsEverywhere } from './refs-everywhere.ts';
import { unsentKept } from './unsent-kept.ts';
import { usageExact } from './usage-exact.ts';

/** All promises that a year is judged by, in the order in which they are asked. */
export const yearOracles: readonly Oracle[] = [
  unsentKept,
  filesExact,
  objectsExact,
  usageExact,
  cacheKeptSmall,
  refsEverywhere,
  nothingWaits,
  logBounded,
  oneObject,
  opsAppliedOnce,
  // A replay of everything costs most; restarts are not judged by it.
  onlyAtEnd(replayEqualsState),
];

function onlyAtEnd(oracle: Oracle): Oracle {
  return {
    name: oracle.name,
    atEnd: (world, devices) => oracle.atEnd?.(world, devices) ?? [],
  };
}
