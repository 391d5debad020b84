import type { Json } from '../../machines/json.ts';
import type { StreamId, Task, TaskKind, TaskTransaction } from '../../ports/event-store.ts';
import type { SqlRow, SqlTransaction, SqlValue } from '../../ports/sql.ts';

const COLUMNS =
  'stream, kind, name, run, machine, src, input, started_at, due_at, attempts, runner';

/** Tasks on one connection; every function is one SQL operation. */
export function taskTransaction(sql: SqlTransaction): TaskTransaction {
  return {
    put(task) {
      sql.run(
        `INSERT OR REPLACE INTO lading_task (${COLUMNS}, buried)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)`,
        task.stream,
        task.kind,
        task.name,
        task.run,
        task.machine,
        task.src,
        JSON.stringify(task.input),
        task.startedAt,
        task.dueAt,
        task.attempts,
        task.runner,
      );
    },

    remove(stream, kind, name) {
      sql.run(
        'DELETE FROM lading_task WHERE stream = ? AND kind = ? AND name = ?',
        stream,
        kind,
        name,
      );
    },

    clear(stream) {
      sql.run(`DELETE FROM lading_task WHERE stream = ? AND kind <> 'action'`, stream);
    },

    settle(task, runner) {
      const fence = 'stream = ? AND kind = ? AND name = ? AND run = ? AND buried IS NULL';
      const values: SqlValue[] = [task.stream, task.kind, task.name, task.run];
      return runner === undefined
        ? sql.run(`DELETE FROM lading_task WHERE ${fence}`, ...values) === 1
        : sql.run(`DELETE FROM lading_task WHERE ${fence} AND runner = ?`, ...values, runner) === 1;
    },

    holds: (task, runner) =>
      sql.get(
        `SELECT 1 AS found FROM lading_task
         WHERE stream = ? AND kind = ? AND name = ? AND run = ? AND runner = ? AND buried IS NULL`,
        task.stream,
        task.kind,
        task.name,
        task.run,
        runner,
      ) !== undefined,

    claim: (task, from, runner) =>
      sql.run(
        `UPDATE lading_task SET runner = ?, attempts = attempts + 1
         WHERE stream = ? AND kind = ? AND name = ? AND run = ? AND runner IS ? AND buried IS NULL`,
        runner,
        task.stream,
        task.kind,
        task.name,
        task.run,
        from,
      ) === 1,

    held: (runner) =>
      sql.all(`SELECT ${COLUMNS} FROM lading_task WHERE runner = ?`, runner).map(toTask),

    release(runner, task) {
      // One claim was counted already; a second one marks the next run as a repetition, more would bury it in time.
      const give = `UPDATE lading_task
         SET runner = NULL, attempts = CASE WHEN attempts > 1 THEN attempts - 1 ELSE attempts END
         WHERE runner = ?`;
      if (task === undefined) sql.run(give, runner);
      else {
        sql.run(
          `${give} AND stream = ? AND kind = ? AND name = ? AND run = ?`,
          runner,
          task.stream,
          task.kind,
          task.name,
          task.run,
        );
      }
    },

    bury(task, reason) {
      sql.run(
        `UPDATE lading_task SET buried = ?, runner = NULL
         WHERE stream = ? AND kind = ? AND name = ? AND run = ?`,
        reason,
        task.stream,
        task.kind,
        task.name,
        task.run,
      );
    },

    revive: (machine) =>
      sql.run(
        'UPDATE lading_task SET buried = NULL WHERE buried IS NOT NULL AND machine = ?',
        machine,
      ),

    claimable: (machine, srcs, now, limit) =>
      srcs.length === 0
        ? []
        : sql
            .all(
              `SELECT ${COLUMNS} FROM lading_task
               WHERE machine = ? AND kind <> 'timer' AND buried IS NULL
                 AND src IN (${srcs.map(() => '?').join(', ')})
                 AND (runner IS NULL OR NOT EXISTS (
                   SELECT 1 FROM lading_runner AS r
                   WHERE r.runner = lading_task.runner AND r.expires_at > ?))
               ORDER BY src, started_at LIMIT ?`,
              machine,
              ...srcs,
              now,
              limit,
            )
            .map(toTask),

    timers: (machine, limit) =>
      sql
        .all(
          `SELECT ${COLUMNS} FROM lading_task
           WHERE machine = ? AND kind = 'timer' AND buried IS NULL ORDER BY due_at LIMIT ?`,
          machine,
          limit,
        )
        .map(toTask),

    skewedTimers: (machine, now, limit) =>
      sql
        .all(
          `SELECT ${COLUMNS} FROM lading_task
           WHERE machine = ? AND kind = 'timer' AND buried IS NULL AND started_at > ?
           ORDER BY due_at - started_at LIMIT ?`,
          machine,
          now,
          limit,
        )
        .map(toTask),

    of: (stream) =>
      sql
        .all(
          `SELECT ${COLUMNS}, buried FROM lading_task WHERE stream = ? ORDER BY kind, name`,
          stream,
        )
        .map(toTask),
  };
}

function toTask(row: SqlRow): Task {
  return {
    stream: String(row['stream']) as StreamId,
    kind: String(row['kind']) as TaskKind,
    name: String(row['name']),
    machine: String(row['machine']),
    run: Number(row['run']),
    src: String(row['src']),
    input: JSON.parse(String(row['input'])) as Json,
    startedAt: Number(row['started_at']),
    dueAt: Number(row['due_at']),
    attempts: Number(row['attempts']),
    runner: row['runner'] === null ? null : String(row['runner']),
    ...(typeof row['buried'] === 'string' ? { buried: row['buried'] } : {}),
  };
}
