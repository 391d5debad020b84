/**
 * The first schema. Frozen once released: a change is a new migration.
 * STRICT tables, so that every driver stores the same types; 64-bit ids are text; times are milliseconds since 1970.
 */
export const initialSchema = `
CREATE TABLE lading_event (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  stream TEXT NOT NULL,
  version INTEGER NOT NULL,
  type TEXT NOT NULL,
  schema_version INTEGER NOT NULL,
  at INTEGER NOT NULL,
  jitter REAL NOT NULL,
  payload TEXT NOT NULL,
  state TEXT NOT NULL,
  key TEXT,
  UNIQUE (stream, version)
) STRICT;
CREATE UNIQUE INDEX lading_event_key ON lading_event (stream, key) WHERE key IS NOT NULL;

CREATE TABLE lading_stream (
  stream TEXT PRIMARY KEY,
  machine TEXT NOT NULL,
  version INTEGER NOT NULL,
  status TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE lading_snapshot (
  stream TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  format TEXT NOT NULL,
  body TEXT NOT NULL
) STRICT;

CREATE TABLE lading_task (
  stream TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  run INTEGER NOT NULL,
  machine TEXT NOT NULL,
  src TEXT NOT NULL,
  input TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  runner TEXT,
  buried TEXT,
  PRIMARY KEY (stream, kind, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX lading_task_due ON lading_task (machine, due_at) WHERE kind = 'timer' AND buried IS NULL;
CREATE INDEX lading_task_begun ON lading_task (machine, started_at) WHERE kind = 'timer' AND buried IS NULL;
CREATE INDEX lading_task_work ON lading_task (machine, src, started_at) WHERE kind <> 'timer' AND buried IS NULL;
CREATE INDEX lading_task_runner ON lading_task (runner) WHERE runner IS NOT NULL;
CREATE INDEX lading_task_buried ON lading_task (buried) WHERE buried IS NOT NULL;

CREATE TABLE lading_runner (
  runner TEXT PRIMARY KEY,
  expires_at INTEGER NOT NULL,
  info TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE lading_media (
  media_id TEXT PRIMARY KEY,
  account_id TEXT NOT NULL,
  origin TEXT NOT NULL,
  kind TEXT NOT NULL,
  content_type TEXT NOT NULL,
  byte_size INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  filename TEXT,
  blob_key TEXT,
  has_bytes INTEGER NOT NULL,
  url TEXT,
  captured_at INTEGER NOT NULL,
  facts TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE lading_ref (
  owner_key TEXT NOT NULL,
  media_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  project_id TEXT,
  entity_type TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  field TEXT NOT NULL,
  rank TEXT NOT NULL,
  is_primary INTEGER NOT NULL,
  PRIMARY KEY (owner_key, media_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX lading_ref_order ON lading_ref (owner_key, rank, media_id);
CREATE INDEX lading_ref_media ON lading_ref (media_id);

CREATE TABLE lading_job (
  media_id TEXT PRIMARY KEY,
  account_id TEXT NOT NULL,
  situation TEXT NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER,
  attempts INTEGER NOT NULL,
  idempotency_key TEXT NOT NULL,
  error TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX lading_job_queue ON lading_job (account_id, situation, since, media_id);

CREATE TABLE lading_usage (
  account_id TEXT PRIMARY KEY,
  bytes INTEGER NOT NULL,
  blobs INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE lading_outbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  op_id TEXT NOT NULL UNIQUE,
  account_id TEXT NOT NULL,
  media_id TEXT NOT NULL,
  owner_key TEXT NOT NULL,
  op TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL
) STRICT;
CREATE INDEX lading_outbox_due ON lading_outbox (account_id, due_at, seq);
CREATE INDEX lading_outbox_written ON lading_outbox (account_id, created_at);
CREATE INDEX lading_outbox_ref ON lading_outbox (media_id, owner_key);

CREATE TABLE lading_cursor (
  account_id TEXT NOT NULL,
  scope TEXT NOT NULL,
  updated_at INTEGER NOT NULL,
  id TEXT NOT NULL,
  seen_seq INTEGER NOT NULL,
  PRIMARY KEY (account_id, scope)
) STRICT, WITHOUT ROWID;

CREATE TABLE lading_checkpoint (
  stream TEXT PRIMARY KEY,
  body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`;
