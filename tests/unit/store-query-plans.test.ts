import { describe, expect, it } from 'vitest';
import { compactionTable } from '../../persistence/log/compaction-table.ts';
import { logTransaction } from '../../persistence/log/log-transaction.ts';
import { runnerTransaction } from '../../persistence/log/runner-transaction.ts';
import { taskTransaction } from '../../persistence/log/task-transaction.ts';
import { migrate } from '../../persistence/migrations/index.ts';
import type { Task } from '../../ports/event-store.ts';
import type { SqlDatabase, SqlTransaction } from '../../ports/sql.ts';
import { drivers, memoryDrivers } from '../support/drivers.ts';
import { asStream, event } from '../support/store-world.ts';

const STREAMS = 100_000;

/** 100,000 settled streams; of the first 1,000 each still has a task. */
function full(database: SqlDatabase): SqlDatabase {
  migrate(database, 0);
  const numbers = `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${STREAMS - 1})`;
  database.exec(`
    ${numbers} INSERT INTO lading_event (stream, version, type, schema_version, at, jitter, payload, state, key)
      SELECT printf('s%06d', i), 1, 'm.created', 1, i, 0.5, '{}', '"s"', 'k' FROM n;
    ${numbers} INSERT INTO lading_stream (stream, machine, version, status, touched_at)
      SELECT printf('s%06d', i), 'm', 1, 'done', i FROM n;
    ${numbers} INSERT INTO lading_snapshot SELECT printf('s%06d', i), 1, '1', '{}' FROM n;
    ${numbers} INSERT INTO lading_task
      SELECT printf('s%06d', i), CASE i % 3 WHEN 0 THEN 'timer' WHEN 1 THEN 'invoke' ELSE 'action' END, 't', 1, 'm',
        'src' || (i % 7), 'null', i, i + 5, 0, CASE i % 50 WHEN 0 THEN 'r1' END, CASE i % 97 WHEN 0 THEN 'x' END
      FROM n WHERE i < 1000;
    INSERT INTO lading_runner VALUES ('r1', 9999999, '{}'), ('r2', 1, '{}');
    ANALYZE`);
  return database;
}

/** Calls every operation once, and returns the statements that it gave to SQLite. */
function statements(raw: SqlDatabase): ReadonlySet<string> {
  const seen = new Set<string>();
  const note = (sql: string): string => {
    seen.add(sql);
    return sql;
  };
  const spy: SqlTransaction = {
    run: (sql, ...params) => raw.run(note(sql), ...params),
    get: (sql, ...params) => raw.get(note(sql), ...params),
    all: (sql, ...params) => raw.all(note(sql), ...params),
  };
  const [log, tasks, runners] = [logTransaction(spy), taskTransaction(spy), runnerTransaction(spy)];
  const all = { log, tasks, runners, sql: spy };
  const stream = asStream('s000004');
  const head = { machine: 'm', status: 'active' } as const;
  const task: Task = {
    stream,
    machine: 'm',
    kind: 'invoke',
    name: 'new',
    run: 2,
    src: 'src1',
    input: null,
    startedAt: 1,
    dueAt: 1,
    attempts: 0,
    runner: null,
  };
  log.append(asStream('new'), 0, [event()], head);
  log.append(stream, 1, [event()], head);
  compactionTable.idle(all, { stream, touchedAt: 5 }, 500, 8);
  compactionTable.replace(all, stream, 2, event('log.checkpoint'));
  compactionTable.passOver(all, stream, 2);
  log.read(stream);
  log.hasKey(stream, 'k');
  log.streams('s000500', 100);
  log.repairHead(stream, { ...head, version: 2 });
  log.snapshot(stream);
  log.saveSnapshot(stream, { version: 2, format: '1', body: {} });
  tasks.put(task);
  tasks.claim(task, null, 'r1');
  tasks.holds(task, 'r1');
  tasks.held('r1');
  tasks.release('r1', task);
  tasks.release('r1');
  tasks.settle(task);
  tasks.settle(task, 'r1');
  tasks.bury(task, 'x');
  tasks.revive('m');
  tasks.claimable('m', ['src1'], 5, 4);
  tasks.timers('m', 64);
  tasks.skewedTimers('m', 500, 64);
  tasks.of(stream);
  tasks.remove(stream, 'invoke', 'new');
  tasks.clear(stream);
  runners.renew('r1', 5, {});
  runners.drop('r2');
  runners.all();
  return seen;
}

describe.each(drivers)('with 100,000 settled streams on $name', ({ name }) => {
  const database = full(memoryDrivers[name]());
  const hot = [...statements(database)];

  it('every operation of the log was looked at', () => {
    expect(hot.length).toBeGreaterThanOrEqual(26);
  });

  it.each(hot)('no table is scanned by %s', (sql) => {
    const holes = Array.from({ length: sql.split('?').length - 1 }, () => 1);
    const plan = database.all(`EXPLAIN QUERY PLAN ${sql}`, ...holes);
    const scans = plan
      .map((row) => String(row['detail']))
      // One row a living runner: two or three.
      .filter((detail) => detail.startsWith('SCAN ') && !/lading_runner|CONSTANT ROW/.test(detail));
    expect(scans).toEqual([]);
  });

  it('what is due and what can be claimed come in order, without sorting', () => {
    const sorted = hot
      .filter((sql) => /ORDER BY (?:due_at|src)/.test(sql) && !sql.includes('due_at - started_at'))
      .flatMap((sql) => {
        const holes = Array.from({ length: sql.split('?').length - 1 }, () => 1);
        return database.all(`EXPLAIN QUERY PLAN ${sql}`, ...holes);
      })
      .map((row) => String(row['detail']));
    expect(sorted.length).toBeGreaterThanOrEqual(2);
    expect(sorted.filter((detail) => detail.includes('TEMP B-TREE'))).toEqual([]);
  });

  it('a plan that scans would be noticed', () => {
    const plan = database.all("EXPLAIN QUERY PLAN SELECT * FROM lading_event WHERE type = 'x'");
    expect(String(plan[0]?.['detail'])).toMatch(/^SCAN /);
  });
});
