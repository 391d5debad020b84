import type { Oracle } from './oracle.ts';

/** Enough for what happens between two looks. */
const LATEST = 300;

/** Contract 4.4: refused credentials burn no attempt; what waits for a backoff has burnt one. */
export const refusalsBurnNothing: Oracle = {
  name: 'refused credentials burn no attempt',
  always(_world, { name, sql }) {
    const isMade = sql?.get(`SELECT 1 AS found FROM sqlite_schema WHERE name = 'lading_event'`);
    if (sql === undefined || isMade === undefined) return [];
    const rows = sql.all(
      `SELECT stream, type, state FROM (SELECT * FROM lading_event ORDER BY position DESC LIMIT ?)
       WHERE type IN ('upload.failed', 'attach.failed', 'removeRemote.failed')
         AND payload ->> '$.output.class' = 'auth'`,
      LATEST,
    );
    return rows
      .filter((row) => /"(waiting|removeWaiting|leftover)"/.test(String(row['state'])))
      .map((row) => `${name}: ${String(row['type'])} of ${String(row['stream'])} burnt one`);
  },
};
