import type { Owner } from './types.ts';

/** No field of an app has a dot in its entity type, so that this is nobody's. */
const ENTITY_TYPE = 'lading.root';

/**
 * The owner that stands for all that the app's own tables hold beside linked refs. It holds an attachment like any other,
 * on this device alone: no backend hears of it (contract 5.3).
 */
export function rootOwner(accountId: string) {
  return {
    scope: { accountId, projectId: null },
    entityType: ENTITY_TYPE,
    entityId: 'app',
    field: 'roots',
  } satisfies Owner;
}

export function isRootOwner({ entityType }: Pick<Owner, 'entityType'>): boolean {
  return entityType === ENTITY_TYPE;
}
