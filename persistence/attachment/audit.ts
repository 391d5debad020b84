import type { AttachmentAudit } from '../../ports/attachment-tables.ts';
import type { SqlTransaction } from '../../ports/sql.ts';
import { JOB_COLUMNS, MEDIA_COLUMNS, REF_COLUMNS, rowsOf, type Values } from './rows.ts';
import { put, remove } from './tables.ts';
import { compareTotals, repairTotals, STREAM_TABLES } from './totals.ts';

/** What `verify` needs of the projections of attachments. */
export const attachmentAudit: AttachmentAudit = {
  compare({ sql }, stream, state) {
    const rows = rowsOf(state);
    const differences: string[] = [];
    // Names of columns, never what is in them: a report may leave the device, and the account (contract 10.7).
    const check = (table: string, columns: string, wanted: readonly Values[]): void => {
      const order = table === 'lading_ref' ? 'owner_key' : 'media_id';
      const stored = select(sql, table, columns, stream, order);
      if (stored.length !== wanted.length) {
        differences.push(`${table} has ${stored.length} rows, the log says ${wanted.length}`);
        return;
      }
      const wrong = columns
        .split(', ')
        .filter((_, at) => stored.some((row, index) => row[at] !== wanted[index]?.[at]));
      if (wrong.length > 0)
        differences.push(`${table} differs from the log in ${wrong.join(', ')}`);
    };
    check('lading_media', MEDIA_COLUMNS, rows.media === null ? [] : [rows.media]);
    check(
      'lading_ref',
      REF_COLUMNS,
      [...rows.refs.values()].toSorted((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1)),
    );
    check('lading_job', JOB_COLUMNS, rows.job === null ? [] : [rows.job]);
    return differences;
  },

  rewrite({ sql }, stream, state) {
    const rows = rowsOf(state);
    for (const table of STREAM_TABLES) remove(sql, table, stream);
    if (rows.media !== null) put(sql, 'lading_media', MEDIA_COLUMNS, rows.media);
    for (const values of rows.refs.values()) put(sql, 'lading_ref', REF_COLUMNS, values);
    if (rows.job !== null) put(sql, 'lading_job', JOB_COLUMNS, rows.job);
  },

  compareTotals,
  repairTotals,
};

function select(
  sql: SqlTransaction,
  table: string,
  columns: string,
  mediaId: string,
  order: string,
): readonly Values[] {
  const names = columns.split(', ');
  return sql
    .all(`SELECT ${columns} FROM ${table} WHERE media_id = ? ORDER BY ${order}`, mediaId)
    .map((row) => names.map((name) => row[name] ?? null));
}
