import type { DatabaseSync } from 'node:sqlite';

/**
 * Clones the one attachment of a database: `count` more with ids, owners and events of their own, ten to an owner, as
 * the engine would have left them. A hundred thousand take seconds, where captures would take minutes.
 * @param options `sharesBytes`: all hold the one file that is there, as captures of equal bytes do. Default each its
 *   own, which is not there.
 */
export function cloneAttachment(
  handle: DatabaseSync,
  mediaId: string,
  count: number,
  options: { readonly sharesBytes?: boolean } = {},
): void {
  const columns = (table: string): readonly string[] =>
    handle
      .prepare(`SELECT name FROM pragma_table_info('${table}')`)
      .all()
      .map(({ name }) => String(name));
  const id = `printf('%08x-0000-7000-8000-%012x', n.n, n.n)`;
  const key = String(
    handle.prepare('SELECT blob_key FROM lading_media WHERE media_id = ?').get(mediaId)?.[
      'blob_key'
    ],
  );
  const sharesBytes = options.sharesBytes === true;
  const ownKey = sharesBytes ? `'${key}'` : `printf('%s-%08x', '${key}', n.n)`;
  const entity = `printf('entity-%d', n.n / 10)`;
  const changed = (column: string): string => {
    const withIds = `replace(replace(t.${column}, '${mediaId}', ${id}), '${key}', ${ownKey})`;
    if (column === 'blob_key') return ownKey;
    if (column === 'position') return 'NULL';
    if (column === 'media_id' || column === 'stream') return id;
    if (column === 'entity_id') return entity;
    if (TEXT.has(column)) return `replace(${withIds}, 'entity-0', ${entity})`;
    return `t.${column}`;
  };
  handle.exec('BEGIN');
  for (const table of [
    'lading_event',
    'lading_stream',
    'lading_snapshot',
    'lading_media',
    'lading_ref',
    'lading_job',
  ]) {
    const names = columns(table);
    const values = names.map(changed);
    handle.exec(`
      WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ${count})
      INSERT INTO ${table} (${names.join(', ')})
      SELECT ${values.join(', ')} FROM n, ${table} AS t
      WHERE t.${names.includes('media_id') ? 'media_id' : 'stream'} = '${mediaId}'`);
  }
  if (sharesBytes) handle.exec(`UPDATE lading_blob SET holders = holders + ${count}`);
  else cloneBlobs(handle, key, count);
  handle.exec('COMMIT');
}

function cloneBlobs(handle: DatabaseSync, key: string, count: number): void {
  handle.exec(`
    INSERT INTO lading_blob (blob_key, account_id, sha256, byte_size, holders, evictable, opened_at)
    SELECT m.blob_key, b.account_id, b.sha256, b.byte_size, 1, b.evictable, b.opened_at
    FROM lading_media AS m, lading_blob AS b WHERE b.blob_key = '${key}' AND m.blob_key <> '${key}'`);
  handle.exec(`UPDATE lading_usage SET bytes = bytes * ${count + 1}, blobs = ${count + 1},
    evictable_bytes = evictable_bytes * ${count + 1}`);
}

/** Columns whose text names the attachment or its owner. */
const TEXT: ReadonlySet<string> = new Set([
  'payload',
  'state',
  'body',
  'url',
  'owner_key',
  'facts',
  'idempotency_key',
]);
