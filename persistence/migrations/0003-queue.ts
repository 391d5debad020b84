/**
 * What the order of uploads needs: whose turn a job is sent in, how large it is, and whether the user wants it before
 * others. Frozen once released: a change is a new migration.
 *
 * `lading_job.owner_key` is the first key of its owners, in their order; `preferred` is 0 where nobody asked, else the
 * highest is next. The indexes make each look for the next upload one step, however many are queued.
 */
export const queueSchema = `
ALTER TABLE lading_job ADD COLUMN owner_key TEXT NOT NULL DEFAULT '';
ALTER TABLE lading_job ADD COLUMN byte_size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lading_job ADD COLUMN preferred INTEGER NOT NULL DEFAULT 0;
UPDATE lading_job SET
  owner_key = coalesce((SELECT min(r.owner_key) FROM lading_ref AS r WHERE r.media_id = lading_job.media_id), ''),
  byte_size = coalesce((SELECT m.byte_size FROM lading_media AS m WHERE m.media_id = lading_job.media_id), 0);
CREATE INDEX lading_job_turn ON lading_job (account_id, situation, owner_key, since, media_id);
CREATE INDEX lading_job_size ON lading_job (account_id, situation, byte_size, since, media_id);
CREATE INDEX lading_job_preferred ON lading_job (account_id, situation, preferred) WHERE preferred > 0;
`;
