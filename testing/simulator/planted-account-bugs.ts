import { attachmentMachine } from '../../machines/attachment/machine.ts';
import type { SqlRow, SqlValue } from '../../ports/sql.ts';
import { ACCOUNT } from './app.ts';
import { interposed } from './interpose.ts';
import { LODGER } from './lodger.ts';
import { having, type PlantedBug, replaced } from './planting.ts';
import type { Scenario } from './scenario.ts';

/** About credentials and accounts (contract 4.4, 4.8). */
export const accountBugs: readonly PlantedBug[] = [
  {
    name: 'refusal-burns',
    sentence: 'Refused credentials are a failure like any other: they burn an attempt.',
    scenario: (real) => refreshing(real),
    plant: () => replaced(attachmentMachine.implementations.guards, 'isAuth', () => false),
  },
  {
    name: 'waiters-not-woken',
    sentence: 'New credentials are handed over, and nobody who waits for them is told.',
    scenario: (real) => refreshing(real),
    sql: (real) =>
      interposed(real, {
        all: (next, sql, params) =>
          sql.includes('FROM lading_job') && params.includes('awaitingCredentials')
            ? []
            : next(sql, ...params),
      }),
  },
  {
    name: 'credentials-not-handed-over',
    sentence: 'New credentials do not reach the remote.',
    scenario: (real) => refreshing(real),
    options: (real) => ({ ...real, remote: { ...real.remote, credentials() {} } }),
  },
  {
    name: 'accounts-mixed-up',
    sentence: 'What another account left is taken for that of who is signed in.',
    scenario: (real) => ({ ...real, hasLodger: true, runnersOnA: 1 }),
    sql: (real) =>
      interposed(real, {
        get(next, sql, params) {
          const row = next(sql, ...params);
          return row && ofWhoeverIsThere(row);
        },
        all(next, sql, params) {
          const rows = next(sql, ...params).map(ofWhoeverIsThere);
          const isQueue = sql.includes('FROM lading_job') && params[0] === ACCOUNT;
          if (!isQueue || rows.length > 0) return rows;
          const others: readonly SqlValue[] = [LODGER, ...params.slice(1)];
          return next(sql, ...others);
        },
      }),
  },
];

/** Credentials end in many of its lives, and the app gets new ones. */
function refreshing(real: Scenario): Scenario {
  return { ...having('remote', 'network')(real), refreshes: true, steps: 60 };
}

function ofWhoeverIsThere(row: SqlRow): SqlRow {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, ofAlice(value)]));
}

function ofAlice(value: SqlValue): SqlValue {
  return typeof value === 'string'
    ? value.replaceAll(`"accountId":"${LODGER}"`, `"accountId":"${ACCOUNT}"`)
    : value;
}
