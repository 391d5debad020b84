import type { Owner } from '../machines/attachment/types.ts';

/** An owner as plain JSON with all its parts, whatever else the object carries. */
export function plainOwner({ scope, entityType, entityId, field }: Owner) {
  const { accountId, projectId } = scope;
  return { scope: { accountId, projectId: projectId ?? null }, entityType, entityId, field };
}
