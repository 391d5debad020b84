import { attachmentMachine } from '../../machines/attachment/machine.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Connectivity } from '../../ports/connectivity.ts';
import type { SqlRow, SqlValue } from '../../ports/sql.ts';
import { commitsLate, interposed, withoutSync } from './interpose.ts';
import { waitingTrue } from './oracles/waiting-true.ts';
import { accountBugs } from './planted-account-bugs.ts';
import { having, type PlantedBug, replaced } from './planting.ts';
import type { Scenario, Trouble } from './scenario.ts';

export type { PlantedBug } from './planting.ts';

/** Each is planted from outside, and none of them is in the product. */
export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'effect-before-commit',
    sentence: 'Effects start, and verbs are acknowledged, before the commit that asked for them.',
    // Two runners would need one late transaction between them.
    scenario: (real) => ({ ...having('kill', 'power')(real), runnersOnA: 1 }),
    sql: (real, clock) => commitsLate(real, clock, 300),
  },
  {
    name: 'database-not-synced',
    sentence: 'SQLite does not sync its log at each commit (`synchronous=NORMAL`).',
    scenario: having('power'),
    synchronous: 'NORMAL',
  },
  {
    name: 'bytes-not-synced',
    sentence: 'The bytes of a capture are not synced before it is acknowledged.',
    scenario: having('power'),
    disk: (real) => withoutSync(real, 'files'),
  },
  {
    name: 'name-not-synced',
    sentence: 'The directory is not synced after a blob was renamed into place.',
    scenario: having('power'),
    disk: (real) => withoutSync(real, 'directories'),
  },
  {
    name: 'fence-dropped',
    sentence: 'A result is taken although its run does not stand any more.',
    scenario: twoRunners('stall'),
    sql: (real) =>
      interposed(real, {
        get: (next, sql, params) => (isFence(sql) ? { found: 1 } : next(sql, ...params)),
        run: (next, sql, params) => {
          const changed = next(sql, ...params);
          return sql.startsWith('DELETE FROM lading_task') && sql.includes('run = ?') ? 1 : changed;
        },
      }),
  },
  {
    name: 'stale-cache',
    sentence:
      'A runner trusts the version that it saw last, and the expected version is not looked at.',
    scenario: twoRunners(),
    sql: (real) => {
      const seen = new Map<SqlValue, SqlRow>();
      return interposed(real, {
        get(next, sql, params) {
          if (!sql.includes('FROM lading_stream WHERE')) return next(sql, ...params);
          const [stream = null] = params;
          const row = seen.get(stream) ?? next(sql, ...params);
          if (row !== undefined) seen.set(stream, row);
          return row;
        },
        run(next, sql, params) {
          if (sql.startsWith('UPDATE lading_stream SET version')) {
            const [version = null, status = null, stream = null] = params;
            seen.set(stream, { machine: 'attachment', version, status });
            return next(sql.replace(' AND version = ?', ' AND 0 <= ?'), ...params);
          }
          return next(
            sql.replace('INSERT INTO lading_event', 'INSERT OR REPLACE INTO lading_event'),
            ...params,
          );
        },
      });
    },
  },
  {
    name: 'timer-kept-on-exit',
    sentence: 'The row of a timer stays when its state is left.',
    sql: (real) =>
      interposed(real, {
        run: (next, sql, params) =>
          isTaskRemoval(sql) && params[1] === 'timer' ? 0 : next(sql, ...params),
      }),
  },
  {
    name: 'late-success',
    sentence: 'An upload goes on after its attachment was released, and its success is taken.',
    plant: () => replaced(attachmentMachine.implementations.guards, 'isReleased', () => false),
  },
  {
    name: 'app-row-not-rewritten',
    sentence: "The upload rewrites the ref's url, but not the app's row.",
    project: (real) => (tx, owner, refs) => {
      if (refs.every(({ url }) => url.startsWith('offline:'))) real(tx, owner, refs);
    },
  },
  {
    name: 'backoff-not-persisted',
    sentence: 'Timers are forgotten when the process dies.',
    scenario: having('kill'),
    atBoot(sql) {
      const table = sql.get(`SELECT name FROM sqlite_schema WHERE name = 'lading_task'`);
      if (table !== undefined) sql.run(`DELETE FROM lading_task WHERE kind = 'timer'`);
    },
  },
  {
    name: 'new-op-id-each-time',
    sentence: 'An op that is pushed again has another id, so the backend applies it twice.',
    scenario: having('network'),
    backend: (real) => {
      let count = 0;
      return {
        ...real,
        async push(ops, options) {
          count += 1;
          const again = ops.map(({ opId, op }) => ({ opId: `${opId}~${count}`, op }));
          const results = await real.push(again, options);
          return results.map((result) => ({ ...result, opId: result.opId.replace(/~\d+$/, '') }));
        },
      };
    },
  },
  {
    name: 'op-forgotten-early',
    sentence: 'An op leaves the outbox before the backend acknowledged it.',
    scenario: having('network'),
    backend: (real, sql) => ({
      ...real,
      push(ops, options) {
        for (const { opId } of ops) sql.run('DELETE FROM lading_outbox WHERE op_id = ?', opId);
        return real.push(ops, options);
      },
    }),
  },
  {
    name: 'no-recovery',
    sentence: 'Tasks that a dead process left are not taken up.',
    scenario: having('kill'),
    sql: (real) =>
      interposed(real, {
        all: (next, sql, params) => (isClaimable(sql) ? [] : next(sql, ...params)),
      }),
  },
  {
    name: 'lease-ignored',
    sentence: 'A runner takes tasks whose holder is alive.',
    scenario: twoRunners(),
    sql: (real) =>
      interposed(real, {
        all: (next, sql, params) =>
          isClaimable(sql)
            ? next(sql, ...params.toSpliced(-2, 1, Number.MAX_SAFE_INTEGER))
            : next(sql, ...params),
      }),
  },
  {
    name: 'no-second-look',
    sentence:
      'An object is removed once, and not looked for again when the last request has landed.',
    // It shows only where a held-back upload lands after the removal.
    scenario: (real) => ({
      ...having('network')(real),
      faults: { ...real.faults, holdBack: 0.3 },
      policy: { ...real.policy, undoGraceMs: 2_000 },
    }),
    plant: () => replaced(attachmentMachine.implementations.delays, 'lateArrival', () => 0),
  },
  {
    name: 'app-write-apart',
    sentence: "The app's rows are committed a moment after the capture, and not with it.",
    scenario: having('kill', 'power'),
    sql: (real, clock) =>
      interposed(real, {
        run(next, sql, params) {
          if (!sql.startsWith('INSERT INTO app_note')) return next(sql, ...params);
          clock.schedule(1_000, () => void next(sql, ...params));
          return 1;
        },
      }),
  },
  {
    name: 'ops-due-by-the-clock',
    sentence:
      'An op is due at the time of its event, so a clock that is set back changes the order.',
    scenario: (real) => ({
      ...real,
      steps: 60,
      pauseMs: 2_000,
      troubles: new Set(['clock', 'network']),
    }),
    sql: (real) =>
      interposed(real, {
        run(next, sql, params) {
          if (!sql.startsWith('INSERT INTO lading_outbox')) return next(sql, ...params);
          const [at = 0, dueAt = 0] = params.slice(CREATED_AT);
          return next(sql, ...params.toSpliced(CREATED_AT, 2, 0, dueAt === 0 ? at : dueAt));
        },
      }),
  },
  {
    name: 'location-kept',
    sentence: 'A picture is stored as the camera made it, with the place where it was taken.',
    options: (real) => ({
      ...real,
      fields: Object.fromEntries(
        Object.entries(real.fields).map(([name, field]) => [name, { ...field, location: 'keep' }]),
      ),
    }),
  },
  {
    name: 'metered-ignored',
    sentence: 'A field that sends over unmetered links only sends over any.',
    scenario: (real) => ({
      ...real,
      steps: 60,
      troubles: new Set(['metered']),
      unmetered: true,
      budgetBytes: undefined,
    }),
    options: ({ connectivity, ...real }) => ({
      ...real,
      ...(connectivity === undefined ? {} : { connectivity: neverMetered(connectivity) }),
    }),
  },
  {
    name: 'network-back-late',
    sentence: 'The network is back for half a minute, and uploads still say that they wait for it.',
    foundOnlyBy: waitingTrue.name,
    scenario: (real) => ({ ...real, steps: 60, pauseMs: 6_000, troubles: new Set(['network']) }),
    options: ({ connectivity, clock, ...real }) => ({
      ...real,
      ...(connectivity === undefined || clock === undefined
        ? {}
        : { clock, connectivity: toldLate(connectivity, clock, 30_000) }),
    }),
  },
  {
    name: 'budget-ignored',
    sentence: 'What the app allows its attachments is not looked at.',
    scenario: (real) => ({ ...real, budgetBytes: 40_000 }),
    options: (real) => ({ ...real, storageBudgetBytes: 1_000_000_000 }),
  },
  {
    name: 'shared-file-removed',
    sentence: 'A file goes with the first attachment that lets it go, though others hold it.',
    scenario: (real) => ({ ...real, steps: 60, cacheBytes: undefined }),
    sql: (real) =>
      interposed(real, {
        get: (next, sql, params) =>
          sql.includes('AS holders,') && sql.includes('FROM lading_hold')
            ? { holders: 0, until: null }
            : next(sql, ...params),
      }),
  },
  {
    name: 'cache-unbounded',
    sentence: 'The limit of the cache is not kept to.',
    scenario: (real) => ({ ...real, cacheBytes: 0 }),
    options: ({ cache: _cache, ...real }) => real,
  },
  {
    name: 'unsent-evicted',
    sentence: 'The cache evicts also what is not uploaded yet.',
    scenario: (real) => ({ ...having('network')(real), steps: 60, cacheBytes: 0 }),
    sql: (real) =>
      interposed(real, {
        all: (next, sql, params) =>
          next(sql.replace('evictable = holders AND opened_at <', 'opened_at <'), ...params),
      }),
    plant: () => replaced(attachmentMachine.implementations.guards, 'isEvictable', () => true),
  },
  ...accountBugs,
];

