import type { AppStatement, Lading, Owner, OwnerScope, SqlDatabase, UndoToken } from 'lading';

/** What all parts of the app share. */
export interface AppParts {
  readonly lading: Lading;
  readonly store: SqlDatabase;
  readonly accountId: string;
  now(): number;
}

/** Table names by the entity type that owners carry. */
const TABLES = {
  project: 'project',
  item: 'item',
  transaction: 'transaction_',
  space: 'space',
} as const;
export type EntityType = keyof typeof TABLES;

/** An entity of the app: where it is kept, and whose attachments it has. */
export interface Entity {
  readonly type: EntityType;
  readonly id: string;
  /** Null is business inventory, never "unknown". */
  readonly projectId: string | null;
}

export function scopeOf(accountId: string, projectId: string | null): OwnerScope {
  return { accountId, projectId };
}

export function ownerOf(accountId: string, entity: Entity, field: string): Owner {
  const { type, id, projectId } = entity;
  return { scope: scopeOf(accountId, projectId), entityType: type, entityId: id, field };
}

/** The row of a new entity, as a statement: it goes into the commit that stores its first attachments. */
export function rowOf(accountId: string, entity: Entity, name: string): AppStatement {
  const { type, id, projectId } = entity;
  if (type === 'project') {
    return {
      sql: 'INSERT INTO project (id, account_id, name) VALUES (?, ?, ?)',
      params: [id, accountId, name],
      changes: 1,
    };
  }
  return {
    sql: `INSERT INTO ${TABLES[type]} (id, account_id, project_id, name) VALUES (?, ?, ?, ?)`,
    params: [id, accountId, projectId, name],
    changes: 1,
  };
}

/**
 * Deletes an entity and lets go of all its attachments, of all its fields, in one commit; also in the middle of an
 * upload. The row stays as a tombstone, so that undo can bring both back.
 */
export function deleteEntity(parts: AppParts, entity: Entity): Promise<UndoToken> {
  const { lading, accountId } = parts;
  const { type, id, projectId } = entity;
  const sql = `UPDATE ${TABLES[type]} SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL`;
  return lading.ownerDeleted(
    { scope: scopeOf(accountId, projectId), entityType: type, entityId: id },
    { inTransaction: [{ sql, params: [parts.now(), id], changes: 1 }] },
  );
}

/** @throws {LadingError} `undo_expired`; then the entity stays deleted, too. */
export function undoDelete(parts: AppParts, entity: Entity, token: UndoToken): Promise<void> {
  const sql = `UPDATE ${TABLES[entity.type]} SET deleted_at = NULL WHERE id = ?`;
  return parts.lading.undo(token, { inTransaction: [{ sql, params: [entity.id], changes: 1 }] });
}
