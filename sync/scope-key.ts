import type { OwnerScope } from '../machines/attachment/types.ts';

/** A scope as the cursor table names it; no project and the absent project are the same scope. */
export function scopeKey({ accountId, projectId }: OwnerScope): string {
  return JSON.stringify([accountId, projectId ?? null]);
}