/** Where an outbox row's creation stands among the statement's values; its due time comes next. */
const CREATED_AT = 5;

function twoRunners(...troubles: readonly Trouble[]): (real: Scenario) => Scenario {
  return (real) => ({ ...having(...troubles)(real), runnersOnA: 2 });
}

function neverMetered(real: Connectivity): Connectivity {
  return {
    current: () => ({ ...real.current(), metered: false }),
    subscribe: (listener) => real.subscribe((state) => listener({ ...state, metered: false })),
  };
}

function toldLate(real: Connectivity, clock: Clock, lateMs: number): Connectivity {
  return {
    current: () => real.current(),
    subscribe(listener) {
      let newest = 0;
      return real.subscribe((state) => {
        const mine = ++newest;
        if (!state.online) listener(state);
        else clock.schedule(lateMs, () => mine === newest && listener(state));
      });
    },
  };
}

function isFence(sql: string): boolean {
  return sql.includes('SELECT 1 AS found FROM lading_task') && sql.includes('run = ?');
}

function isTaskRemoval(sql: string): boolean {
  return sql.startsWith('DELETE FROM lading_task WHERE stream = ? AND kind = ? AND name = ?');
}

function isClaimable(sql: string): boolean {
  return sql.includes('FROM lading_task') && sql.includes('r.expires_at > ?');
}
