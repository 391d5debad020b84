import type { SqlDatabase } from '../../../ports/sql.ts';

/** What is not done yet, by rows: files that are not captured, attachments that are not uploaded, tasks, ops. */
export function whatIsLeft(
  database: Pick<SqlDatabase, 'get' | 'all'>,
  files: number,
): readonly unknown[] {
  const missing = files - Number(database.get('SELECT count(*) AS n FROM app_picked')?.['n']);
  return [
    ...(missing === 0 ? [] : [{ missing }]),
    ...database.all(
      `SELECT media_id, facts ->> 'situation' AS situation, facts ->> 'error' AS error
       FROM lading_media WHERE facts ->> 'situation' <> 'uploaded' ORDER BY media_id`,
    ),
    ...database.all(`SELECT stream, name, due_at, runner FROM lading_task ORDER BY stream, name`),
    ...database.all('SELECT * FROM lading_outbox'),
  ];
}
