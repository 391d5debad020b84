import type { RefDelta } from '../../../ports/backend.ts';
import { ACCOUNT } from '../app.ts';
import type { World } from '../world.ts';

/** The refs that stand, as the backend has them. */
export function liveRefs(world: World): readonly RefDelta[] {
  return world.backend.rows(ACCOUNT).filter(({ deletedAt }) => deletedAt === null);
}
