/**
 * What cleaning up needs: which files are held by how many attachments, what was found to be garbage and when, and which
 * streams have something to compact. Frozen once released: a change is a new migration.
 *
 * `lading_blob` has one row for each file that at least one attachment holds. `holders`, `evictable` (those of them
 * that could be evicted now) and the size follow from the log; `opened_at` (last opened, or written) is a hint for the
 * order of eviction, and losing it costs nothing.
 * `lading_derived` has files that were made of attachments and can be made again: no part of the log.
 * `lading_hold` protects a file that somebody is about to take over, before a holder of his is committed.
 * `lading_garbage` is the first phase of garbage collection: what was found, since when, and why.
 * `lading_stream.touched_at` is the time of the last event; `compacted` the version up to which it was compacted.
 */
export const cleanupSchema = `
CREATE TABLE lading_blob (
  blob_key TEXT PRIMARY KEY,
  account_id TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  byte_size INTEGER NOT NULL,
  holders INTEGER NOT NULL,
  evictable INTEGER NOT NULL,
  opened_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX lading_blob_content ON lading_blob (account_id, sha256, byte_size);
CREATE INDEX lading_blob_unused ON lading_blob (account_id, opened_at, blob_key) WHERE evictable = holders;

INSERT INTO lading_blob (blob_key, account_id, sha256, byte_size, holders, evictable, opened_at)
  SELECT blob_key, min(account_id), min(sha256), min(byte_size), count(*),
    sum(CASE WHEN url IS NOT NULL AND facts ->> 'error' IS NULL AND facts ->> 'local' = 'present'
      AND coalesce(facts ->> 'pinned', 0) = 0 THEN 1 ELSE 0 END),
    max(captured_at)
  FROM lading_media WHERE has_bytes = 1 AND blob_key IS NOT NULL GROUP BY blob_key;

CREATE INDEX lading_media_blob ON lading_media (blob_key) WHERE has_bytes = 1;
CREATE INDEX lading_media_lost ON lading_media (blob_key) WHERE has_bytes = 0 AND url IS NULL;
CREATE INDEX lading_media_unsent ON lading_media (account_id, media_id) WHERE has_bytes = 1 AND url IS NULL;
CREATE INDEX lading_media_url ON lading_media (account_id, url) WHERE url IS NOT NULL;

ALTER TABLE lading_usage ADD COLUMN evictable_bytes INTEGER NOT NULL DEFAULT 0;
UPDATE lading_usage SET evictable_bytes = coalesce((
  SELECT sum(b.byte_size) FROM lading_blob AS b
  WHERE b.account_id = lading_usage.account_id AND b.evictable = b.holders), 0);

CREATE TABLE lading_derived (
  media_id TEXT NOT NULL,
  name TEXT NOT NULL,
  account_id TEXT NOT NULL,
  blob_key TEXT NOT NULL UNIQUE,
  byte_size INTEGER NOT NULL,
  opened_at INTEGER NOT NULL,
  PRIMARY KEY (media_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX lading_derived_unused ON lading_derived (account_id, opened_at, blob_key);

CREATE TABLE lading_hold (
  blob_key TEXT NOT NULL,
  holder TEXT NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (blob_key, holder)
) STRICT, WITHOUT ROWID;

CREATE TABLE lading_garbage (
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  reason TEXT NOT NULL,
  found_at INTEGER NOT NULL,
  PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX lading_garbage_age ON lading_garbage (kind, found_at);

ALTER TABLE lading_stream ADD COLUMN touched_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lading_stream ADD COLUMN compacted INTEGER NOT NULL DEFAULT 0;
UPDATE lading_stream SET touched_at = coalesce((
  SELECT e.at FROM lading_event AS e
  WHERE e.stream = lading_stream.stream AND e.version = lading_stream.version), 0);
CREATE INDEX lading_stream_idle ON lading_stream (touched_at) WHERE version > compacted;
`;
