import type { JsonObject } from '../../machines/json.ts';
import type { RunnerTransaction } from '../../ports/event-store.ts';
import type { SqlTransaction } from '../../ports/sql.ts';

/** Leases on one connection; every function is one SQL operation. */
export function runnerTransaction(sql: SqlTransaction): RunnerTransaction {
  return {
    renew(runner, expiresAt, info) {
      sql.run(
        `INSERT INTO lading_runner (runner, expires_at, info) VALUES (?, ?, ?)
         ON CONFLICT (runner) DO UPDATE SET expires_at = excluded.expires_at, info = excluded.info`,
        runner,
        expiresAt,
        JSON.stringify(info),
      );
    },

    drop(runner) {
      sql.run('DELETE FROM lading_runner WHERE runner = ?', runner);
    },

    all: () =>
      sql.all('SELECT runner, expires_at, info FROM lading_runner ORDER BY runner').map((row) => ({
        runner: String(row['runner']),
        expiresAt: Number(row['expires_at']),
        info: JSON.parse(String(row['info'])) as JsonObject,
      })),
  };
}
