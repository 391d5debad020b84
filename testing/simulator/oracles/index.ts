import { accountsApart } from './accounts-apart.ts';
import { answersMeetRuns } from './answers-meet-runs.ts';
import { appRows } from './app-rows.ts';
import { bytesKept } from './bytes-kept.ts';
import { cacheBounded } from './cache-bounded.ts';
import { noPlaceStored } from './no-place-stored.ts';
import { nothingLeft } from './nothing-left.ts';
import { oneObject } from './one-object.ts';
import { opsAppliedOnce } from './ops-applied-once.ts';
import type { Oracle } from './oracle.ts';
import { refsConverge } from './refs-converge.ts';
import { refsResolve } from './refs-resolve.ts';
import { refusalsBurnNothing } from './refusals-burn-nothing.ts';
import { replayEqualsState } from './replay-equals-state.ts';
import { waitingExplained } from './waiting-explained.ts';
import { waitingTrue } from './waiting-true.ts';
import { withinBudget } from './within-budget.ts';

export type { Oracle } from './oracle.ts';

/** All promises that a simulation judges, in the order in which they are asked. */
export const oracles: readonly Oracle[] = [
  bytesKept,
  refsConverge,
  appRows,
  waitingExplained,
  waitingTrue,
  oneObject,
  replayEqualsState,
  answersMeetRuns,
  nothingLeft,
  opsAppliedOnce,
  noPlaceStored,
  withinBudget,
  cacheBounded,
  refusalsBurnNothing,
  accountsApart,
  // The last one: what it fetches keeps engines busy again.
  refsResolve,
];
